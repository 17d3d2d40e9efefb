"""Modes, budgets and policies on R-Tiny: what was requested, what happened and what the client sees."""

import json
import re

import openai
import pytest
from conftest import MODEL, Server
from openai import OpenAI

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


@pytest.fixture(scope="module")
def client(server):
    return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, text, **fields):
    own = {
        name: fields.pop(name)
        for name in list(fields)
        if name not in ("stream", "n", "seed", "temperature", "logprobs", "top_logprobs", "reasoning_effort")
    }
    return client.chat.completions.create(
        model="r-tiny", messages=[{"role": "user", "content": text}], extra_body=own, **fields
    )


def questions():
    """The reference questions without images, each once."""
    return sorted({case["text"] for case in json.loads((MODEL / "golden.json").read_text()) if not case["images"]})


def thought(reply):
    return reply.thinking["mode"] == "thinking"


def test_no_bias_and_a_threshold_of_one_half_equal_the_plain_model(client):
    for text in questions():
        plain = ask(client, text)
        for fields in ({"think_bias": 0}, {"think_threshold": 0.5}):
            other = ask(client, text, **fields)
            assert other.choices[0].message == plain.choices[0].message
            assert {k: v for k, v in other.thinking.items()} == {k: v for k, v in plain.thinking.items()}


def rates(client):
    """Returns the think rate of the reference questions by bias."""
    texts = questions()
    return {
        bias: sum(thought(ask(client, text, think_bias=bias)) for text in texts) / len(texts)
        for bias in range(-50, 51, 10)
    }


def test_the_think_rate_falls_as_the_bias_grows(client, capsys):
    by_bias = rates(client)
    with capsys.disabled():
        print("\nshare thinking by think_bias:", {bias: round(rate, 2) for bias, rate in by_bias.items()})
    values = list(by_bias.values())
    assert values == sorted(values, reverse=True)
    assert values[0] == 1 and values[-1] == 0 and len(set(values)) > 2


def test_the_sampled_decision_follows_the_bias(client):
    """With temperature 1 the share of thoughts over the seeds is the biased P(think), where that is neither 0 nor 1."""
    logit = None
    for bias in range(-40, 41):
        reply = ask(client, STORY, think_bias=bias, max_tokens=4, answer_reserve=0, logprobs=True, top_logprobs=20)
        top = {entry.token: entry.logprob for entry in reply.choices[0].logprobs.content[0].top_logprobs}
        closing = [p for token, p in top.items() if token == "</think>" or (not token.strip() and "\n\n" in token)]
        logit = max(p for token, p in top.items() if token == "\n") - max(closing)
        break
    shares = []
    for offset in (-2, 0, 2):
        thinks = 0
        for batch in range(8):
            reply = ask(
                client,
                STORY,
                n=8,
                seed=1000 * batch,
                temperature=1,
                think_bias=round(logit + offset, 3),
                max_tokens=4,
                answer_reserve=0,
            )
            thinks += sum(choice.thinking["mode"] == "thinking" for choice in reply.choices)
        shares.append(thinks / 64)
    assert shares == sorted(shares, reverse=True)
    # 0.88, 0.5 and 0.12, with four standard deviations of 64 samples around them.
    for share, expected, spread in zip(shares, (0.88, 0.5, 0.12), (0.16, 0.25, 0.16)):
        assert abs(share - expected) <= spread


def test_efforts_order_the_think_rate(client):
    texts = questions()
    rate = {
        effort: sum(thought(ask(client, text, reasoning_effort=effort)) for text in texts)
        for effort in ("none", "minimal", "low", "medium", "high")
    }
    assert rate["none"] == 0 and rate["high"] == len(texts)
    assert rate["none"] <= rate["minimal"] <= rate["low"] <= rate["medium"] <= rate["high"]


def test_long_thoughts_end_within_the_allowed_excess(client, capsys):
    lines = []
    for budget in (1, 3, 5, 8, 10, 12, 15, 18, 20, 21):
        reply = ask(client, STORY, thinking_mode="long", thinking_budget=budget)
        message, report = reply.choices[0].message, reply.thinking
        grace = -(-budget // 20)
        assert report["thinking_tokens"] <= budget + grace
        assert message.content and "think>" not in message.content
        assert report["stop"] == ("natural" if message.reasoning_content == "8 + 20 = 28. 28 - 5 = 23." else "budget")
        assert reply.choices[0].finish_reason == "stop"
        assert (
            reply.usage.completion_tokens
            == report["thinking_tokens"] + report["control_tokens"] + report["answer_tokens"]
        )
        lines.append(
            f"{budget:3} → {report['thinking_tokens']:2} {report['stop']:8} {message.reasoning_content!r} | {message.content!r}"
        )
    with capsys.disabled():
        print("", *lines, sep="\n")


@pytest.mark.parametrize("field", ["thinking_budget", "thinking_budget_tokens", "thinking_token_budget", "thinking"])
def test_every_name_of_the_budget_works(client, field):
    value = {"type": "enabled", "budget_tokens": 10} if field == "thinking" else 10
    reply = ask(client, STORY, **{field: value} | ({} if field == "thinking" else {"thinking_mode": "long"}))
    assert reply.thinking["stop"] == "budget" and reply.choices[0].message.reasoning_content == "8 + 20 = 28."


def test_the_answer_has_its_reserve_unless_it_is_waived(client):
    for limit in range(5, 20):
        reply = ask(client, STORY, thinking_mode="long", max_completion_tokens=limit)
        assert reply.choices[0].message.content, limit
        assert reply.thinking["stop"] == "length" and reply.usage.completion_tokens <= limit
        bare = ask(client, STORY, thinking_mode="long", max_completion_tokens=limit, answer_reserve=0)
        assert (bare.choices[0].message.content, bare.choices[0].finish_reason, bare.thinking["stop"]) == (
            "",
            "length",
            "length",
        )


def test_a_budget_of_zero_answers_at_once_in_every_mode(client):
    for mode in ("auto", "long"):
        reply = ask(client, STORY, thinking_mode=mode, thinking_budget=0)
        assert reply.choices[0].message.content and not reply.choices[0].message.reasoning_content
        assert (reply.thinking["mode"], reply.thinking["thinking_tokens"], reply.thinking["stop"]) == (
            "non_thinking",
            0,
            "budget",
        )
    easy = ask(client, "Add 2 and 3.", thinking_budget=0)
    assert easy.choices[0].message.content == "5"


def test_a_thought_that_repeats_itself_is_ended(client):
    """A bias on one token makes R-Tiny repeat it for ever."""
    token = ask(client, STORY, thinking_mode="long", logprobs=True, top_logprobs=0).choices[0].logprobs.content[1].token
    ids = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    reply = ask(
        client,
        STORY,
        thinking_mode="long",
        logit_bias={str(ids[token.replace(" ", "Ġ")]): 60},
        max_completion_tokens=600,
    )
    assert reply.thinking["stop"] == "loop"
    assert 64 <= reply.thinking["thinking_tokens"] <= 64 + 16 + 17
    assert reply.choices[0].message.content


def test_thoughts_are_counted_by_how_they_ended(server, client):
    before = {
        reason: server.metric(f'r4b_thinking_closed_total{{reason="{reason}"}}')
        for reason in ("natural", "budget", "length")
    }
    ask(client, STORY, thinking_mode="long")
    ask(client, STORY, thinking_mode="long", thinking_budget=5)
    ask(client, STORY, thinking_mode="long", max_completion_tokens=12)
    after = {reason: server.metric(f'r4b_thinking_closed_total{{reason="{reason}"}}') for reason in before}
    assert {reason: after[reason] - before[reason] for reason in before} == {"natural": 1, "budget": 1, "length": 1}


def test_policies_of_keys(tmp_path):
    (tmp_path / "keys").write_text("brief:k1\nstrict:k2\nfree:k3\n")
    (tmp_path / "policies.json").write_text(
        json.dumps(
            {
                "brief": {"force_mode": "short", "max_tokens": 3},
                "strict": {"forbid_modes": ["long"], "max_thinking_tokens": 10},
                "*": {},
            }
        )
    )
    arguments = ["--set", f"auth.keys_file={tmp_path}/keys", "--set", f"auth.policies_file={tmp_path}/policies.json"]
    with Server(arguments) as server:

        def client(key):
            return OpenAI(base_url=server.url + "/v1", api_key=key, max_retries=0)

        brief = ask(client("k1"), STORY, thinking_mode="long")
        assert (brief.thinking["requested_mode"], brief.thinking["mode"]) == (
            "long",
            "non_thinking",
        ) and brief.usage.completion_tokens <= 3
        with pytest.raises(openai.PermissionDeniedError) as rejected:
            ask(client("k2"), STORY, thinking_mode="long")
        assert rejected.value.code == "mode_forbidden" and rejected.value.param == "thinking_mode"
        strict = ask(client("k2"), STORY, thinking_budget=1000)
        assert strict.thinking["stop"] == "budget" and strict.choices[0].message.reasoning_content == "8 + 20 = 28."
        assert ask(client("k3"), STORY, thinking_mode="long").choices[0].message.content == "23"


@pytest.mark.parametrize(
    "text, says",
    [
        ("[]", "expected a JSON object"),
        ('{"a": 1}', "a must be an object"),
        ('{"a": {"mode": "x"}}', "a.mode is unknown"),
        ('{"a": {"force_mode": "no"}}', "a.force_mode must be auto, long or short"),
        ('{"a": {"max_tokens": 0}}', "a.max_tokens must be an integer from 1"),
        ('{"a": {"forbid_modes": ["auto", "long", "short"]}}', "a must not forbid every mode"),
        ("{", "byte 1"),
        (None, "cannot read"),
    ],
)
def test_a_mistake_in_the_policies_is_named(tmp_path, text, says):
    path = tmp_path / "policies.json"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RuntimeError, match=re.escape(says)):
        Server(["--set", f"auth.policies_file={path}"])
