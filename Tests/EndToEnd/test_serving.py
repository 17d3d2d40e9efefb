"""What clients share and what they do not: prompts, images, slots, time; and the progress reports of a stream."""

import concurrent.futures
import json

import pytest
from conftest import Server
from openai import OpenAI
from wire import LONG, Client, ask, question, request, wait

IMAGE = "golden/12-sum.png"


def settings(*values):
    return [argument for value in values for argument in ("--set", value)]


def seen(text, image=IMAGE, **fields):
    return {"messages": question(text, image), "thinking_mode": "short", "max_tokens": 8} | fields


def cached(answer):
    assert answer.status == 200, answer.document
    return answer.usage["prompt_tokens_details"]["cached_tokens"]


def test_a_second_question_about_an_image_computes_only_its_own_words():
    with Server() as server:
        first = ask(server, seen("Add up the digits."))
        assert cached(first) == 0
        second = ask(server, seen("What is the largest digit?"))
        positions = first.usage["prompt_tokens_details"]["image_tokens"]
        assert cached(second) > positions
        assert ask(server, seen("Add up the digits.")).choices == first.choices
        series = server.metrics()
        assert (
            series['r4b_image_cache_total{result="miss"}'] == 1 and series['r4b_image_cache_total{result="hit"}'] == 2
        )
        assert series['r4b_prefix_cache_tokens_total{result="miss"}'] < first.usage["prompt_tokens"] + 30
        assert series["r4b_prefix_cache_held_tokens"] > positions and series["r4b_image_cache_bytes"] > 0


def test_an_image_sent_by_five_at_once_is_encoded_once():
    with Server() as server, concurrent.futures.ThreadPoolExecutor(5) as pool:
        # Words before the image, so that the image's positions are not part of a common prefix.
        def body(number):
            message = question("", IMAGE)[0]
            return {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "text", "text": f"Client {number} says: add up the digits. "},
                            message["content"][0],
                        ],
                    }
                ],
                "max_tokens": 8,
            }

        for answer in pool.map(lambda number: ask(server, body(number)), range(5)):
            assert answer.status == 200
        series = server.metrics()
        assert (
            series['r4b_image_cache_total{result="miss"}'] == 1 and series['r4b_image_cache_total{result="hit"}'] == 4
        )


def test_replies_to_one_request_compute_its_prompt_once():
    with Server() as server:
        text = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
        answer = ask(server, {"messages": question(text), "n": 8, "temperature": 1, "seed": 3, "max_tokens": 40})
        assert len(answer.choices) == 8 and cached(answer) == 0
        series = server.metrics()
        # The last position of each is computed, because its logits are needed.
        assert series['r4b_prefix_cache_tokens_total{result="miss"}'] == answer.usage["prompt_tokens"] + 7


def test_keys_share_no_cache(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("anna:one\nbert:two\n")
    with Server(settings(f"auth.keys_file={keys}")) as server:

        def asked(key):
            return cached(ask(server, seen("Add up the digits."), extra=f"Authorization: Bearer {key}\r\n"))

        assert [asked("one") > 0, asked("two") > 0, asked("one") > 0, asked("two") > 0] == [False, False, True, True]


def test_caches_can_be_switched_off():
    with Server(settings("scheduling.prefix_cache_mb=0", "scheduling.image_cache_mb=0")) as server:
        answers = [ask(server, seen("Add up the digits.")) for _ in range(2)]
        assert [cached(answer) for answer in answers] == [0, 0] and answers[0].choices == answers[1].choices
        series = server.metrics()
        assert (
            series['r4b_image_cache_total{result="miss"}'] == 2
            and series["r4b_prefix_cache_held_tokens"] == series["r4b_image_cache_bytes"] == 0
        )


@pytest.mark.parametrize(
    "setting", ["scheduling.kv_type=q8_0", "scheduling.kv_type=f32", "scheduling.prefix_cache_mb=1"]
)
def test_caches_change_no_reply(setting):
    with (
        Server(settings(setting)) as server,
        Server(settings(setting, "scheduling.prefix_cache_mb=0", "scheduling.image_cache_mb=0")) as plain,
    ):
        story = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
        bodies = [
            seen("Add up the digits.", logprobs=True),
            seen("Which digits are there?", logprobs=True),
            {"messages": question(story), "logprobs": True, "top_logprobs": 3, "max_tokens": 90},
            {"messages": question(story), "temperature": 1, "seed": 8, "logprobs": True, "max_tokens": 90},
        ]
        for _ in range(2):
            for body in bodies:
                assert ask(server, body).choices == ask(plain, body).choices


def test_progress_is_reported_in_comments_or_in_chunks():
    with Server(settings("scheduling.prefill_chunk=16")) as server:
        body = seen("Add up the digits.", stream=True)
        with Client(server) as client:
            client.send(request(body))
            client.head()
            comments = [event for event in client.events() if event.startswith(b":")]
        assert any(event.startswith(b": image 0 ") for event in comments) and comments[-1].startswith(b": prefill ")
        done, total = comments[-1].split()[-1].split(b"/")
        assert done == total
        reported = ask(
            server,
            seen("Add up the digits.", "golden/02-easyvqa.png", stream=True, stream_options={"include_progress": True}),
        )
        progress = [json.loads(event)["progress"] for event in reported.events if b'"progress"' in event]
        assert progress[-1]["done"] == progress[-1]["total"] and {step["stage"] for step in progress} == {
            "image",
            "prefill",
        }


def test_the_sdk_reads_a_stream_with_progress(server):
    client = OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
    stream = client.chat.completions.create(
        model="r-tiny",
        messages=question("Add 2 and 3."),
        stream=True,
        service_tier="flex",
        extra_body={"stream_options": {"include_progress": True}, "thinking_mode": "short"},
    )
    chunks = list(stream)
    assert "".join(c.choices[0].delta.content or "" for c in chunks if c.choices) == "5"
    assert any(not c.choices and c.model_extra.get("progress") for c in chunks) and chunks[0].service_tier == "flex"


def test_a_reply_that_takes_too_long_is_ended_and_counted():
    with Server(settings("scheduling.reply_timeout_s=0.2", "scheduling.max_running=1")) as server:
        streamed = ask(server, LONG)
        assert streamed.error["code"] == "deadline_exceeded" and streamed.is_done and 0 < len(streamed.events) < 1900
        whole = ask(server, {name: value for name, value in LONG.items() if not name.startswith("stream")})
        assert (
            whole.status == 503
            and whole.error["code"] == "deadline_exceeded"
            and int(whole.headers["retry-after"]) >= 1
        )
        assert ask(server, seen("Add up the digits.")).status == 200
        assert wait(lambda: server.metric("r4b_sequences") == 0)
        assert server.metrics()['r4b_request_failures_total{reason="capacity"}'] == 2


def test_a_short_request_has_a_slot_while_long_replies_hold_the_others():
    long = LONG | {"thinking_mode": "auto"}
    with (
        Server(settings("scheduling.max_running=3", "scheduling.short_request_slots=1")) as server,
        concurrent.futures.ThreadPoolExecutor(4) as pool,
    ):
        replies = [pool.submit(ask, server, long | {"seed": number}) for number in range(4)]
        assert wait(
            lambda: (
                server.metric('r4b_sequences{state="running"}') == 2
                and server.metric('r4b_sequences{state="waiting"}') == 2
            )
        )
        assert (
            ask(server, {"messages": question("Add 2 and 3."), "thinking_mode": "short", "max_tokens": 8}).choices[0][
                "content"
            ]
            == "5"
        )
        assert server.metric('r4b_sequences{state="waiting"}') == 2
        assert all(reply.result().usage["completion_tokens"] == long["max_tokens"] for reply in replies)


def test_more_replies_than_the_kv_budget_all_complete():
    with Server(settings("scheduling.kv_tokens=3000")) as server, concurrent.futures.ThreadPoolExecutor(4) as pool:
        alone = [ask(server, LONG | {"seed": number}).choices for number in range(4)]
        together = [reply.choices for reply in pool.map(lambda number: ask(server, LONG | {"seed": number}), range(4))]
        assert together == alone
        assert server.metric("r4b_preemptions_total") > 0
        assert server.metric("r4b_kv_tokens") == 0
