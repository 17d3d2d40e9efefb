"""Completions, responses and the tokenizer endpoints, with the OpenAI SDK where it supports them."""

import asyncio
import base64
import json
import urllib.error
import urllib.request

import openai
import pytest
from conftest import MODEL
from openai import AsyncOpenAI, OpenAI
from tokenizers import Tokenizer

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
SHORT = "<|im_start|>user\nAdd 2 and 3.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


@pytest.fixture(scope="module")
def client(server):
    return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


@pytest.fixture(scope="module")
def tokenizer():
    return Tokenizer.from_file(str(MODEL / "tokenizer.json"))


def post(server, path, body):
    """Returns status, document and headers of one request."""
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, json.load(reply), reply.headers
    except urllib.error.HTTPError as error:
        return error.code, json.load(error), error.headers


def data_uri(name):
    return "data:image/png;base64," + base64.b64encode((MODEL / "golden" / name).read_bytes()).decode()


class TestCompletions:
    def test_a_text_goes_on(self, client):
        reply = client.completions.create(model="r-tiny", prompt=SHORT)
        choice = reply.choices[0]
        assert (reply.object, choice.text, choice.finish_reason, choice.logprobs) == (
            "text_completion",
            "5",
            "stop",
            None,
        )
        assert reply.usage.completion_tokens == 2 and reply.usage.prompt_tokens > 10

    def test_thoughts_are_text_here(self, client):
        reply = client.completions.create(model="r-tiny", prompt=SHORT.replace("\n\n</think>\n\n", "\n"), max_tokens=60)
        assert reply.choices[0].text.endswith("\n</think>\n\n5")
        assert reply.usage.completion_tokens_details.reasoning_tokens == 0

    def test_ids_texts_and_lists_of_both(self, client, tokenizer):
        ids = tokenizer.encode(SHORT).ids
        for prompt in (ids, [SHORT, SHORT], [ids, ids], [SHORT, ids]):
            reply = client.completions.create(model="r-tiny", prompt=prompt)
            many = 1 if prompt is ids else 2
            assert [(c.index, c.text) for c in reply.choices] == [(i, "5") for i in range(many)]
            assert reply.usage.prompt_tokens == many * len(ids)

    def test_several_choices_of_several_prompts_are_in_order(self, client):
        other = SHORT.replace("Add 2 and 3.", "Add 4 and 3.")
        reply = client.completions.create(model="r-tiny", prompt=[SHORT, other], n=3)
        assert [c.text for c in reply.choices] == ["5"] * 3 + ["7"] * 3

    def test_sixteen_tokens_unless_said(self, client):
        reply = client.completions.create(model="r-tiny", prompt="Tell", logit_bias={"621": -100, "619": -100})
        assert reply.usage.completion_tokens == 16 and reply.choices[0].finish_reason == "length"

    def test_streaming_adds_up(self, client):
        whole = client.completions.create(model="r-tiny", prompt="Tell me", seed=3, temperature=1, max_tokens=40)
        chunks = list(
            client.completions.create(
                model="r-tiny",
                prompt="Tell me",
                seed=3,
                temperature=1,
                max_tokens=40,
                stream=True,
                stream_options={"include_usage": True},
            )
        )
        assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
        assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens == whole.usage.completion_tokens
        assert chunks[-2].choices[0].finish_reason == whole.choices[0].finish_reason

    def test_echo(self, client):
        assert client.completions.create(model="r-tiny", prompt=SHORT, echo=True).choices[0].text == SHORT + "5"
        stream = client.completions.create(model="r-tiny", prompt=SHORT, echo=True, stream=True)
        assert "".join(c.choices[0].text for c in stream) == SHORT + "5"

    def test_logprobs_in_the_older_form(self, client):
        logprobs = client.completions.create(model="r-tiny", prompt=SHORT, logprobs=3).choices[0].logprobs
        assert logprobs.tokens == ["5", "<|im_end|>"] and logprobs.text_offset == [0, 1]
        assert all(len(top) == 3 for top in logprobs.top_logprobs)
        assert logprobs.token_logprobs[0] == max(logprobs.top_logprobs[0].values())

    def test_stop(self, client):
        reply = client.completions.create(
            model="r-tiny", prompt=SHORT.replace("Add 2 and 3.", "Hi there"), stop=["can I"], max_tokens=40
        )
        assert reply.choices[0].text == "Hello! How "

    @pytest.mark.parametrize(
        "body, param",
        [
            ({}, "prompt"),
            ({"prompt": 5}, "prompt"),
            ({"prompt": []}, "prompt"),
            ({"prompt": [1, "a"]}, "prompt[1]"),
            ({"prompt": ["a", 1]}, "prompt[1]"),
            ({"prompt": [[1], [99999]]}, "prompt[1][0]"),
            ({"prompt": [-1]}, "prompt[0]"),
            ({"prompt": ["a"] * 65}, "prompt"),
            ({"prompt": "a", "suffix": "b"}, "suffix"),
            ({"prompt": "a", "best_of": 2}, "best_of"),
            ({"prompt": "a", "echo": True, "logprobs": 1}, "echo"),
            ({"prompt": "a", "logprobs": 21}, "logprobs"),
            ({"prompt": "a " * 3000}, "prompt"),
            ({"prompt": "a", "max_tokens": 5000}, "max_tokens"),
            ({"prompt": "a", "promt": "b"}, "promt"),
        ],
    )
    def test_bad_requests_name_the_field(self, server, body, param):
        status, reply, _ = post(server, "/v1/completions", body)
        assert (status, reply["error"]["param"]) == (400, param), reply

    def test_an_empty_prompt_begins_a_text(self, server):
        assert post(server, "/v1/completions", {"prompt": "", "max_tokens": 3})[0] == 200


class TestText:
    def test_tokens_are_those_of_the_reference(self, server, tokenizer):
        for text in ("Hello there", STORY, "naïve 😀 Zürich\n\n\tx", "<|im_start|>user\n<think>", ""):
            status, reply, _ = post(server, "/tokenize", {"content": text})
            assert (
                status == 200
                and reply["tokens"] == tokenizer.encode(text).ids
                and reply["count"] == len(reply["tokens"])
            )
            assert post(server, "/detokenize", {"tokens": reply["tokens"]})[1] == {"content": text}

    def test_special_spellings_can_be_plain_text(self, server, tokenizer):
        ids = post(server, "/tokenize", {"content": "<|im_end|>", "parse_special": False})[1]["tokens"]
        assert len(ids) > 1 and tokenizer.token_to_id("<|im_end|>") not in ids

    def test_pieces(self, server):
        pieces = post(server, "/tokenize", {"content": "Hi 😀", "with_pieces": True})[1]["tokens"]
        data = b"".join(p["piece"].encode() if isinstance(p["piece"], str) else bytes(p["piece"]) for p in pieces)
        assert data.decode() == "Hi 😀" and all(set(p) == {"id", "piece"} for p in pieces)

    def test_half_a_character_is_a_replacement(self, server, tokenizer):
        ids = tokenizer.encode("😀").ids
        assert post(server, "/detokenize", {"tokens": ids[:1]})[1]["content"] == "\ufffd"

    @pytest.mark.parametrize(
        "path, body, param",
        [
            ("/tokenize", {}, "content"),
            ("/tokenize", {"content": 5}, "content"),
            ("/tokenize", {"content": "a", "with_pieces": 1}, "with_pieces"),
            ("/detokenize", {}, "tokens"),
            ("/detokenize", {"tokens": ["a"]}, "tokens[0]"),
            ("/detokenize", {"tokens": [0, 10**9]}, "tokens[1]"),
            ("/detokenize", {"tokens": 4}, "tokens"),
            ("/apply-template", {}, "messages"),
            ("/v1/chat/completions/input_tokens", {"messages": []}, "messages"),
        ],
    )
    def test_bad_requests_name_the_field(self, server, path, body, param):
        status, reply, _ = post(server, path, body)
        assert (status, reply["error"]["param"]) == (400, param), reply

    def test_the_template_applied_is_the_prompt(self, server, client):
        for mode, tail in (("auto", "<think>"), ("long", "<think>\n"), ("short", "<think>\n\n</think>\n\n")):
            chat = {"messages": [{"role": "user", "content": STORY}], "thinking_mode": mode}
            prompt = post(server, "/apply-template", chat)[1]["prompt"]
            assert prompt == f"<|im_start|>user\n{STORY}<|im_end|>\n<|im_start|>assistant\n{tail}"
            count = post(server, "/v1/chat/completions/input_tokens", chat)[1]
            assert count["input_tokens"] == len(post(server, "/tokenize", {"content": prompt})[1]["tokens"])
            # The same tokens give the same reply.
            raw = client.completions.create(model="r-tiny", prompt=prompt, max_tokens=90).choices[0].text
            assert raw.endswith(
                client.chat.completions.create(
                    model="r-tiny",
                    **{k: v for k, v in chat.items() if k == "messages"},
                    extra_body={"thinking_mode": mode},
                )
                .choices[0]
                .message.content
            )

    def test_counting_is_what_a_chat_counts(self, server):
        for detail in ("low", "high"):
            chat = {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image_url", "image_url": {"url": data_uri("12-sum.png"), "detail": detail}},
                            {"type": "text", "text": "Add up the digits."},
                        ],
                    }
                ]
            }
            counted = post(server, "/v1/chat/completions/input_tokens", chat)[1]
            usage = post(server, "/v1/chat/completions", chat)[1]["usage"]
            assert counted["input_tokens"] == usage["prompt_tokens"]
            assert counted["input_tokens_details"] == {
                k: usage["prompt_tokens_details"][k] for k in ("text_tokens", "image_tokens")
            }


class TestResponses:
    def test_a_thought_and_an_answer(self, client):
        reply = client.responses.create(model="r-tiny", input=STORY)
        assert [item.type for item in reply.output] == ["reasoning", "message"]
        assert reply.output[0].content[0].text == "8 + 20 = 28. 28 - 5 = 23." and reply.output_text == "23"
        assert (reply.status, reply.incomplete_details, reply.error) == ("completed", None, None)
        assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
        assert reply.usage.output_tokens_details.reasoning_tokens == reply.thinking["thinking_tokens"] == 21

    @pytest.mark.parametrize("effort, thinks", [("none", False), ("low", True), ("medium", True), ("high", True)])
    def test_effort_chooses_the_mode(self, client, effort, thinks):
        reply = client.responses.create(model="r-tiny", input=STORY, reasoning={"effort": effort})
        assert (reply.output[0].type == "reasoning") == thinks and reply.reasoning.effort == effort

    def test_images_and_instructions(self, client):
        reply = client.responses.create(
            model="r-tiny",
            instructions="Be exact.",
            input=[
                {
                    "role": "user",
                    "content": [
                        {"type": "input_image", "image_url": data_uri("12-sum.png"), "detail": "auto"},
                        {"type": "input_text", "text": "Add up the digits."},
                    ],
                }
            ],
        )
        assert (
            reply.usage.input_tokens_details.model_extra["image_tokens"] > 0
            and reply.output_text
            and reply.instructions == "Be exact."
        )

    def test_a_conversation_by_its_items(self, client):
        first = client.responses.create(model="r-tiny", input=STORY)
        items = (
            [{"role": "user", "content": STORY}]
            + [item.model_dump(exclude_none=True) for item in first.output]
            + [{"role": "user", "content": "Add 2 and 3."}]
        )
        assert client.responses.create(model="r-tiny", input=items, reasoning={"effort": "none"}).output_text == "5"

    def test_the_limit_is_told(self, client):
        reply = client.responses.create(
            model="r-tiny", input=STORY, max_output_tokens=16, extra_body={"answer_reserve": 0}
        )
        assert (reply.status, reply.incomplete_details.reason, reply.output[-1].status) == (
            "incomplete",
            "max_output_tokens",
            "incomplete",
        )

    def test_the_stream_helper_adds_up(self, client):
        types = []
        with client.responses.stream(model="r-tiny", input=STORY) as stream:
            for event in stream:
                types.append(event.type)
            final = stream.get_final_response()
        assert final.output_text == "23" and [item.type for item in final.output] == ["reasoning", "message"]
        assert types[:2] == ["response.created", "response.in_progress"] and types[-1] == "response.completed"
        assert types.count("response.output_item.added") == types.count("response.output_item.done") == 2

    def test_events_are_numbered_and_add_up_to_the_items(self, client):
        events = list(client.responses.create(model="r-tiny", input=STORY, stream=True, top_logprobs=2))
        assert [e.sequence_number for e in events] == list(range(len(events)))
        final = events[-1].response
        for kind, item in (("response.reasoning_text", final.output[0]), ("response.output_text", final.output[1])):
            deltas = [e for e in events if e.type == kind + ".delta"]
            assert (
                "".join(e.delta for e in deltas)
                == item.content[0].text
                == next(e.text for e in events if e.type == kind + ".done")
            )
            assert {e.item_id for e in deltas} == {item.id}
        assert len(final.output[1].content[0].logprobs) >= 2

    def test_async(self, server):
        async def main():
            client = AsyncOpenAI(base_url=server.url + "/v1", api_key="none")
            replies = await asyncio.gather(
                *(client.responses.create(model="r-tiny", input=f"Add {n} and 2.") for n in range(1, 7))
            )
            return [r.output_text for r in replies]

        assert asyncio.run(main()) == [str(n + 2) for n in range(1, 7)]

    @pytest.mark.parametrize(
        "body, param",
        [
            ({}, "input"),
            ({"input": 5}, "input"),
            ({"input": []}, "input"),
            ({"input": [5]}, "input[0]"),
            ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
            ({"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input[0].content[0].type"),
            ({"input": [{"type": "web_search_call"}]}, "input[0].type"),
            ({"input": [{"type": "function_call_output", "output": "x"}]}, "input[0].call_id"),
            ({"input": "x", "previous_response_id": "resp_1"}, "previous_response_id"),
            ({"input": "x", "background": True}, "background"),
            ({"input": "x", "reasoning": {"effort": "much"}}, "reasoning.effort"),
            ({"input": "x", "reasoning": {"effort": "high"}, "thinking_mode": "short"}, "reasoning.effort"),
            ({"input": "x", "max_output_tokens": 0}, "max_output_tokens"),
            ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type"),
            ({"input": "x " * 3000}, "input"),
            ({"input": "x", "max_output_token": 3}, "max_output_token"),
            ({"input": "x", "temperature": 3}, "temperature"),
            ({"input": "x", "max_output_tokens": 5000}, "max_output_tokens"),
        ],
    )
    def test_bad_requests_name_the_field(self, server, body, param):
        status, reply, _ = post(server, "/v1/responses", body)
        assert (status, reply["error"]["param"]) == (400, param), reply

    def test_what_has_no_effect_is_named(self, server):
        body = {
            "input": "Add 2 and 3.",
            "store": True,
            "include": ["reasoning.encrypted_content"],
            "truncation": "auto",
            "reasoning": {"summary": "auto"},
            "n": 4,
        }
        status, reply, headers = post(server, "/v1/responses", body)
        assert status == 200 and headers["x-ignored-parameters"] == "n, store, truncation, include, reasoning.summary"
        assert len([item for item in reply["output"] if item["type"] == "message"]) == 1

    def test_a_wrong_body_begins_no_stream(self, server):
        with pytest.raises(openai.BadRequestError):
            OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0).responses.create(
                model="r-tiny", input=[], stream=True
            )
