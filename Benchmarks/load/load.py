#!/usr/bin/env python3
"""Sends the requests of many clients to a running OpenAI-compatible server and reports how it answers.

    Benchmarks/load/load.py --port 8080 [--clients 16] [--requests 200 | --seconds 10]
                            [--mix short=4,long=2,prompt=1,image=1] [--stream 0.8] [--modes short,long,auto]
    Benchmarks/load/load.py --port 8080 --rate 20 --seconds 10        an open loop: arrivals of a Poisson process

In the closed loop each client sends its next request when the last one is answered. --modes is for r4b only; models
without images need a --mix without them. A kept connection that turns out to be closed is replaced, and the report
counts this. Exits with status 1 if a request was not answered.
"""

import argparse
import asyncio
import itertools
import json
import pathlib
import random
import sys
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    __package__ = "load"
from .client import Connection, Reply  # noqa: E402
from .figures import Figures  # noqa: E402
from .mix import Mix, weights  # noqa: E402


async def ask(pool, port, request, due, timeout):
    """Sends one request on a connection of the pool; errors go into the reply. If a kept connection ends before the
    reply begins, it is replaced once, because a server may close a connection between two requests (llama-server does
    so after each stream)."""
    kept = None
    while pool and not (kept and kept.is_open):
        kept = pool.pop()
    if kept and kept.is_open:
        reply = await kept.ask(request, due, timeout)
        if reply.error != "closed" or reply.status != 0:
            if kept.is_open:
                pool.append(kept)
            return reply
    try:
        connection = await Connection.open(port)
    except OSError as error:
        reply = Reply(request.kind, due)
        reply.error = f"connection: {type(error).__name__}"
        return reply
    reply = await connection.ask(request, due, timeout)
    reply.reconnected = kept is not None
    if connection.is_open:
        pool.append(connection)
    return reply


async def closed_loop(port, requests, clients, seconds=None, timeout=600):
    """Each client has one connection and one request at a time. With `seconds` no request starts after them."""
    coming, replies = iter(requests), []
    start = time.perf_counter()

    async def client():
        pool = []
        for request in coming:
            replies.append(await ask(pool, port, request, time.perf_counter(), timeout))
            if seconds and time.perf_counter() - start >= seconds:
                break
        for connection in pool:
            connection.close()

    await asyncio.gather(*(client() for _ in range(clients)))
    return Figures(replies, time.perf_counter() - start, len(replies) if seconds else len(requests))


async def open_loop(port, requests, rate, seed, seconds=None, timeout=600):
    """Arrivals of a Poisson process with `rate` per second. Opens a connection if none is free."""
    pool, tasks, rng = [], [], random.Random(f"arrivals/{seed}")
    start = time.perf_counter()
    due = start
    for request in requests:
        due += rng.expovariate(rate)
        if seconds and due - start > seconds:
            break
        await asyncio.sleep(max(0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(ask(pool, port, request, due, timeout)))
    replies = list(await asyncio.gather(*tasks))
    for connection in pool:
        connection.close()
    return Figures(replies, time.perf_counter() - start, len(tasks))


def add_mix(parser, mix="short=4,long=2,prompt=1,image=1"):
    """Adds the options that describe the requests."""
    parser.add_argument("--mix", type=weights, default=weights(mix), metavar="KIND=WEIGHT,…", help=f"default {mix}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--stream", type=float, default=1.0, help="fraction of requests that stream")
    parser.add_argument("--short", type=int, default=24, help="max_tokens of short replies")
    parser.add_argument("--long", type=int, default=192, help="max_tokens of long replies")
    parser.add_argument("--words", type=int, default=150, help="words of a long prompt")
    parser.add_argument("--image", default="320x240", metavar="WxH")
    parser.add_argument("--body", type=json.loads, default={}, metavar="JSON", help="fields added to each request")


def made_mix(o, seed, modes=()):
    """Returns the mix of the options."""
    width, height = map(int, o.image.split("x"))
    return Mix(seed, o.mix, modes, o.stream, o.short, o.long, o.words, (width, height), extra=o.body)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--port", type=int, required=True)
    p.add_argument("--clients", type=int, default=16)
    p.add_argument("--rate", type=float, help="arrivals per second, as an open loop")
    p.add_argument("--requests", type=int)
    p.add_argument("--seconds", type=float)
    p.add_argument("--timeout", type=float, default=600)
    p.add_argument("--modes", default="", help="values of thinking_mode to choose from")
    add_mix(p)
    o = p.parse_args()
    count = o.requests or (int(o.rate * o.seconds * 2) + 10 if o.rate and o.seconds else 200)
    requests = made_mix(o, o.seed, [m for m in o.modes.split(",") if m]).requests(count)
    if o.rate:
        figures = asyncio.run(open_loop(o.port, requests, o.rate, o.seed, o.seconds, o.timeout))
    else:
        # Without a number of requests the list repeats.
        coming = itertools.cycle(requests) if o.seconds and not o.requests else requests
        figures = asyncio.run(closed_loop(o.port, coming, o.clients, o.seconds, o.timeout))
    print("\n".join(figures.lines()))
    return 0 if figures.is_complete else 1


if __name__ == "__main__":
    sys.exit(main())
