"""What heavy requests of one client cost the others, what happens to work whose client left, and clients that do not
read."""

import base64
import contextlib
import http.client
import json
import os
import pathlib
import resource
import socket
import subprocess
import threading
import time

import pytest
from conftest import ROOT, Server, binary

GREEDY, INNOCENT = "127.0.0.2", "127.0.0.3"


def connection(server, address):
    return http.client.HTTPConnection("127.0.0.1", server.port, timeout=120, source_address=(address, 0))


def ask(server, address, method, path, body=None):
    """Returns status, headers and decoded reply of one request from an address."""
    with contextlib.closing(connection(server, address)) as peer:
        peer.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        reply = peer.getresponse()
        return reply.status, reply.headers, json.loads(reply.read())


def send(server, address, path, body):
    """Returns a socket on which a request was sent and whose response nobody has read."""
    peer = socket.create_connection(("127.0.0.1", server.port), timeout=120, source_address=(address, 0))
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    peer.sendall(head.encode() + body)
    return peer


def gif_with_extensions(count):
    """A one-pixel image after the given number of comments."""
    head = b"GIF89a\x01\x00\x01\x00\x80\x00\x00\x00\x00\x00\xff\xff\xff"
    return head + b"\x21\xfe\x01a\x00" * count + b"\x2c\x00\x00\x00\x00\x01\x00\x01\x00\x00\x02\x02\x44\x01\x00\x3b"


def chat(*parts):
    return json.dumps({"messages": [{"role": "user", "content": list(parts)}], "max_tokens": 1}).encode()


def heavy():
    """Returns bodies that take long to read, by name."""
    url = "data:image/gif;base64," + base64.b64encode(gif_with_extensions(4_000_000)).decode()
    names = ",".join(f'"{"n" * 40}{number}":1' for number in range(190_000))
    return {
        "escapes": ("/tokenize", b'{"content":"' + b"\\u0041" * (10 << 20) + b'"}'),
        "unknown names": ("/v1/chat/completions", f'{{"messages":[{{"role":"user","content":"a"}}],{names}}}'.encode()),
        "pieces": ("/tokenize", json.dumps({"content": "a b " * 450_000, "with_pieces": True}).encode()),
        "GIF comments": ("/v1/chat/completions", chat({"type": "image_url", "image_url": {"url": url}})),
        "one long word": ("/tokenize", json.dumps({"content": "abcdefgh" * (1 << 20)}).encode()),
        "arrays": ("/tokenize", b'{"content":[' + b"[[[[[[[]]]]]]]," * 12_000 + b"1]}"),
    }


@pytest.fixture(scope="module")
def shared():
    with Server(["--set", "http.max_buffered_bytes=1073741824"]) as server:
        yield server


@pytest.mark.parametrize("name", heavy())
def test_another_client_is_answered_promptly_beside_heavy_requests(shared, name):
    path, body = heavy()[name]
    stop = threading.Event()

    def attack():
        while not stop.is_set():
            with contextlib.suppress(OSError, http.client.HTTPException):
                ask(shared, GREEDY, "POST", path, body)

    threads = [threading.Thread(target=attack) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(1)
        longest = 0
        for _ in range(15):
            for request in (("GET", "/health"), ("POST", "/tokenize", b'{"content":"a few words"}')):
                started = time.monotonic()
                assert ask(shared, INNOCENT, *request)[0] == 200
                longest = max(longest, time.monotonic() - started)
        assert longest < 3, longest
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_work_ends_with_its_client(shared):
    def processor_seconds():
        fields = pathlib.Path(f"/proc/{shared.process.pid}/stat").read_text().rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    dropped = shared.metric('r4b_work_jobs_total{result="dropped"}')
    path, body = "/tokenize", json.dumps({"content": "abcdefgh" * (4 << 20)}).encode()
    peers = [send(shared, GREEDY, path, body) for _ in range(6)]
    deadline = time.monotonic() + 60
    while shared.metric("r4b_work_running") == 0:
        assert time.monotonic() < deadline
    for peer in peers:
        peer.close()
    deadline = time.monotonic() + 10
    while True:
        before = processor_seconds()
        time.sleep(1)
        if processor_seconds() - before < 0.3:
            break
        assert time.monotonic() < deadline, "the work goes on"
    assert shared.metric("r4b_work_running") == shared.metric("r4b_work_waiting") == 0
    assert shared.metric('r4b_work_jobs_total{result="dropped"}') > dropped
    assert shared.metric("r4b_http_body_bytes") == 0


def test_a_request_that_exceeds_its_processor_time_gets_the_limit():
    with Server(["--set", "http.request_cpu_s=0.1"]) as server:
        body = json.dumps({"content": "a b " * 450_000, "with_pieces": True}).encode()
        status, _, reply = ask(server, GREEDY, "POST", "/tokenize", body)
        assert (
            status == 400 and reply["error"]["code"] == "request_too_expensive" and "0.1 s" in reply["error"]["message"]
        ), reply
        assert ask(server, GREEDY, "POST", "/tokenize", b'{"content":"a"}')[0] == 200
        assert server.metric('r4b_work_jobs_total{result="over_budget"}') == 1


def test_unread_responses_are_limited_in_total():
    limit = 64 << 20
    with Server(["--set", f"http.max_unsent_bytes={limit}"]) as server:
        body = json.dumps({"content": "a b " * 250_000, "with_pieces": True}).encode()
        status, _, reply = ask(server, INNOCENT, "POST", "/tokenize", body)
        assert status == 200 and reply["count"] >= 250_000
        before = server.resident()
        peers = []
        for _ in range(12):
            peers.append(send(server, GREEDY, "/tokenize", body))
            assert ask(server, INNOCENT, "POST", "/tokenize", b'{"content":"a"}')[0] == 200
            assert server.metric("r4b_http_unsent_bytes") <= limit
        deadline = time.monotonic() + 60
        while server.metric("r4b_work_running") + server.metric("r4b_work_waiting") > 0:
            assert time.monotonic() < deadline
        assert server.metric("r4b_http_unsent_bytes") <= limit
        assert server.resident() < before + 4 * limit / (1 << 20)
        # A client that reads still gets a whole document: the slowest readers lose their connections after their time.
        deadline = time.monotonic() + 60
        while ask(server, INNOCENT, "POST", "/tokenize", body)[0] != 200:
            assert time.monotonic() < deadline
            time.sleep(1)
        for peer in peers:
            peer.close()


def test_a_reader_below_the_minimum_rate_is_disconnected():
    settings = ["http.write_timeout_s=2", "http.min_send_bytes_per_s=10000000"]
    with Server([part for setting in settings for part in ("--set", setting)]) as server:
        body = json.dumps({"content": "a b " * 450_000, "with_pieces": True}).encode()
        with send(server, GREEDY, "/tokenize", body) as peer:
            started, total = time.monotonic(), 0
            with contextlib.suppress(ConnectionError):
                while piece := peer.recv(65536):
                    total += len(piece)
                    assert time.monotonic() - started < 60
                    time.sleep(0.05)
        # The client reads everything the kernel held, which is a part of the response.
        assert total < 30_000_000
        assert "write_timeout" in server.read()


def test_without_descriptors_new_connections_get_503_and_files_still_open(tmp_path):
    log = tmp_path / "log"
    command = f"ulimit -n 64; exec {binary()} serve --port 0 --set ledger.path={tmp_path}/ledger.sqlite"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")}
    with open(log, "wb") as file:
        process = subprocess.Popen(
            ["bash", "-c", command], cwd=ROOT, env=environment, stderr=file, stdin=subprocess.DEVNULL
        )
    try:
        deadline = time.monotonic() + 60
        while "Listening on http" not in (text := log.read_text()):
            assert process.poll() is None and time.monotonic() < deadline, text
            time.sleep(0.05)
        assert "Warning: http.max_connections is 10000" in text
        port = int(text.split("Listening on http://127.0.0.1:")[1].split()[0])
        peers = [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(100)]
        rejected = 0
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            reply = peer.recv(65536)
            assert reply.startswith((b"HTTP/1.1 200 ", b"HTTP/1.1 503 ")), reply
            if reply.startswith(b"HTTP/1.1 503 "):
                assert b"retry-after: " in reply.lower()
                rejected += 1
        assert 40 <= rejected <= 98
        # Open connections continue, and so does the ledger.
        body = json.dumps({"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 2}).encode()
        peers[0].sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
            % len(body)
            + body
        )
        assert peers[0].recv(65536).startswith(b"HTTP/1.1 200 ")
        for peer in peers:
            peer.close()
        deadline = time.monotonic() + 30
        while True:
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as peer:
                peer.request("GET", "/metrics")
                reply = peer.getresponse()
                text = reply.read().decode()
                if reply.status == 200:
                    break
            assert time.monotonic() < deadline
        assert "r4b_ledger_degraded 0" in text and 'r4b_ledger_rows_total{result="dropped"} 0' in text
    finally:
        process.terminate()
        assert process.wait(timeout=60) == 0


def test_a_process_that_runs_out_of_descriptors_still_answers(tmp_path):
    with Server() as server:
        assert ask(server, INNOCENT, "GET", "/health")[0] == 200
        hard = resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE)[1]
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (server.descriptors() + 4, hard))
        peers = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(20)]
        replies = []
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            replies.append(peer.recv(65536).split(b" ")[1])
        assert set(replies) == {b"200", b"503"}, replies
        for peer in peers:
            peer.close()
        resource.prlimit(server.process.pid, resource.RLIMIT_NOFILE, (hard, hard))
        deadline = time.monotonic() + 30
        while ask(server, INNOCENT, "GET", "/health")[0] != 200:
            assert time.monotonic() < deadline
