"""Requests that exceed the context, on every endpoint: one error code, and a message from which clients read limit and
request."""

import base64
import json
import re
import urllib.error
import urllib.request

import pytest
from conftest import MODEL, Server

LIMIT = 2048
IMAGE = {
    "type": "image_url",
    "image_url": {
        "url": "data:image/png;base64," + base64.b64encode((MODEL / "golden/12-sum.png").read_bytes()).decode()
    },
}


def post(server, path, body):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def overflow(server, path, body):
    """Returns the rest of the message, and the field."""
    status, reply = post(server, path, body)
    error = reply["error"]
    assert (status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error"), reply
    start, end = f"This model's maximum context length is {LIMIT} tokens. However, ", " (context_length_exceeded)"
    assert error["message"].startswith(start) and error["message"].endswith(end)
    return error["message"].removeprefix(start).removesuffix(end), error["param"]


def messages(*content):
    return [{"role": "user", "content": list(content) if len(content) != 1 else content[0]}]


FIELDS = {
    "/v1/chat/completions": "messages",
    "/v1/rollouts": "messages",
    "/v1/responses": "input",
    "/v1/completions": "prompt",
    "/v1/chat/completions/input_tokens": "messages",
}


def body(path, text, limit=None):
    made = {FIELDS[path]: messages(text) if FIELDS[path] == "messages" else text}
    return made | ({} if limit is None else {"max_output_tokens" if path == "/v1/responses" else "max_tokens": limit})


@pytest.mark.parametrize("path", FIELDS)
def test_a_text_that_is_too_long(server, path):
    field = FIELDS[path]
    for text in ("word " * 3000, "word " * 300_000):
        reported = overflow(server, path, body(path, text))
        assert reported == (
            f"your {field} resulted in more than {LIMIT} tokens. Please reduce the length of the {field}.",
            field,
        )
        if path in ("/v1/chat/completions", "/v1/responses", "/v1/completions"):
            assert overflow(server, path, body(path, text) | {"stream": True}) == reported


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/rollouts", "/v1/responses", "/v1/completions"])
def test_a_reply_that_is_too_long(server, path):
    what, field = overflow(server, path, body(path, "Hello", 5000))
    total, prompt, reply = map(
        int,
        re.fullmatch(
            rf"you requested (\d+) tokens \((\d+) in the {FIELDS[path]}, (\d+) in the completion\). Please reduce the length of the {FIELDS[path]} or completion\.",
            what,
        ).groups(),
    )
    assert (
        reply == 5000
        and total == prompt + reply
        and field == ("max_output_tokens" if path == "/v1/responses" else "max_tokens")
    )
    # The reported number is exact: with so many tokens fewer, the request fits.
    if path != "/v1/rollouts":
        assert post(server, path, body(path, "Hello", LIMIT - prompt))[0] == 200
    overflow(server, path, body(path, "Hello", LIMIT - prompt + 1))


def test_a_prompt_that_fills_the_context(server):
    """The tokens of the template count too, and so do those that open the thought."""
    start = None
    for words in range(2000, 2060):
        status, reply = post(server, "/v1/completions", {"prompt": [100] * words, "max_tokens": 1})
        if status == 400:
            start = start or words
            what, field = overflow(server, "/v1/completions", {"prompt": [100] * words, "max_tokens": 1})
            expected = (
                f"you requested {words + 1} tokens ({words} in the prompt, 1 in the completion)"
                if words == LIMIT
                else f"your prompt resulted in {words} tokens"
            )
            assert what.startswith(expected + ".") and field == "prompt"
    assert start == LIMIT


@pytest.fixture(scope="module")
def gallery():
    server = Server(["--set", "images.max_count=100"])
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("count, text", [(60, ""), (30, "7" * 400), (8, "7" * 1700)], ids=["60", "30", "8"])
def test_too_many_images(gallery, count, text):
    """Alone, or with the text beside them."""
    reported = set()
    for path, made in (
        ("/v1/chat/completions", {"messages": messages(*[IMAGE] * count, {"type": "text", "text": text})}),
        ("/v1/chat/completions/input_tokens", {"messages": messages(*[IMAGE] * count, {"type": "text", "text": text})}),
        (
            "/v1/responses",
            {
                "input": messages(
                    *[{"type": "input_image", "image_url": IMAGE["image_url"]["url"]}] * count,
                    {"type": "input_text", "text": text},
                )
            },
        ),
    ):
        if path.endswith("input_tokens") and count < 60:
            # Counting runs nothing: a prompt that could be built is counted.
            status, reply = post(gallery, path, made)
            assert status == 200 and reply["input_tokens"] > LIMIT
            reported.add((reply["input_tokens"], *reply["input_tokens_details"].values()))
            continue
        what, field = overflow(gallery, path, made)
        found = re.match(rf"your {FIELDS[path]} resulted in (\d+) tokens \((\d+) of text, (\d+) of images\)\.", what)
        total, words, image = map(int, found.groups())
        assert total == words + image > LIMIT and field == FIELDS[path] and image == 60 * count
        reported.add((total, words, image))
    assert count == 60 or len(reported) == 1, reported


def test_tokenize_has_its_own_limit(server):
    for name in ("content", "text", "prompt"):
        status, reply = post(server, "/tokenize", {name: "a " * 1_100_000})
        assert status == 400 and reply["error"]["param"] == name and "at most 1000000" in reply["error"]["message"], (
            reply["error"]
        )
        assert reply["error"]["code"] == "invalid_value"
