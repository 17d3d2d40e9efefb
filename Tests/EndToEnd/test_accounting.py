"""The counts under load: what clients saw, /metrics and the log agree whatever clients do, and all resources are
returned."""

import collections
import concurrent.futures
import json
import random
import re

from conftest import Server
from test_golden import CASES
from wire import Client, is_idle, question, request, wait

ROUNDS, CLIENTS, REQUESTS = 4, 16, 8
SETTINGS = [
    "scheduling.max_running=4",
    "scheduling.max_waiting=8",
    "http.max_body_bytes=1048576",
    "http.max_buffered_bytes=16777216",
]
# Broken requests and the status that each must get.
REFUSED = [
    (b"{", 400),
    (b"[]", 400),
    (b'{"messages":[]}', 400),
    (b'{"messages":[{"role":"user","content":"Hi"}],"temperature":9}', 400),
    (b'{"model":"other","messages":[{"role":"user","content":"Hi"}]}', 404),
    (b'{"messages":[{"role":"user","content":"Hi"}],"max_tokens":5000}', 400),
    (
        b'{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgo="}}]}]}',
        422,
    ),
]


class Asked:
    """What a client did and saw; `answer` is None when it left before the end."""

    def __init__(self, identifier, fate):
        self.identifier, self.fate, self.answer = identifier, fate, None


def chat(rng):
    """A request that the server answers."""
    case = rng.choice(CASES)
    body = {
        "messages": question(case["text"], *case["images"]),
        "thinking_mode": rng.choice(("auto", "long", "short")),
        "max_tokens": rng.choice((1, 4, 96)),
    }
    kind = rng.randrange(5)
    if kind == 0:
        # A long prompt and a long reply.
        body["messages"] = question("Lily has 5 pens and buys 12 more. " * rng.randrange(5, 40) + "How many pens?")
        body |= {"max_tokens": 200, "temperature": 1.5, "logit_bias": {"621": -100, "619": -100}}
    if kind == 1:
        body |= {"n": 2, "temperature": 1}
    if rng.random() < 0.3:
        body |= {"logprobs": True, "top_logprobs": 2}
    if rng.random() < 0.2:
        body["stop"] = ["7", " is"]
    return body | {"seed": rng.randrange(1 << 30)}


class Customer:
    """One client with its own seed. It keeps its connection until it is killed or finally rejected."""

    def __init__(self, server, round_number, number):
        self.server, self.name = server, f"acc-{round_number}-{number}"
        self.rng = random.Random(self.name)
        self.client, self.asked, self.rejections = None, [], collections.Counter()

    def run(self):
        for index in range(REQUESTS):
            self.client = self.client or Client(self.server)
            fate = self.rng.choices(
                ("whole", "refused", "rejected", "upload", "queued", "prefill", "decode"), (10, 3, 1, 1, 2, 2, 3)
            )[0]
            getattr(self, fate)(Asked(f"{self.name}-{index}", fate))
            if self.client and not self.client.keeps_alive:
                self.client = self.client.socket.close()
        if self.client:
            self.client.socket.close()
        return self

    def whole(self, asked):
        body = chat(self.rng)
        if self.rng.random() < 0.5:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        asked.answer = self.client.ask(body, request_id=asked.identifier)
        assert asked.answer.status in (200, 429), asked.answer.document
        self.asked.append(asked)

    def refused(self, asked):
        body, status = self.rng.choice(REFUSED)
        asked.answer = self.client.ask(body, request_id=asked.identifier)
        assert asked.answer.status == status, asked.answer.document
        self.asked.append(asked)

    def rejected(self, _):
        if self.rng.random() < 0.5:
            self.client.send(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99999999\r\n\r\n"
            )
            expected = 413
        else:
            self.client.send(b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
            expected = 414
        status = self.client.read().status
        assert status in (expected, 431), status
        self.rejections[status] += 1

    def upload(self, asked):
        data = request(chat(self.rng), request_id=asked.identifier)
        self.client.send(data[: self.rng.randrange(1, len(data))])
        self.leave(asked)

    def queued(self, asked):
        self.client.send(request(chat(self.rng) | {"stream": self.rng.random() < 0.5}, request_id=asked.identifier))
        self.leave(asked)

    def prefill(self, asked):
        self.leave_at(asked, lambda events: events[-1].startswith(b": prefill"))

    def decode(self, asked):
        count = self.rng.randrange(2, 20)
        self.leave_at(asked, lambda events: sum(event.startswith(b"data:") for event in events) >= count)

    def leave_at(self, asked, has_come):
        """Reads a stream up to a point. A stream that ends before is complete."""
        self.client.send(
            request(
                chat(self.rng) | {"stream": True, "stream_options": {"include_usage": True}},
                request_id=asked.identifier,
            )
        )
        answer, events = self.client.head(), []
        for event in self.client.events():
            events.append(event)
            if answer.status == 200 and not answer.is_done and has_come(events):
                return self.leave(asked)
        asked.answer = answer
        self.asked.append(asked)

    def leave(self, asked):
        self.client.kill(reset=self.rng.random() < 0.5)
        self.client = None
        self.asked.append(asked)


def log_lines(server):
    return [json.loads(line) for line in server.read().splitlines() if line.startswith("{")]


def labels(series):
    return dict(re.findall(r'(\w+)="([^"]*)"', series))


def books(server):
    """Returns the counts of /metrics in the terms of the log."""
    found = collections.Counter()
    for series, value in server.metrics().items():
        label = labels(series)
        if series.startswith("r4b_tokens_total"):
            found["tokens", label["kind"]] += value
        elif series.startswith("r4b_requests_total"):
            found["replies"] += value
        elif series.startswith("r4b_request_seconds_count"):
            found["answered"] += value
        elif series.startswith("r4b_request_failures_total"):
            found["failed", label["reason"]] += value
        elif series.startswith("r4b_http_requests_total") and label["route"] != "/metrics":
            found["http", label["route"], label["method"], label["status"]] += value
    return +found


def log_books(lines):
    """Returns the same counts from the log."""
    found = collections.Counter()
    for line in lines:
        if line["event"] == "rejected":
            found["http", "other", "other", str(line["status"])] += 1
            found["failed", line["failure"]] += 1
        if line["event"] != "request" or line["route"] == "/metrics":
            continue
        found["http", line["route"], line["method"], str(line["status"])] += 1
        if "failure" in line:
            found["failed", line["failure"]] += 1
        if "prompt_text_tokens" in line:
            found["answered"] += 1
            found["replies"] += line["replies"]
            for kind in ("prompt_text", "prompt_image", "prompt_cached", "thinking", "control", "answer"):
                found["tokens", kind] += line[f"{kind}_tokens"]
    return +found


def check_reply(asked, line):
    """Checks that a client saw what the log says."""
    answer = asked.answer
    assert line["status"] == answer.status, (asked.identifier, line)
    if answer.status != 200:
        assert answer.error and "prompt_text_tokens" not in line and (line.get("failure") or answer.status == 404), (
            asked.identifier,
            line,
        )
        if answer.status == 429:
            assert answer.error["code"] == "queue_full" and int(answer.headers["retry-after"]) >= 1
        return
    usage, thinking = answer.usage, answer.thinking
    details = usage["prompt_tokens_details"]
    told = {
        "prompt_text_tokens": details["text_tokens"],
        "prompt_image_tokens": details["image_tokens"],
        "prompt_cached_tokens": details["cached_tokens"],
    }
    told |= {f"{kind}_tokens": thinking[f"{kind}_tokens"] for kind in ("thinking", "control", "answer")}
    assert told == {name: line[name] for name in told}, asked.identifier
    assert usage["prompt_tokens"] == details["text_tokens"] + details["image_tokens"]
    assert (
        usage["completion_tokens"]
        == thinking["thinking_tokens"] + thinking["control_tokens"] + thinking["answer_tokens"]
    )
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert len(answer.choices) == line["replies"] and all(choice["finish"] for choice in answer.choices.values())
    for choice in answer.choices.values():
        assert choice["finish"] in ("stop", "length")


def test_every_request_is_answered_and_counted_once_and_all_resources_return():
    with Server([argument for setting in SETTINGS for argument in ("--set", setting)]) as server:
        customers, memory = [], []
        start = None
        for round_number in range(ROUNDS):
            with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
                customers += pool.map(
                    Customer.run, [Customer(server, round_number, number) for number in range(CLIENTS)]
                )
            assert wait(lambda: is_idle(server)), server.metrics()
            # The requesting connection itself.
            assert wait(lambda: server.metric("r4b_connections") == 1), server.metric("r4b_connections")
            start = start or server.descriptors()
            assert wait(lambda: server.descriptors() <= start), (start, server.descriptors())
            memory.append(server.resident())
        # The first rounds fill caches and pools. From then on a round of 128 requests may add at most 8 MiB, for what
        # the allocator keeps.
        assert memory[-1] <= memory[1] + 8 * (ROUNDS - 2), memory
        assert wait(lambda: books(server) == log_books(log_lines(server))), (
            books(server) - log_books(log_lines(server)),
            log_books(log_lines(server)) - books(server),
        )
        check(server, customers)
        assert server.get("/ready")


def check(server, customers):
    lines = log_lines(server)
    assert not any("dropped_lines" in line for line in lines)
    by_request = collections.defaultdict(list)
    for line in lines:
        by_request[line.get("request_id")].append(line)
    asked = [one for customer in customers for one in customer.asked]
    fates = collections.Counter(one.fate if one.answer is None or one.answer.status != 429 else "full" for one in asked)
    # The traffic is as intended: hundreds of requests, some of each kind.
    assert (
        len(asked) >= 400
        and min(fates[fate] for fate in ("whole", "refused", "upload", "queued", "prefill", "decode", "full")) >= 5
    ), fates
    told, gone = collections.Counter(), collections.Counter()
    for one in asked:
        found = by_request.pop(one.identifier, [])
        assert len(found) <= 1, found
        if one.answer is not None:
            assert one.answer.document or one.answer.is_done, one.identifier
            assert found, f"{one.identifier} was answered and is not in the log"
            check_reply(one, found[0])
            told += log_books(found)
        elif one.fate in ("prefill", "decode"):
            # It had started, so it is counted: as cancelled, or as answered when its end was already on the way.
            assert found and found[0].get("failure", "answered") in ("cancelled", "answered"), (one.identifier, found)
            gone += log_books(found)
        else:
            assert one.fate != "upload" or not found, (one.identifier, found)
            gone += log_books(found)
    rejected = sum((customer.rejections for customer in customers), collections.Counter())
    others = log_books(line for rest in by_request.values() for line in rest)
    assert {key: count for key, count in others.items() if key[0] == "http"} == {
        ("http", "other", "other", str(status)): count for status, count in rejected.items()
    }
    # Shown by pytest -s.
    print(f"{len(asked)} requests: {dict(fates)}\ntold: {dict(told)}\ngone: {dict(gone)}\nbooks: {dict(books(server))}")
    # What clients saw, what clients that left would have seen, and nothing else.
    assert told + gone + others == books(server)
