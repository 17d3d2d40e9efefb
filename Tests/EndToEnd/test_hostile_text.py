"""Text that is expensive to normalise must not delay other clients."""

import http.client
import json
import threading
import time

# Combining marks in reverse of their canonical order: Unicode comparison takes time proportional to the square of their
# number.
MARKS = "a" + "\u0301\u0316" * 50_000


def ask(server, method, path, body=None, headers={}):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    try:
        connection.request(method, path, body, headers)
        return connection.getresponse().status
    finally:
        connection.close()


def post(server, body, path="/v1/chat/completions"):
    return ask(
        server, "POST", path, json.dumps(body, ensure_ascii=False).encode(), {"Content-Type": "application/json"}
    )


def chat(**members):
    return {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1, **members}


def two_names():
    return {MARKS + "x": 1, MARKS + "y": 2}


def attacks(server):
    """Requests that each took seconds to minutes, some of them on the event loop and without a key."""
    schema = {"type": "object", "properties": {MARKS[:8000] + "x": {}, MARKS[:8000] + "y": {}}}
    tools = [{"type": "function", "function": {"name": "f", "parameters": schema}}]
    header = MARKS[:4000].encode().decode("latin-1")
    path = "/" + "%CC%81%CC%96" * 600
    return [
        lambda: post(server, chat(**two_names())),
        lambda: post(server, chat(metadata=two_names())),
        lambda: post(server, chat(model=MARKS)),
        lambda: post(server, chat(logit_bias=two_names())),
        lambda: post(
            server, chat(response_format={"type": "json_schema", "json_schema": {"name": "s", "schema": schema}})
        ),
        lambda: post(server, chat(tools=tools)),
        lambda: post(server, chat(tool_choice=MARKS)),
        lambda: post(server, {"messages": [{"role": "user", "content": "hi", **two_names()}]}),
        lambda: post(
            server,
            {"messages": [{"role": "assistant", "content": MARKS, "name": MARKS}, {"role": "user", "content": MARKS}]},
            "/apply-template",
        ),
        lambda: post(server, {"content": MARKS, **two_names()}, "/tokenize"),
        lambda: ask(server, "GET", "/", headers={"If-None-Match": header}),
        lambda: ask(server, "GET", "/", headers={"Origin": header}),
        lambda: ask(server, "GET", "/metrics", headers={"Accept": header}),
        lambda: ask(server, "GET", path),
        lambda: ask(server, "GET", "/v1/models" + path),
        lambda: ask(server, "GET", "/v1/usage?key=" + path[1:]),
    ]


def test_health_answers_at_once_while_hostile_text_arrives(server):
    stop, waits = threading.Event(), []

    def watch():
        while not stop.is_set():
            started = time.monotonic()
            assert ask(server, "GET", "/health") == 200
            waits.append(time.monotonic() - started)
            time.sleep(0.01)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        threads = [threading.Thread(target=attack) for attack in attacks(server)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = time.monotonic() - started
    finally:
        stop.set()
        watcher.join()
    # Each of these alone used to take minutes and block the event loop for seconds.
    assert taken < 60 and max(waits) < 2, (taken, max(waits))


def test_names_that_are_equal_only_after_normalisation_are_different_members(server):
    body = b'{"messages":[{"role":"user","content":"hi"}],"max_tokens":1,"metadata":{"\xc3\xa9":"1","e\xcc\x81":"2"}}'
    assert ask(server, "POST", "/v1/chat/completions", body, {"Content-Type": "application/json"}) == 200


def test_two_hundred_thousand_unknown_names_take_no_longer_than_reading_them(server):
    names = {f"max_t{number}": 0 for number in range(200_000)}
    started = time.monotonic()
    status = post(server, {"messages": [], **names})
    assert status == 400 and time.monotonic() - started < 5
