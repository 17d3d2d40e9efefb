"""Faults around a running server: garbage, full disks, signals, stopped and slow clients, too many of them. Other
clients are served throughout, and everything recovers."""

import concurrent.futures
import json
import os
import random
import signal
import socket
import subprocess
import threading
import time

import pytest
from conftest import Server
from test_golden import CASES
from wire import LONG, Client, Truncated, ask, free_port, is_idle, question, request, wait

HELLO = {"messages": question("Add 2 and 3."), "thinking_mode": "short", "max_tokens": 8}


def settings(*values):
    return [argument for value in values for argument in ("--set", value)]


class Stream(threading.Thread):
    """Reads a long reply to its end in a separate thread."""

    def __init__(self, server, body=LONG):
        super().__init__(daemon=True)
        self.client, self.is_cut, self.limit = Client(server), False, body["max_tokens"]
        self.begun = threading.Event()
        self.client.send(request(body))
        self.answer = self.client.head()
        self.start()

    def run(self):
        try:
            for _ in self.client.events():
                if len(self.answer.events) > 2:
                    self.begun.set()
        except (Truncated, OSError):
            self.is_cut = True
        self.begun.set()
        self.client.socket.close()

    def under_way(self):
        assert self.begun.wait(30)
        return self

    def whole(self):
        """Waits for the end and checks that nothing is missing."""
        self.join(60)
        answer = self.answer
        assert not self.is_alive() and not self.is_cut and answer.error is None and answer.is_done, answer.error
        assert answer.choices[0]["finish"] == "length" and answer.usage["completion_tokens"] == self.limit


# MARK: Garbage


def nonsense(rng):
    """Bytes that are no request and the status that they must get; None where the server may also close."""
    body = b'{"messages":[{"role":"user","content":"Hi"}]}'
    head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    chunked = head + b"Transfer-Encoding: chunked\r\n\r\n"
    return rng.choice(
        (
            (rng.randbytes(rng.randrange(1, 4000)), None),
            (head[: rng.randrange(1, len(head))], None),
            (head + b"Content-Length: 4000\r\n\r\n" + body, None),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + b"a" * 20_000 + b"\r\n\r\n", 431),
            (b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Many: a\r\n" * 200 + b"\r\n", 431),
            (chunked + b"zz\r\n" + body, 400),
            (chunked + b"ffffffffffffffffffff\r\n" + body, 400),
            (chunked + b"-1\r\n\r\n", 400),
            (chunked + b"5\r\nabcdefgh\r\n0\r\n\r\n", 400),
            (chunked + b"%x\r\n" % len(body) + body, None),
            (head + b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
            (head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
            (head + b"Content-Length: -1\r\n\r\n", 400),
            (b"GET / HTTP/1.1\r\nHost: local\0host\r\n\r\n", 400),
            (b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n", 505),
            (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400),
            (b"\r\n" * 100, None),
        )
    )


def throw(server, data, status):
    with Client(server, timeout=15) as client:
        try:
            client.send(data)
            if status is None:
                client.socket.shutdown(socket.SHUT_WR)
            client.head()
            assert status in (None, client.answer.status), (data[:80], client.answer.status)
        except (Truncated, OSError):
            assert status is None, data[:80]


def test_garbage_beside_good_clients():
    with Server(settings("http.head_timeout_s=2", "http.body_timeout_s=2")) as server:
        bodies = [
            {
                "messages": question(case["text"], *case["images"]),
                "thinking_mode": case["mode"],
                "max_tokens": 96,
                "logprobs": True,
            }
            for case in CASES[::4]
        ]
        expected = [ask(server, body).choices for body in bodies]
        is_over = threading.Event()

        def good(number):
            rounds = 0
            with Client(server) as client:
                while not (is_over.is_set() and rounds):
                    for index in range(number, len(bodies), 2):
                        assert client.ask(bodies[index]).choices == expected[index]
                    rounds += 1
            return rounds

        def bad(number):
            rng = random.Random(f"garbage/{number}")
            for _ in range(60):
                throw(server, *nonsense(rng))

        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            good_ones = [pool.submit(good, number) for number in range(2)]
            bad_ones = [pool.submit(bad, number) for number in range(4)]
            try:
                for one in bad_ones:
                    one.result()
            finally:
                is_over.set()
            assert all(one.result() for one in good_ones)
        assert wait(lambda: is_idle(server) and server.metric("r4b_connections") == 1)


# MARK: Full disks


def test_a_full_log_device_stops_no_client():
    port = free_port()
    with (
        open("/dev/full", "wb", buffering=0) as full,
        Server(settings("server.public=Public"), port=port, log=full) as server,
    ):
        for _ in range(50):
            assert ask(server, HELLO).choices[0]["finish"] == "stop"
        assert ask(server, b"{").status == 400
        with Client(server) as client:
            client.send(request(None, "/", "GET"))
            page = client.read()
            assert page.status == 200 and page.headers["content-type"].startswith("text/html")
        assert server.metric("r4b_requests_total") == 50


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB; mounting one needs the right to do so."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder], capture_output=True).returncode != 0:
        pytest.skip("mounting is not permitted here")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_disk_that_fills_up_and_is_freed_again(small_disk):
    file = small_disk / "log"
    with open(file, "ab", buffering=0) as log, Server(port=free_port(), log=log) as server:
        (small_disk / "ballast").write_bytes(b"x" * 40_000)
        total = 0
        while os.statvfs(small_disk).f_bavail or total < 40:
            assert ask(server, HELLO).choices[0]["finish"] == "stop"
            total += 1
            assert total < 500
        size = file.stat().st_size
        for _ in range(20):
            assert ask(server, HELLO).status == 200
        assert file.stat().st_size - size < 4096
        (small_disk / "ballast").unlink()
        with Client(server) as client:
            client.ask(HELLO, request_id="after-the-flood")
        assert wait(lambda: b"after-the-flood" in file.read_bytes())
        assert server.metric("r4b_requests_total") == total + 21


# MARK: Signals


def refuses_connections(server):
    try:
        socket.create_connection(("127.0.0.1", server.port), timeout=5).close()
        return False
    except (ConnectionRefusedError, ConnectionResetError):
        # A connection made just before the listener closed gets a reset.
        return True


def test_sigterm_lets_running_replies_end():
    with Server(settings("shutdown.grace_s=60")) as server, Client(server) as idle:
        idle.ask(HELLO)
        streams = [Stream(server).under_way() for _ in range(3)]
        server.process.send_signal(signal.SIGTERM)
        assert wait(lambda: refuses_connections(server), 5)
        assert idle.is_ended()
        for stream in streams:
            stream.whole()
        assert server.process.wait(timeout=30) == 0


@pytest.fixture
def short_grace():
    """Two streams have started and take longer than the grace period; a third and a request without a stream wait."""
    with (
        Server(
            settings("shutdown.grace_s=0.2", "scheduling.max_running=2", "scheduling.short_request_slots=0")
        ) as server,
        Client(server) as alone,
    ):
        running = [Stream(server, LONG | {"logprobs": True, "top_logprobs": 20}).under_way() for _ in range(2)]
        waiting = Stream(server)
        alone.send(request(LONG | {"stream": False, "stream_options": None}))
        assert wait(lambda: server.metric('r4b_sequences{state="waiting"}') == 2)
        server.process.send_signal(signal.SIGTERM)
        yield server, running, waiting, alone


def was_told(stream):
    stream.join(10)
    return (
        not stream.is_alive()
        and not stream.is_cut
        and stream.answer.error
        and stream.answer.error["code"] == "shutting_down"
        and stream.answer.is_done
    )


def test_sigterm_limits_running_replies_to_the_grace_period_and_rejects_waiting_ones(short_grace):
    server, running, waiting, alone = short_grace
    rejected = alone.read()
    assert (
        rejected.status == 503
        and rejected.error["code"] == "shutting_down"
        and int(rejected.headers["retry-after"]) >= 1
    )
    assert was_told(waiting)
    assert server.process.wait(timeout=30) == 0
    for stream in running:
        stream.join(10)
        assert not stream.is_alive() and len(stream.answer.events) < LONG["max_tokens"]


def test_replies_cut_off_by_the_grace_period_end_with_an_error(short_grace):
    server, running, _, _ = short_grace
    assert server.process.wait(timeout=30) == 0
    assert all([was_told(stream) for stream in running])


def test_replies_cut_off_by_the_grace_period_are_in_the_log(short_grace):
    server, _, _, _ = short_grace
    assert server.process.wait(timeout=30) == 0
    lines = [json.loads(line) for line in server.read().splitlines() if line.startswith("{")]
    assert sum(line.get("route") == "/v1/chat/completions" for line in lines) == 4


def test_a_second_sigterm_stops_the_server_at_once():
    with Server(settings("shutdown.grace_s=600", "scheduling.short_request_slots=0")) as server:
        streams = [Stream(server, LONG | {"n": 2}).under_way() for _ in range(4)]
        server.process.send_signal(signal.SIGTERM)
        assert wait(lambda: "a second signal stops at once" in server.read())
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(timeout=5) == 130
        for stream in streams:
            stream.join(10)
            assert not stream.is_alive() and stream.is_cut


def test_a_suspended_process_continues_where_it_stopped():
    with Server() as server, Client(server) as late:
        streams = [Stream(server).under_way() for _ in range(3)]
        server.process.send_signal(signal.SIGSTOP)
        late.send(request(HELLO))
        time.sleep(2)
        server.process.send_signal(signal.SIGCONT)
        assert late.read().choices[0]["content"] == "5"
        for stream in streams:
            stream.whole()
        assert wait(lambda: is_idle(server))


def test_killed_and_started_again_on_the_same_port():
    port = free_port()
    with Server(port=port) as server:
        expected = ask(server, HELLO).choices
        streams = [Stream(server).under_way() for _ in range(3)]
        server.process.kill()
        assert server.process.wait(timeout=10) == -signal.SIGKILL
        for stream in streams:
            stream.join(10)
            assert stream.is_cut
    with Server(port=port) as server:
        assert server.port == port and ask(server, HELLO).choices == expected


# MARK: Slow readers


def test_a_client_that_stops_reading_is_disconnected_and_no_other_notices():
    """Three times two replies of 6 MB, more than a kernel buffers, that nobody reads, beside one that is read."""
    with Server(settings("http.write_timeout_s=1", "scheduling.max_running=16")) as server:
        read = LONG | {"max_tokens": 800}
        expected = Stream(server, read)
        expected.whole()
        memory = []
        for round_number in range(3):
            slow = [Client(server, receive_buffer=4096) for _ in range(2)]
            for client in slow:
                client.send(request(LONG | {"n": 2, "logprobs": True, "top_logprobs": 20}))
                assert client.head().status == 200
            beside = Stream(server, read)
            beside.whole()
            assert beside.answer.choices == expected.answer.choices
            cut = 2 * (round_number + 1)
            assert wait(lambda: server.metric('r4b_request_failures_total{reason="cancelled"}') == cut), (
                server.metrics()
            )
            assert wait(lambda: sum('"write_timeout"' in line for line in server.read().splitlines()) == cut)
            assert wait(lambda: is_idle(server) and server.metric("r4b_connections") == 1)
            memory.append(server.resident())
            for client in slow:
                with pytest.raises((Truncated, OSError)):
                    for _ in client.events():
                        pass
                client.socket.close()
        # Data queued for clients that left is released; otherwise each round would leave about 10 MB.
        assert memory[2] < memory[0] + 12, memory


# MARK: Overload


def ready(server):
    with Client(server) as client:
        client.send(request(None, "/ready", "GET"))
        return client.read()


def test_more_clients_than_slots_and_queue():
    with Server(
        settings("scheduling.max_running=2", "scheduling.max_waiting=3", "scheduling.short_request_slots=0")
    ) as server:
        assert ready(server).status == 200
        for _ in range(2):
            admitted = [Stream(server, LONG | {"max_tokens": 700}) for _ in range(5)]
            assert [stream.answer.status for stream in admitted] == [200] * 5
            full = ready(server)
            assert full.status == 503 and full.error["code"] == "queue_full" and int(full.headers["retry-after"]) >= 1
            for body in (
                HELLO,
                HELLO | {"stream": True},
                {"messages": question("What color is the shape?", "golden/00-easyvqa.png")},
                HELLO | {"n": 2},
            ):
                rejected = ask(server, body)
                assert (
                    rejected.status == 429
                    and rejected.error["code"] == "queue_full"
                    and rejected.error["type"] == "rate_limit_error"
                )
                assert int(rejected.headers["retry-after"]) >= 1
            # Requests that need no slot are answered all the same.
            assert (
                json.loads(server.get("/health")) == {"status": "ok"}
                and server.metric('r4b_sequences{state="waiting"}') == 3
            )
            for stream in admitted:
                stream.whole()
            assert wait(lambda: is_idle(server))
            assert ready(server).status == 200 and ask(server, HELLO).choices[0]["content"] == "5"
        assert server.metric('r4b_request_failures_total{reason="capacity"}') == 2 * 5
        assert server.metric("r4b_requests_total") == 2 * 6
