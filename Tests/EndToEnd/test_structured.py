"""Constrained answers through the OpenAI SDK: JSON, schemas and tool calls. R-Tiny knows no JSON, so a correct answer
shows that tokens are constrained, at every temperature."""

import asyncio
import enum
import json
from typing import Annotated

import jsonschema
import openai
import pytest
from conftest import Server
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel, Field

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


class Colour(enum.Enum):
    red = "red"
    blue = "blue"


class Shape(BaseModel):
    name: str = Field(max_length=12)
    colour: Colour
    sides: int = Field(ge=0, le=12)
    area: float | None
    tags: list[Annotated[str, Field(max_length=6)]] = Field(max_length=3)


def weather(strict=False):
    return {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city",
            "strict": strict,
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "maxLength": 20},
                    "days": {"type": "integer", "minimum": 1, "maximum": 7},
                },
                "required": ["city", "days"],
                "additionalProperties": False,
            },
        },
    }


ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {
                "a": {"type": "integer", "maximum": 99, "minimum": 0},
                "b": {"type": "integer", "maximum": 99, "minimum": 0},
            },
            "required": ["a", "b"],
            "additionalProperties": False,
        },
    },
}


@pytest.fixture(scope="module")
def client(server):
    return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, text=STORY, **fields):
    return client.chat.completions.create(model="r-tiny", messages=[{"role": "user", "content": text}], **fields)


def schema(body, **fields):
    return {"type": "json_schema", "json_schema": {"name": "answer", "strict": True, "schema": body} | fields}


BOUNDED = {
    "type": "object",
    "properties": {
        "left": {"type": "integer", "minimum": 0, "maximum": 100},
        "word": {"type": "string", "maxLength": 8},
        "sure": {"type": "boolean"},
        "list": {"type": "array", "items": {"enum": ["a", "b", None, 1]}, "minItems": 1, "maxItems": 3},
    },
    "required": ["left", "word", "sure", "list"],
    "additionalProperties": False,
}


class TestSchemas:
    @pytest.mark.parametrize("mode", ["auto", "long", "short"])
    def test_the_answer_follows_the_schema_and_the_thought_is_free(self, client, mode):
        for seed in range(4):
            reply = ask(
                client,
                response_format=schema(BOUNDED),
                temperature=1,
                seed=seed,
                max_completion_tokens=400,
                extra_body={"thinking_mode": mode},
            )
            jsonschema.validate(json.loads(reply.choices[0].message.content), BOUNDED)
            assert reply.choices[0].finish_reason == "stop"
            if mode == "short":
                assert reply.thinking["thinking_tokens"] == 0
        if mode == "long":
            plain = ask(client, extra_body={"thinking_mode": mode})
            formed = ask(
                client, response_format=schema(BOUNDED), max_completion_tokens=400, extra_body={"thinking_mode": mode}
            )
            assert formed.choices[0].message.reasoning_content == plain.choices[0].message.reasoning_content

    def test_parse_with_pydantic(self, client):
        for seed in range(3):
            reply = client.chat.completions.parse(
                model="r-tiny",
                messages=[{"role": "user", "content": "A shape?"}],
                response_format=Shape,
                temperature=1,
                seed=seed,
                max_completion_tokens=600,
            )
            shape = reply.choices[0].message.parsed
            assert isinstance(shape, Shape) and 0 <= shape.sides <= 12 and len(shape.name) <= 12

    def test_streaming_with_pydantic(self, client):
        with client.chat.completions.stream(
            model="r-tiny",
            messages=[{"role": "user", "content": "A shape?"}],
            response_format=Shape,
            temperature=1,
            seed=5,
            max_completion_tokens=600,
        ) as stream:
            for _ in stream:
                pass
            assert isinstance(stream.get_final_completion().choices[0].message.parsed, Shape)

    def test_responses_parse(self, client):
        reply = client.responses.parse(
            model="r-tiny",
            input="A shape?",
            text_format=Shape,
            temperature=1,
            max_output_tokens=600,
            extra_body={"seed": 1},
        )
        assert isinstance(reply.output_parsed, Shape) and reply.text.format.type == "json_schema"

    def test_json_object(self, client):
        ended = 0
        for seed in range(8):
            choice = ask(
                client,
                response_format={"type": "json_object"},
                temperature=1,
                seed=seed,
                max_completion_tokens=300,
                logit_bias={"93": 4},
            ).choices[0]
            if choice.finish_reason == "stop":
                assert isinstance(json.loads(choice.message.content), dict)
                ended += 1
        assert ended > 0

    def test_several_choices_each_follow_it(self, client):
        reply = ask(client, response_format=schema(BOUNDED), n=6, temperature=1, seed=3, max_completion_tokens=400)
        for choice in reply.choices:
            jsonschema.validate(json.loads(choice.message.content), BOUNDED)
        assert len({choice.message.content for choice in reply.choices}) > 1

    def test_recursion_and_references(self, client):
        tree = {
            "$defs": {
                "node": {
                    "type": "object",
                    "properties": {
                        "v": {"type": "integer", "minimum": 0, "maximum": 9},
                        "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                    },
                    "required": ["v", "next"],
                    "additionalProperties": False,
                }
            },
            "$ref": "#/$defs/node",
        }
        for seed in range(4):
            choice = ask(
                client, response_format=schema(tree), temperature=1, seed=seed, max_completion_tokens=900
            ).choices[0]
            assert choice.finish_reason == "stop"
            jsonschema.validate(json.loads(choice.message.content), tree)

    def test_a_completion_too(self, client):
        reply = client.completions.create(
            model="r-tiny",
            prompt="x",
            max_tokens=300,
            temperature=1,
            seed=1,
            extra_body={"response_format": schema(BOUNDED)},
        )
        jsonschema.validate(json.loads(reply.choices[0].text), BOUNDED)

    def test_a_limit_that_cuts_is_told(self, client):
        choice = ask(
            client, response_format=schema(BOUNDED), max_completion_tokens=8, extra_body={"thinking_mode": "short"}
        ).choices[0]
        assert choice.finish_reason == "length" and choice.message.content.startswith("{")

    @pytest.mark.parametrize(
        "body, keyword",
        [
            ({"type": "string", "pattern": "(?<=a)b"}, "pattern"),
            ({"type": "object", "patternProperties": {"(": {}}}, "patternProperties"),
            ({"not": {"type": "string"}}, "not"),
            ({"type": "array", "uniqueItems": True}, "items"),
            ({"type": "integer", "minimum": 3, "maximum": 2}, ""),
            ({"type": "strin"}, "type"),
            ({"$ref": "#/$defs/none"}, "$ref"),
            ({"$ref": "http://example.com/a"}, "$ref"),
            ({"enum": []}, "enum"),
            ({"if": {}, "then": {}}, "if"),
            ({"type": "string", "minLenght": 3}, "minLenght"),
        ],
    )
    def test_what_cannot_be_held_to_is_refused_by_name(self, client, body, keyword):
        with pytest.raises(openai.BadRequestError) as rejected:
            ask(
                client,
                response_format=schema(
                    {"type": "object", "properties": {"x": body}, "required": ["x"], "additionalProperties": False}
                ),
            )
        assert keyword in str(rejected.value) and rejected.value.param.startswith("response_format.json_schema.schema")
        assert rejected.value.code == "unsupported_schema"


class TestTools:
    def test_a_required_call_follows_its_schema(self, client):
        for seed in range(4):
            reply = ask(
                client,
                tools=[weather(), ADD],
                tool_choice="required",
                temperature=1,
                seed=seed,
                max_completion_tokens=600,
                parallel_tool_calls=False,
            )
            choice = reply.choices[0]
            assert (
                choice.finish_reason == "tool_calls"
                and choice.message.content is None
                and len(choice.message.tool_calls) == 1
            )
            call = choice.message.tool_calls[0]
            tool = {"get_weather": weather(), "add": ADD}[call.function.name]
            jsonschema.validate(json.loads(call.function.arguments), tool["function"]["parameters"])

    def test_a_named_call(self, client):
        for mode in ("auto", "long", "short"):
            reply = ask(
                client,
                tools=[weather(), ADD],
                tool_choice={"type": "function", "function": {"name": "add"}},
                max_completion_tokens=600,
                extra_body={"thinking_mode": mode},
            )
            assert [call.function.name for call in reply.choices[0].message.tool_calls] == ["add"]
            assert bool(reply.choices[0].message.reasoning_content) == (reply.thinking["mode"] == "thinking")

    def test_parallel_calls(self, client):
        """A model that never ends makes as many calls as one answer may have."""
        choice = ask(
            client,
            tools=[ADD],
            tool_choice="required",
            temperature=1,
            seed=1,
            logit_bias={"621": -100, "619": -100},
            max_completion_tokens=1500,
        ).choices[0]
        calls = choice.message.tool_calls
        assert choice.finish_reason == "tool_calls" and len(calls) == len({call.id for call in calls}) == 16
        for call in calls:
            jsonschema.validate(json.loads(call.function.arguments), ADD["function"]["parameters"])
        assert (
            len(
                ask(
                    client,
                    tools=[ADD],
                    tool_choice="required",
                    parallel_tool_calls=False,
                    logit_bias={"621": -100, "619": -100},
                    max_completion_tokens=1500,
                )
                .choices[0]
                .message.tool_calls
            )
            == 1
        )

    def test_a_stream_adds_up_to_the_same_calls(self, client):
        fields = dict(tools=[weather(), ADD], tool_choice="required", temperature=1, seed=2, max_completion_tokens=600)
        whole = ask(client, **fields).choices[0].message.tool_calls
        calls = {}
        for chunk in ask(client, stream=True, **fields):
            for delta in chunk.choices[0].delta.tool_calls or [] if chunk.choices else []:
                call = calls.setdefault(delta.index, {"name": "", "arguments": "", "parts": 0})
                call["name"] += delta.function.name or ""
                call["arguments"] += delta.function.arguments or ""
                call["parts"] += 1
        assert [(c["name"], c["arguments"]) for c in calls.values()] == [
            (c.function.name, c.function.arguments) for c in whole
        ]
        assert all(c["parts"] > 3 for c in calls.values())

    def test_the_stream_helper(self, client):
        with client.chat.completions.stream(
            model="r-tiny",
            messages=[{"role": "user", "content": STORY}],
            tools=[weather(strict=True)],
            tool_choice="required",
            temperature=1,
            seed=1,
            max_completion_tokens=600,
            parallel_tool_calls=False,
        ) as stream:
            kinds = [event.type for event in stream]
            final = stream.get_final_completion().choices[0]
        assert "tool_calls.function.arguments.delta" in kinds and "tool_calls.function.arguments.done" in kinds
        assert set(final.message.tool_calls[0].function.parsed_arguments) == {"city", "days"}

    def test_a_tool_loop(self, client):
        messages = [{"role": "user", "content": "Add 2 and 3."}]
        first = (
            client.chat.completions.create(
                model="r-tiny",
                messages=messages,
                tools=[ADD],
                tool_choice="required",
                parallel_tool_calls=False,
                max_completion_tokens=300,
            )
            .choices[0]
            .message
        )
        arguments = json.loads(first.tool_calls[0].function.arguments)
        messages += [
            first.model_dump(exclude_none=True),
            {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": str(arguments["a"] + arguments["b"])},
        ]
        second = client.chat.completions.create(
            model="r-tiny", messages=messages, tools=[ADD], max_completion_tokens=200
        )
        assert second.choices[0].finish_reason in ("stop", "tool_calls", "length")

    def test_auto_leaves_the_text_free(self, client):
        plain = ask(client, "Hi there")
        offered = ask(client, "Hi there", tools=[ADD], tool_choice="none")
        assert offered.choices[0].message == plain.choices[0].message
        # R-Tiny has never seen a tool, so any reply is acceptable.
        assert ask(client, "Hi there", tools=[ADD], max_completion_tokens=100).choices[0].finish_reason in (
            "stop",
            "length",
        )

    def test_auto_keeps_a_call_to_its_schema_once_it_is_opened(self, client):
        """A bias towards the bytes of the opening tag makes R-Tiny open one."""
        for seed in range(3):
            text = "Say <tool_call> and go on. " * 3
            choice = ask(client, text, tools=[ADD], temperature=1, seed=seed, max_completion_tokens=400).choices[0]
            for call in choice.message.tool_calls or []:
                jsonschema.validate(json.loads(call.function.arguments), ADD["function"]["parameters"])

    def test_a_schema_that_cannot_be_held_to(self, server, client):
        tool = {
            "type": "function",
            "function": {
                "name": "f",
                "parameters": {"type": "object", "properties": {"x": {"not": {"type": "string"}}}},
            },
        }
        raw = client.chat.completions.with_raw_response.create(
            model="r-tiny",
            messages=[{"role": "user", "content": "Hi"}],
            tools=[tool],
            tool_choice="required",
            max_completion_tokens=60,
        )
        assert raw.headers["x-ignored-parameters"] == "tools[0].function.parameters.properties.x.not"
        tool["function"]["strict"] = True
        with pytest.raises(openai.BadRequestError) as rejected:
            ask(client, tools=[tool], tool_choice="required")
        assert (
            rejected.value.param == "tools[0].function.parameters.properties.x.not"
            and rejected.value.code == "unsupported_schema"
        )

    def test_responses(self, client):
        tool = {"type": "function"} | weather()["function"]
        reply = client.responses.create(
            model="r-tiny",
            input=STORY,
            tools=[tool],
            tool_choice="required",
            parallel_tool_calls=False,
            temperature=1,
            max_output_tokens=600,
            extra_body={"seed": 1},
        )
        call = reply.output[-1]
        assert (call.type, call.name) == ("function_call", "get_weather")
        jsonschema.validate(json.loads(call.arguments), tool["parameters"])
        items = [{"role": "user", "content": STORY}] + [item.model_dump(exclude_none=True) for item in reply.output]
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": "sunny"})
        assert client.responses.create(model="r-tiny", input=items, tools=[tool], max_output_tokens=100).status in (
            "completed",
            "incomplete",
        )

    def test_json_or_a_call(self, client):
        kinds = set()
        for seed in range(8):
            choice = ask(
                client,
                tools=[ADD],
                response_format=schema(BOUNDED),
                temperature=2,
                seed=seed,
                max_completion_tokens=600,
            ).choices[0]
            if choice.message.tool_calls:
                jsonschema.validate(
                    json.loads(choice.message.tool_calls[0].function.arguments), ADD["function"]["parameters"]
                )
                kinds.add("call")
            else:
                jsonschema.validate(json.loads(choice.message.content), BOUNDED)
                kinds.add("json")
        assert "json" in kinds or "call" in kinds

    def test_many_at_once(self, server):
        async def main():
            client = AsyncOpenAI(base_url=server.url + "/v1", api_key="none")

            async def one(seed):
                reply = await client.chat.completions.create(
                    model="r-tiny",
                    messages=[{"role": "user", "content": STORY}],
                    response_format=schema(BOUNDED),
                    temperature=1,
                    seed=seed,
                    max_completion_tokens=400,
                )
                jsonschema.validate(json.loads(reply.choices[0].message.content), BOUNDED)

            await asyncio.gather(*(one(seed) for seed in range(24)))

        asyncio.run(main())


def test_a_constrained_answer_survives_preemption():
    """With a KV budget too small for all, requests are preempted and continue later. Their answers still follow the
    schema."""
    with Server(["--set", "scheduling.kv_tokens=1800", "--set", "scheduling.max_running=6"]) as server:

        async def main():
            client = AsyncOpenAI(base_url=server.url + "/v1", api_key="none")

            async def one(seed):
                reply = await client.chat.completions.create(
                    model="r-tiny",
                    messages=[{"role": "user", "content": STORY * 4}],
                    response_format=schema(BOUNDED),
                    temperature=1,
                    seed=seed,
                    max_completion_tokens=900,
                )
                jsonschema.validate(json.loads(reply.choices[0].message.content), BOUNDED)

            await asyncio.gather(*(one(seed) for seed in range(12)))

        asyncio.run(main())
