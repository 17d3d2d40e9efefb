"""The OpenAI Python SDK with the server: sync, async, streaming, images, errors."""

import asyncio
import base64
import concurrent.futures
import json
import time
import urllib.error

import openai
import pytest
from conftest import MODEL, Server
from openai import AsyncOpenAI, OpenAI

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


@pytest.fixture
def client(server):
    return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(text):
    return [{"role": "user", "content": text}]


def image_question(name, question, **image):
    data = base64.b64encode((MODEL / "golden" / name).read_bytes()).decode()
    return [
        {
            "role": "user",
            "content": [
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"} | image},
                {"type": "text", "text": question},
            ],
        }
    ]


def test_models(client):
    models = client.models.list().data
    assert [m.id for m in models] == ["r-tiny"]
    assert client.models.retrieve("r-tiny").id == "r-tiny"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-4o")


def test_a_thought_and_an_answer(client):
    reply = client.chat.completions.create(model="r-tiny", messages=ask(STORY))
    choice = reply.choices[0]
    assert (choice.finish_reason, choice.message.content, choice.message.refusal) == ("stop", "23", None)
    assert choice.message.reasoning_content == "8 + 20 = 28. 28 - 5 = 23."
    assert (
        reply.object == "chat.completion"
        and reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens
    )


def test_streaming_adds_up_to_the_same_reply(client):
    whole = client.chat.completions.create(model="r-tiny", messages=ask(STORY))
    chunks = list(
        client.chat.completions.create(
            model="r-tiny", messages=ask(STORY), stream=True, stream_options={"include_usage": True}
        )
    )
    assert len({c.id for c in chunks}) == 1 and len({c.created for c in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    deltas = [c.choices[0].delta for c in chunks if c.choices]
    assert "".join(d.content or "" for d in deltas) == whole.choices[0].message.content
    assert (
        "".join(getattr(d, "reasoning_content", None) or "" for d in deltas)
        == whole.choices[0].message.reasoning_content
    )
    finishes = [c.choices[0].finish_reason for c in chunks if c.choices]
    assert finishes[-1] == "stop" and not any(finishes[:-1])
    assert chunks[-1].choices == [] and chunks[-1].usage == whole.usage
    assert chunks[-1].model_extra["thinking"] == whole.model_extra["thinking"]


def test_several_clients_at_once(server):
    async def main():
        client = AsyncOpenAI(base_url=server.url + "/v1", api_key="none")
        questions = [(f"Add {a} and {b}.", str(a + b)) for a in (2, 3, 4) for b in (1, 5, 6)] * 3
        replies = await asyncio.gather(
            *(client.chat.completions.create(model="r-tiny", messages=ask(q)) for q, _ in questions)
        )
        return [(r.choices[0].message.content, answer) for r, (_, answer) in zip(replies, questions)]

    for said, answer in asyncio.run(main()):
        assert said == answer


def test_an_image_in_three_modes(client):
    for mode, happened in (("auto", "thinking"), ("long", "thinking"), ("short", "non_thinking")):
        reply = client.chat.completions.create(
            model="r-tiny",
            messages=image_question("12-sum.png", "Add up the digits."),
            extra_body={"thinking_mode": mode},
        )
        assert reply.thinking["requested_mode"] == mode and reply.thinking["mode"] == happened
        assert (reply.thinking["thinking_tokens"] > 0) == (happened == "thinking")


def test_detail_low_uses_the_base_view_only(client):
    def tokens(**image):
        reply = client.chat.completions.create(
            model="r-tiny", messages=image_question("12-sum.png", "Add up the digits.", **image)
        )
        return reply.usage.prompt_tokens_details.image_tokens

    assert tokens(detail="low") == 16 < tokens(detail="high") == tokens(detail="auto") == tokens()


def test_two_images_and_a_history(client):
    first = image_question("12-sum.png", "Add up the digits.")
    history = (
        first
        + [{"role": "assistant", "content": "<think>\nI see 5, 1, 3.\n</think>\n\n9"}]
        + image_question("10-count.png", "How many digits are shown?")
    )
    with_thought = client.chat.completions.create(model="r-tiny", messages=history)
    history[1] = {"role": "assistant", "content": "9"}
    without = client.chat.completions.create(model="r-tiny", messages=history)
    assert with_thought.usage.prompt_tokens == without.usage.prompt_tokens  # the template drops old thoughts


def test_sampling_is_reproducible_by_seed_and_n_gives_choices(client):
    def sample(seed):
        reply = client.chat.completions.create(
            model="r-tiny", messages=ask("Tell me something"), temperature=1.5, seed=seed, n=3, max_completion_tokens=16
        )
        assert [c.index for c in reply.choices] == [0, 1, 2]
        return [(c.message.content, c.message.model_extra.get("reasoning_content")) for c in reply.choices]

    assert sample(7) == sample(7)
    assert any(sample(7) != sample(seed) for seed in range(8, 12))


def test_stop_strings_cut_the_answer(client):
    reply = client.chat.completions.create(model="r-tiny", messages=ask("Hi there"), stop=["can I"])
    assert (reply.choices[0].message.content, reply.choices[0].finish_reason) == ("Hello! How ", "stop")


def test_length_limit_inside_a_thought(client):
    reply = client.chat.completions.create(
        model="r-tiny", messages=ask(STORY), max_completion_tokens=5, extra_body={"answer_reserve": 0}
    )
    assert reply.choices[0].finish_reason == "length" and reply.usage.completion_tokens == 5
    assert reply.thinking["stop"] == "length" and reply.thinking["answer_tokens"] == 0


def test_logprobs_of_every_token(client):
    reply = client.chat.completions.create(model="r-tiny", messages=ask(STORY), logprobs=True, top_logprobs=3)
    tokens = reply.choices[0].logprobs.content
    assert len(tokens) == reply.usage.completion_tokens
    for token in tokens:
        assert len(token.top_logprobs) == 3 and token.top_logprobs[0].logprob >= token.top_logprobs[1].logprob
        assert token.token == token.top_logprobs[0].token  # greedy


@pytest.mark.parametrize(
    "change, param",
    [
        ({"temperature": 3}, "temperature"),
        ({"top_p": 1.5}, "top_p"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"max_completion_tokens": 0}, "max_completion_tokens"),
        ({"messages": []}, "messages"),
        ({"top_logprobs": 2}, "top_logprobs"),
        ({"stop": ["a"] * 5}, "stop"),
        ({"extra_body": {"thinking_mode": "deep"}}, "thinking_mode"),
    ],
)
def test_bad_requests_name_the_field(client, change, param):
    with pytest.raises(openai.BadRequestError) as error:
        client.chat.completions.create(**({"model": "r-tiny", "messages": ask("Hello")} | change))
    assert error.value.param == param and error.value.type == "invalid_request_error"


def test_an_unknown_model_is_404(client):
    with pytest.raises(openai.NotFoundError) as error:
        client.chat.completions.create(model="gpt-4o", messages=ask("Hello"))
    assert error.value.code == "model_not_found"


def test_a_server_with_a_key():
    server = Server(environment={"R4B_API_KEY": "sesame"})
    try:
        with pytest.raises(openai.AuthenticationError):
            OpenAI(base_url=server.url + "/v1", api_key="wrong", max_retries=0).models.list()
        assert OpenAI(base_url=server.url + "/v1", api_key="sesame").models.list().data
        assert "sesame" not in server.read()
    finally:
        assert server.stop() == 0


def test_raw_and_streaming_responses_show_the_headers(client):
    raw = client.chat.completions.with_raw_response.create(
        model="r-tiny", messages=ask(STORY), extra_body={"store": False}
    )
    assert raw.headers["x-request-id"] == raw.parse()._request_id
    assert int(raw.headers["openai-processing-ms"]) >= 0 and raw.headers["x-ignored-parameters"] == "store"
    with client.chat.completions.with_streaming_response.create(
        model="r-tiny", messages=ask(STORY), stream=True
    ) as reply:
        lines = [line for line in reply.iter_lines() if line]
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8" and lines[-1] == "data: [DONE]"
    assert all(line.startswith(("data: ", ": ")) for line in lines)


def test_times_are_complete_after_a_stop_string(client):
    for stream in (False, True):
        reply = client.chat.completions.create(model="r-tiny", messages=ask("Hi there"), stop=["can I"], stream=stream)
        timings = (list(reply)[-1] if stream else reply).timings
        assert len(timings) == 6 and all(value is not None for value in timings.values()), timings


@pytest.mark.parametrize(
    "field, names",
    [
        ("reasoning_content", {"reasoning_content"}),
        ("reasoning", {"reasoning"}),
        ("both", {"reasoning_content", "reasoning"}),
    ],
)
def test_the_thought_has_the_configured_name(field, names):
    server = Server(["--set", f"api.reasoning_field={field}"])
    try:
        message = (
            OpenAI(base_url=server.url + "/v1", api_key="none")
            .chat.completions.create(model="r-tiny", messages=ask(STORY))
            .choices[0]
            .message
        )
        assert set(message.model_extra) & {"reasoning_content", "reasoning"} == names
    finally:
        assert server.stop() == 0


def test_a_full_queue_is_429_and_not_ready():
    server = Server(["--set", "scheduling.max_running=1", "--set", "scheduling.max_waiting=1"])
    try:
        client = OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)
        endless = dict(
            model="r-tiny",
            messages=ask("Tell me"),
            max_tokens=1900,
            logit_bias={"621": -100, "619": -100},
            temperature=1,
            seed=1,
        )
        with pytest.raises(openai.BadRequestError) as error:
            client.chat.completions.create(model="r-tiny", messages=ask("Hi"), n=3)
        assert error.value.param == "n"
        held = [client.chat.completions.create(stream=True, **endless) for _ in range(2)]
        with pytest.raises(openai.RateLimitError) as error:
            client.chat.completions.create(**endless)
        assert error.value.code == "queue_full" and int(error.value.response.headers["retry-after"]) >= 1
        with pytest.raises(urllib.error.HTTPError) as unready:
            server.get("/ready")
        assert unready.value.code == 503 and json.loads(unready.value.read())["error"]["code"] == "queue_full"
        for stream in held:
            stream.close()
        deadline = time.monotonic() + 10
        while 'r4b_sequences{state="running"} 0' not in server.get("/metrics") and time.monotonic() < deadline:
            time.sleep(0.02)
        assert json.loads(server.get("/ready"))["status"] == "ready"
    finally:
        assert server.stop() == 0


def test_the_sdk_waits_for_a_full_queue_and_does_not_retry_client_errors():
    with Server(["--set", "scheduling.max_running=1", "--set", "scheduling.max_waiting=0"]) as server:

        def client(retries):
            return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=retries)

        endless = client(0).chat.completions.create(
            model="r-tiny",
            messages=ask("Tell me"),
            max_tokens=1900,
            logit_bias={"621": -100, "619": -100},
            temperature=1,
            stream=True,
        )
        next(iter(endless))
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(client(6).chat.completions.create, model="r-tiny", messages=ask("Add 2 and 3."))
            time.sleep(0.5)
            endless.close()
            assert waiting.result(timeout=60).choices[0].message.content == "5"
        refused = server.metric('r4b_http_requests_total{route="/v1/chat/completions",method="POST",status="400"}')
        with pytest.raises(openai.BadRequestError):
            client(3).chat.completions.create(model="r-tiny", messages=ask("Hi"), temperature=3)
        assert (
            server.metric('r4b_http_requests_total{route="/v1/chat/completions",method="POST",status="400"}')
            == refused + 1
        )
        assert server.metric('r4b_http_requests_total{route="/v1/chat/completions",method="POST",status="429"}') > 0


def test_characters_arrive_whole_however_they_are_split(client):
    """The bytes of an emoji are separate tokens here; a bias makes the model write them one after the other."""
    vocabulary = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
    written = {0xF0: "ð", 0x9F: "Ł", 0x98: "ĺ", 0x80: "Ģ"}
    assert all(character in vocabulary for character in written.values())
    for bytes_, text in (
        ((0xF0, 0x9F, 0x98, 0x80), "😀"),
        ((0xF0, 0x9F, 0x98), "\ufffd"),
        ((0x98, 0x80), "\ufffd\ufffd"),
    ):
        prompt = [vocabulary[written[b]] for b in bytes_]
        echoed = client.completions.create(model="r-tiny", prompt=prompt, echo=True, max_tokens=1)
        assert echoed.choices[0].text.startswith(text)
    for seed in range(4):
        bias = {str(vocabulary[c]): 30 for c in written.values()} | {"621": -100, "619": -100}
        fields = dict(
            model="r-tiny",
            messages=ask("Hi"),
            max_tokens=40,
            temperature=2,
            seed=seed,
            logit_bias=bias,
            extra_body={"thinking_mode": "short"},
        )
        whole = client.chat.completions.create(**fields).choices[0].message.content
        parts = [
            c.choices[0].delta.content or "" for c in client.chat.completions.create(stream=True, **fields) if c.choices
        ]
        assert "".join(parts) == whole and "\ufffd" in whole
