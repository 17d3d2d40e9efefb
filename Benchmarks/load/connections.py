"""The cost of requests and connections for the server itself: whole chats per second with a tiny model, its own share
of their time, memory of idle connections."""

import asyncio
import json
import resource
import shutil
import statistics
import subprocess
import time

from . import client
from .figures import ms, percentile
from .load import closed_loop
from .servers import R4B, ROOT, binary

TINY = {
    "messages": [{"role": "user", "content": "3 + 4 = ?"}],
    "max_tokens": 1,
    "temperature": 0,
    "thinking_mode": "short",
}


def rate(o):
    """Whole chats per second at several numbers of connections by wrk, then the part of a chat's time outside the
    engine."""
    if not shutil.which("wrk"):
        raise SystemExit("wrk is missing: apt-get install wrk")
    body = json.dumps(TINY | {"max_tokens": o.tokens})
    with R4B(binary(o), o.model, o.set, o.threads) as server:
        for connections in o.connections:
            for repetition in range(o.repetitions):
                text = subprocess.run(
                    [
                        "wrk",
                        "-t1",
                        f"-c{connections}",
                        f"-d{o.seconds}s",
                        "--latency",
                        "-s",
                        ROOT / "Benchmarks/load/chat.lua",
                        f"http://127.0.0.1:{server.port}/v1/chat/completions",
                        body,
                    ],
                    capture_output=True,
                    text=True,
                    check=True,
                    timeout=o.seconds + 60,
                ).stdout
                found = {
                    line.split()[0]: line.split()[1]
                    for line in text.splitlines()
                    if line.strip().startswith(("50%", "99%", "Requests/sec"))
                }
                bad = "; ".join(
                    line.strip() for line in text.splitlines() if "Non-2xx" in line or "Socket errors" in line
                )
                print(
                    f"{connections} connections, run {repetition + 1}: {float(found['Requests/sec:']):.0f} chats/s, p50 {found['50%']}, p99 {found['99%']}{'  ' + bad if bad else ''}",
                    flush=True,
                )
    with R4B(binary(o), o.model, o.set, o.threads, log=True) as server:
        asyncio.run(closed_loop(server.port, [client.chat("short", json.loads(body))] * o.requests, 1))
        server.stop()
        lines = [
            json.loads(line) for line in server.text().splitlines() if line.startswith("{") and "first_token_ms" in line
        ]
    engine = [sum(line[name] or 0 for name in ("queue_ms", "image_ms", "prefill_ms", "decode_ms")) for line in lines]
    own = [max(0, line["total_ms"] - spent) for line, spent in zip(lines, engine)]
    print(
        f"{len(lines)} chats one after the other: engine {statistics.mean(engine):.2f} ms each, the server's own share {statistics.mean(own):.2f} ms "
        f"(p50 {percentile(own, 0.5):.1f}, p99 {percentile(own, 0.99):.1f}; the log has one decimal)"
    )


def idle(o):
    """Memory of idle connections that each made one request, and latency of others beside them."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    settings = [
        f"http.max_connections={o.idle + 1000}",
        f"http.max_connections_per_address={o.idle + 1000}",
        "http.idle_timeout_s=3600",
        *o.set,
    ]
    with R4B(binary(o), o.model, settings, o.threads) as server:
        asyncio.run(_idle(o, server))


async def _idle(o, server):
    request = client.chat("short", TINY) if o.request == "chat" else client.request("health", "GET", "/health")
    others = [client.chat("short", TINY)] * o.requests

    async def beside():
        figures = await closed_loop(server.port, others, o.clients)
        return f"{o.clients} other clients: p50 {ms(figures.time_p50)}, p99 {ms(figures.time_p99)}, {figures.requests_per_second:.0f} chats/s, {figures.answered} of {figures.asked} answered"

    await beside()
    print(f"no idle connections; {await beside()}")
    before, peers = server.resident(), []
    start = time.perf_counter()
    for begin in range(0, o.idle, 32):
        batch = await asyncio.gather(*(client.Connection.open(server.port) for _ in range(min(32, o.idle - begin))))
        for reply in await asyncio.gather(*(peer.ask(request) for peer in batch)):
            if reply.error:
                raise SystemExit(f"a connection's request failed: {reply.error}")
        peers += batch
    print(f"{len(peers)} connections opened in {time.perf_counter() - start:.1f} s, each with one {o.request} request")
    await asyncio.sleep(1)
    print(
        f"resident {before / 2**20:.1f} MiB before, {server.resident() / 2**20:.1f} MiB with them: {(server.resident() - before) / max(1, o.idle):.0f} bytes each"
    )
    print(f"{o.idle} idle connections; {await beside()}")
    print(
        f"still open: {sum(peer.is_open for peer in peers)} by the client, {await server.metric('r4b_connections'):.0f} by the server, including this one"
    )
    for peer in peers:
        peer.close()
    await asyncio.sleep(1)
    print(f"after they left: {server.resident() / 2**20:.1f} MiB resident")
