"""The OpenAPI document compared with the server: what the server answers matches the document, and the document lacks
nothing."""

import base64
import http.client
import json
import os
import pathlib
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import openapi_spec_validator
import pytest
from conftest import MODEL, Server, binary
from openapi import Document
from wire import LONG, Client, request, wait

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


@pytest.fixture(scope="module")
def document(server):
    return Document(json.loads(server.get("/openapi.json")))


def ask(server, method, path, body=None, headers=()):
    """Returns status, headers and body of one request. Anything but bytes is sent as JSON."""
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    fields = ({"content-type": "application/json"} if data is not None else {}) | dict(headers)
    try:
        with urllib.request.urlopen(
            urllib.request.Request(server.url + path, data, fields, method=method), timeout=60
        ) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def check(document, operation, status, headers, body):
    """Fails unless the operation describes the response; returns its document or the data of its events."""
    response = document.resolve(operation["responses"][str(status)])
    for name, header in response["headers"].items():
        header = document.resolve(header)
        assert name in headers or not header.get("required"), name
        if name in headers:
            value = int(headers[name]) if header["schema"].get("type") == "integer" else headers[name]
            assert document.validate(header["schema"], value), (name, value)
    unknown = {"retry-after", "www-authenticate", "allow", "x-ignored-parameters"} & {
        name.lower() for name in headers
    } - set(response["headers"])
    assert not unknown
    media = headers["content-type"].split(";")[0]
    schema = response["content"][media]["schema"]
    if media == "application/json":
        value = json.loads(body)
        document.check(schema["$ref"].rsplit("/", 1)[1], value)
        return value
    return body.decode()


def post(server, document, path, body, status=200):
    got, headers, data = ask(server, "POST", path, body)
    assert got == status, data
    value = check(document, document.operation(path), got, headers, data)
    return document.check_stream(path, value) if headers["content-type"].startswith("text/event-stream") else value


def chat(text=STORY, **fields):
    return {"messages": [{"role": "user", "content": text}]} | fields


def test_the_document_is_openapi(server, document):
    text = server.get("/openapi.json")
    openapi_spec_validator.validate(json.loads(text))
    version = subprocess.run([binary(), "--version"], check=True, capture_output=True, text=True).stdout.strip()
    assert document.document["info"]["version"] == version


def test_every_example_works(server, document):
    examples = list(document.examples())
    assert len(examples) >= 12 and {path for path, _, _ in examples} == {
        p for p, item in document.document["paths"].items() if "post" in item
    }
    for path, name, body in examples:
        schema = document.operation(path)["requestBody"]["content"]["application/json"]["schema"]["$ref"].rsplit(
            "/", 1
        )[1]
        document.check(schema, body)
        assert post(server, document, path, body), (path, name)


@pytest.mark.parametrize("path", ["/v1/models", "/v1/models/r-tiny", "/health", "/ready", "/openapi.json", "/metrics"])
def test_documents_without_a_body(server, document, path):
    status, headers, body = ask(server, "GET", path)
    assert status == 200 and check(
        document, document.operation(path.replace("r-tiny", "{id}"), "get"), status, headers, body
    )


def test_metrics_in_both_formats(server, document):
    status, headers, body = ask(server, "GET", "/metrics", headers={"accept": "application/openmetrics-text"})
    assert (
        check(document, document.operation("/metrics", "get"), status, headers, body)
        and "openmetrics" in headers["content-type"]
    )


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"n": 2},
        {"logprobs": True, "top_logprobs": 3},
        {"thinking_mode": "long", "thinking_budget": 4},
        {"thinking_mode": "short"},
        {"service_tier": "flex"},
        {"max_tokens": 3, "answer_reserve": 0},
        {"stop": "2"},
        {"think_threshold": 1},
    ],
)
def test_chats_whole_and_streamed(server, document, fields):
    assert post(server, document, "/v1/chat/completions", chat(**fields))["usage"]["total_tokens"] > 0
    for options in ({}, {"include_usage": True, "include_progress": True}):
        chunks = post(server, document, "/v1/chat/completions", chat(stream=True, stream_options=options, **fields))
        assert "timings" in chunks[-1] and (chunks[-1]["choices"] == []) == bool(options)


@pytest.mark.parametrize(
    "fields", [{}, {"n": 2}, {"logprobs": 2}, {"echo": True}, {"prompt": ["Add 2", [5, 6]], "service_tier": "default"}]
)
def test_completions_whole_and_streamed(server, document, fields):
    body = {"prompt": "Tell me", "max_tokens": 4} | fields
    assert post(server, document, "/v1/completions", body)["choices"]
    chunks = post(
        server, document, "/v1/completions", body | {"stream": True, "stream_options": {"include_usage": True}}
    )
    assert chunks[-1]["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"top_logprobs": 2},
        {"max_output_tokens": 6, "answer_reserve": 0},
        {"reasoning": {"effort": "none", "summary": "auto"}},
        {
            "instructions": "Be exact.",
            "metadata": {"a": "b"},
            "user": "me",
            "temperature": 0.5,
            "seed": 1,
            "service_tier": "auto",
            "text": {"format": None, "verbosity": "low"},
        },
        {
            "tools": [{"type": "function", "name": "add", "parameters": {"type": "object", "properties": {}}}],
            "tool_choice": "auto",
            "parallel_tool_calls": False,
        },
    ],
)
def test_responses_whole_and_streamed(server, document, fields):
    whole = post(server, document, "/v1/responses", {"input": STORY} | fields)
    events = post(server, document, "/v1/responses", {"input": STORY, "stream": True} | fields)
    assert events[-1]["response"]["status"] == whole["status"] and len({event["type"] for event in events}) >= 6


def test_events_of_calls_are_described(document):
    """R-Tiny calls no tools."""
    position = {"sequence_number": 4, "item_id": "fc_1", "output_index": 0}
    item = {
        "id": "fc_1",
        "type": "function_call",
        "status": "completed",
        "call_id": "call_1",
        "name": "add",
        "arguments": "{}",
    }
    for event in (
        {"type": "response.output_item.done", "sequence_number": 4, "output_index": 0, "item": item},
        position | {"type": "response.function_call_arguments.delta", "delta": "{"},
        position | {"type": "response.function_call_arguments.done", "name": "add", "arguments": "{}"},
    ):
        document.check("ResponseEvent", event)
        assert not document.fits("ResponseEvent", event | {"more": 1})


def test_texts(server, document):
    for text in ("Hi 😀", ""):
        for pieces in (False, True):
            assert post(server, document, "/tokenize", {"content": text, "with_pieces": pieces})["count"] >= 0
    post(server, document, "/detokenize", {"tokens": [5, 6]})


@pytest.mark.parametrize(
    "status, body, headers",
    [
        (400, b"{", {}),
        (400, {}, {}),
        (400, chat(temperature=3), {}),
        (400, chat(temprature=1), {}),
        (400, chat("a " * 4000), {}),
        (404, chat(model="gpt-4o"), {}),
        (415, chat(), {"content-type": "text/plain"}),
        (403, chat(), {"host": "example.com"}),
        (417, chat(), {"expect": "more"}),
        (431, chat(), {"x-long": "a" * 20000}),
        (501, b"", {"transfer-encoding": "gzip"}),
    ],
)
def test_rejections_of_a_chat(server, document, status, body, headers):
    got, fields, data = ask(server, "POST", "/v1/chat/completions", body, headers)
    assert got == status
    check(document, document.operation("/v1/chat/completions"), got, fields, data)


@pytest.mark.parametrize(
    "status, image",
    [
        (400, "https://example.com/a.png"),
        (400, "file:///etc/passwd"),
        (415, "data:image/png;base64," + base64.b64encode(b"BM" + bytes(60)).decode()),
        (
            422,
            "data:image/png;base64," + base64.b64encode((MODEL / "golden" / "12-sum.png").read_bytes()[:90]).decode(),
        ),
    ],
)
def test_rejections_of_images(server, document, status, image):
    part = {"type": "image_url", "image_url": {"url": image}}
    assert post(server, document, "/v1/chat/completions", {"messages": [{"role": "user", "content": [part]}]}, status)[
        "error"
    ]["param"]


@pytest.mark.parametrize(
    "method, path, status",
    [
        ("GET", "/v1/chat/completions", 405),
        ("DELETE", "/health", 405),
        ("GET", "/v1/models/nothing", 404),
        ("GET", "/v1/models/" + "a" * 9000, 414),
    ],
)
def test_rejections_of_paths(server, document, method, path, status):
    described = "/v1/models/{id}" if path.startswith("/v1/models/") else path
    got, headers, data = ask(server, method, path)
    assert got == status
    check(document, next(iter(document.document["paths"][described].values())), got, headers, data)


def test_a_body_where_none_is_allowed(server, document):
    got, headers, data = ask(server, "GET", "/health", b"x" * 100)
    assert got == 413
    check(document, document.operation("/health", "get"), got, headers, data)


@pytest.mark.parametrize(
    "head, status",
    [
        ("POST /v1/responses HTTP/1.1\r\nHost: localhost\r\n", 411),
        ("POST /v1/responses HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999\r\n", 413),
        ("GET /health HTTP/2.0\r\nHost: localhost\r\n", 505),
        ("GET /health HTTP/1.1\r\n", 400),
    ],
)
def test_rejections_of_heads(server, document, head, status):
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer:
        peer.sendall(head.encode() + b"\r\n")
        reply = http.client.HTTPResponse(peer)
        reply.begin()
        path, method = head.split()[1], head.split()[0].lower()
        assert reply.status == status
        check(
            document,
            document.operation(path, method),
            status,
            {name.lower(): value for name, value in reply.getheaders()},
            reply.read(),
        )


def test_a_missing_key_and_a_forbidden_mode(tmp_path):
    (tmp_path / "policies.json").write_text(json.dumps({"*": {"forbid_modes": ["long"]}}))
    with Server(["--set", f"auth.policies_file={tmp_path}/policies.json"], {"R4B_API_KEY": "k"}) as server:
        document = Document(json.loads(server.get("/openapi.json")))
        for path, body in (("/v1/chat/completions", chat()), ("/tokenize", {"content": "a"})):
            post(server, document, path, body, 401)
        status, headers, data = ask(server, "GET", "/v1/models")
        assert status == 401
        check(document, document.operation("/v1/models", "get"), status, headers, data)
        status, headers, data = ask(
            server, "POST", "/v1/chat/completions", chat(thinking_mode="long"), {"authorization": "Bearer k"}
        )
        assert status == 403
        check(document, document.operation("/v1/chat/completions"), status, headers, data)


def test_a_full_queue_and_a_slow_head():
    settings = ["scheduling.max_running=1", "scheduling.max_waiting=1", "http.head_timeout_s=1"]
    with Server([word for setting in settings for word in ("--set", setting)]) as server:
        document = Document(json.loads(server.get("/openapi.json")))
        assert document.document["components"]["schemas"]["ReplyFields"]["properties"]["n"]["maximum"] == 2
        with Client(server) as first, Client(server) as second:
            for client in (first, second):
                client.send(request(LONG))
            assert wait(lambda: server.metric("r4b_sequences") == 2)
            post(server, document, "/v1/chat/completions", chat(), 429)
            status, headers, data = ask(server, "GET", "/ready")
            assert status == 503
            check(document, document.operation("/ready", "get"), status, headers, data)
        with socket.create_connection(("127.0.0.1", server.port), timeout=30) as peer:
            peer.sendall(b"GET /health HTTP/1.1\r\n")
            reply = http.client.HTTPResponse(peer)
            reply.begin()
            check(
                document,
                document.operation("/health", "get"),
                reply.status,
                {name.lower(): value for name, value in reply.getheaders()},
                reply.read(),
            )
            assert reply.status == 408


@pytest.fixture(scope="module")
def keeping(tmp_path_factory):
    """A server with a ledger."""
    with Server(
        ["--set", f"ledger.path={tmp_path_factory.mktemp('ledger')}/ledger.sqlite", "--set", "shadow.fraction=1"]
    ) as server:
        yield server


def test_usage_and_rollouts(keeping, document):
    post(keeping, document, "/v1/chat/completions", chat())
    for options in ({}, {"logprobs": True, "top_logprobs": 2}):
        reply = post(keeping, document, "/v1/rollouts", chat(g=2, seed=1, max_completion_tokens=40, **options))
        assert len(reply["groups"]["thinking"]) == len(reply["groups"]["non_thinking"]) == 2
    assert wait(lambda: keeping.metric('r4b_ledger_rows_total{result="written"}') == 2)
    operation = document.operation("/v1/usage", "get")
    for query in (
        "",
        "?bucket=hour&group_by=mode,key,requested_mode",
        "?from=0&to=1",
        "?format=csv",
        "?bucket=week",
        "?from=0&bucket=hour",
    ):
        status, headers, data = ask(keeping, "GET", "/v1/usage" + query)
        assert status == (400 if query in ("?bucket=week", "?from=0&bucket=hour") else 200)
        check(document, operation, status, headers, data)


def test_the_document_and_the_server_agree_on_random_requests(keeping, document, tmp_path, capsys):
    """Valid and invalid requests that schemathesis makes from the document. TEST_OPENAPI_SECONDS makes it run for that
    long, with other seeds."""
    (tmp_path / "openapi.json").write_text(json.dumps(document.document))
    seconds = os.environ.get("TEST_OPENAPI_SECONDS")
    # Keys are optional, so that a request without one does not count as ignored authentication. Contradictions match
    # the schema and are rejected.
    arguments = [
        "--checks",
        "all",
        "--exclude-checks",
        "ignored_auth,positive_data_acceptance",
        "--continue-on-failure",
        "--generation-database",
        "none",
        "--no-color",
        "--suppress-health-check",
        "all",
        "--request-timeout",
        "60",
    ]
    arguments += (
        ["--max-time", seconds, "--max-examples", "300"] if seconds else ["--seed", "1", "--max-examples", "25"]
    )
    environment = os.environ | {"SCHEMATHESIS_HOOKS": "openapi_hooks", "PYTHONPATH": str(pathlib.Path(__file__).parent)}
    run = subprocess.run(
        [
            pathlib.Path(sys.executable).parent / "schemathesis",
            "run",
            tmp_path / "openapi.json",
            "--url",
            keeping.url,
            *arguments,
        ],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )
    with capsys.disabled():
        print("\n" + run.stdout[run.stdout.rfind("Test cases:") :].strip())
    assert run.returncode == 0, run.stdout[-20000:] + run.stderr[-2000:]
    assert keeping.metric('r4b_request_failures_total{reason="inference"}') == 0
