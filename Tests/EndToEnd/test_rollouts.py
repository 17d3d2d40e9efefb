"""Rollouts compared with chats of the same seeds and modes, from one prefill and one pass of the vision tower, beside
interactive requests."""

import json
import threading
import time
import urllib.error
import urllib.request

import pytest
from conftest import Server
from wire import question

STORY = question("Lily has 8 books, buys 20 more and gives away 5. How many books are left?")
DIGITS = question("What is the sum of the digits?", "golden/09-sum.png")


def post(server, path, body):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply)


@pytest.fixture(scope="module")
def own():
    """A separate server, because the test reads its counters."""
    with Server(["--set", "scheduling.kv_tokens=100000"]) as server:
        yield server


@pytest.mark.parametrize("messages", [STORY, DIGITS], ids=["text", "image"])
def test_rollouts_equal_the_chats_of_their_seeds(server, messages):
    """At every position the same text, tokens and log-probabilities as a chat with that mode and seed, although they
    ran as one batch."""
    body = {
        "messages": messages,
        "g": 4,
        "temperature": 1,
        "seed": 100,
        "max_completion_tokens": 80,
        "logprobs": True,
        "top_logprobs": 2,
    }
    reply = post(server, "/v1/rollouts", body)
    assert reply == post(server, "/v1/rollouts", body) | {
        name: reply[name] for name in ("id", "created", "timings", "usage")
    }
    for index, (group, mode) in enumerate(
        (group, mode) for group, mode in (("thinking", "long"), ("non_thinking", "short")) for _ in range(4)
    ):
        rollout = reply["groups"][group][index % 4]
        chat = post(
            server,
            "/v1/chat/completions",
            {
                "messages": messages,
                "thinking_mode": mode,
                "temperature": 1,
                "seed": 100 + index,
                "max_completion_tokens": 80,
                "logprobs": True,
                "top_logprobs": 2,
            },
        )
        message = chat["choices"][0]["message"]
        assert (rollout["content"], rollout["reasoning_content"]) == (message["content"], message["reasoning_content"])
        assert rollout["completion_tokens"] == chat["usage"]["completion_tokens"] == len(rollout["logprobs"])
        own = [(token["token"], token["logprob"]) for token in rollout["logprobs"]]
        assert own == [(token["token"], token["logprob"]) for token in chat["choices"][0]["logprobs"]["content"]]
        assert rollout["logprob_sum"] == pytest.approx(sum(logprob for _, logprob in own), abs=1e-9)
        assert rollout["text"] == "".join(token for token, _ in own)
    assert len({rollout["text"] for rollout in reply["groups"]["non_thinking"]}) > 1, "seeds differ"


def test_rollouts_share_one_vision_pass_and_one_prefill(own):
    before = own.metrics()
    reply = post(own, "/v1/rollouts", {"messages": DIGITS, "g": 16, "max_completion_tokens": 40})
    after = own.metrics()

    def grown(series):
        return after[series] - before.get(series, 0)

    assert [len(reply["groups"][group]) for group in ("thinking", "non_thinking")] == [16, 16]
    assert grown('r4b_image_cache_total{result="miss"}') == 1
    # Each of the other 31 computes its last position, and those without a thought also the tags before it.
    assert grown('r4b_prefix_cache_tokens_total{result="miss"}') <= reply["prompt_tokens"] + 31 + 16 * 4
    assert grown('r4b_prefix_cache_tokens_total{result="hit"}') >= 31 * (reply["prompt_tokens"] - 4)
    tokens = sum(rollout["completion_tokens"] for group in reply["groups"].values() for rollout in group)
    assert sum(grown(series) for series in after if series.startswith("r4b_rollout_tokens_total")) == tokens
    assert not any(grown(series) for series in after if series.startswith("r4b_requests_total"))


def test_a_chat_does_not_wait_for_rollouts(own):
    """A chat that arrives while long rollouts run is answered before they end, and they stay complete."""
    done = {}

    def rollouts():
        done["reply"] = post(
            own,
            "/v1/rollouts",
            {
                "messages": question("Tell me something"),
                "g": 16,
                "temperature": 2,
                "seed": 1,
                "max_completion_tokens": 900,
                "logit_bias": {"621": -100, "619": -100},
            },
        )
        done["at"] = time.monotonic()

    thread = threading.Thread(target=rollouts)
    thread.start()
    deadline = time.monotonic() + 30
    while own.metric('r4b_sequences{state="running"}') < 32:
        assert time.monotonic() < deadline and "at" not in done, "all of them run together"
        time.sleep(0.02)
    chat = post(own, "/v1/chat/completions", {"messages": question("Add 9 and 4."), "thinking_mode": "short"})
    answered = time.monotonic()
    assert chat["choices"][0]["message"]["content"] == "13"
    thread.join()
    assert answered < done["at"]
    assert all(rollout["completion_tokens"] == 900 for group in done["reply"]["groups"].values() for rollout in group)


def test_a_client_that_leaves_frees_the_engine(own):
    body = {
        "messages": question("Tell me something"),
        "g": 16,
        "temperature": 2,
        "max_completion_tokens": 1900,
        "logit_bias": {"621": -100, "619": -100},
    }
    request = urllib.request.Request(
        own.url + "/v1/rollouts", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with pytest.raises((TimeoutError, urllib.error.URLError)):
        urllib.request.urlopen(request, timeout=0.5)
    deadline = time.monotonic() + 20
    while own.metric("r4b_sequences"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
