"""Schemas of ordinary types as Pydantic 2 and zod 4 write them. All are accepted, and every generated value is valid
for `jsonschema` with its formats and for Pydantic."""

import concurrent.futures
import json
import os
import pathlib
import subprocess

import jsonschema
import openai
import pydantic
import pytest
from conftest import MODEL, ROOT
from schema_types import LOOSE, PYDANTIC, ZOD
from test_schemas import QWEN, program, run  # noqa: F401

ADAPTERS = {name: pydantic.TypeAdapter(kind) for name, kind in PYDANTIC.items()}
SCHEMAS = (
    {name: adapter.json_schema() for name, adapter in ADAPTERS.items()}
    | {name: pydantic.TypeAdapter(kind).json_schema() for name, kind in LOOSE.items()}
    | ZOD
)
FORMATS = jsonschema.Draft202012Validator.FORMAT_CHECKER


def check(name, text):
    """Returns whether the value is valid for everyone who knows its type."""
    jsonschema.Draft202012Validator(SCHEMAS[name], format_checker=FORMATS).validate(json.loads(text))
    if name in ADAPTERS:
        ADAPTERS[name].validate_json(text)


@pytest.mark.parametrize("tokenizer", [MODEL / "tokenizer.json", QWEN], ids=["r-tiny", "qwen3"])
def test_every_random_value_of_a_type_is_valid(program, tokenizer, capsys):  # noqa: F811
    assert len(SCHEMAS) >= 120
    count = int(os.environ.get("TEST_GENERATIONS", 12))
    replies = run(
        program,
        tokenizer,
        [{"schema": schema, "seed": index, "count": count} for index, schema in enumerate(SCHEMAS.values())],
    )
    faults, valid = [], 0
    for name, reply in zip(SCHEMAS, replies):
        if "error" in reply:
            faults.append((name, reply["error"]))
            continue
        texts = [text for text in reply["texts"] if text is not None]
        if not texts:
            faults.append((name, "no text ended"))
        for text in texts:
            try:
                check(name, text)
                valid += 1
            except Exception as error:
                faults.append((name, text[:200], str(error)[:300]))
    with capsys.disabled():
        slowest = max(zip(replies, SCHEMAS), key=lambda pair: pair[0].get("compile_ms", 0))
        print(
            f"\n{tokenizer.parent.name}: {len(SCHEMAS)} types, {valid} values valid, slowest to compile {slowest[1]} {slowest[0].get('compile_ms', 0):.1f} ms, "
            f"slowest mask {max(reply.get('slowest_ms', 0) for reply in replies):.1f} ms"
        )
    assert not faults, "\n".join(map(str, faults[:40]))


def wrapped(name):
    """Returns the type as a member of a closed object, as tools and strict formats use it."""
    schema = json.loads(
        json.dumps(SCHEMAS[name])
        .replace('"#/$defs/', '"#/properties/value/$defs/')
        .replace('"$ref": "#"', '"$ref": "#/properties/value"')
    )
    return {"type": "object", "properties": {"value": schema}, "required": ["value"], "additionalProperties": False}


@pytest.fixture(scope="module")
def client(server):
    return openai.OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def every(function):
    """Returns what is wrong with any of the types, four at a time."""

    def one(name):
        try:
            return function(name)
        except Exception as error:
            return f"{type(error).__name__}: {error}"[:400]

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        return {name: fault for name, fault in zip(SCHEMAS, pool.map(one, SCHEMAS)) if fault}


class TestThroughTheServer:
    def test_streamed_answers_are_values_of_the_type(self, client):
        ended = []

        def one(name):
            stream = client.chat.completions.create(
                model="r-tiny",
                messages=[{"role": "user", "content": "x"}],
                temperature=1.2,
                seed=len(name),
                max_completion_tokens=300,
                stream=True,
                extra_body={"thinking_mode": "short"},
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "x", "strict": True, "schema": wrapped(name)},
                },
            )
            text, reason = "", None
            for chunk in stream:
                text += chunk.choices[0].delta.content or "" if chunk.choices else ""
                reason = chunk.choices[0].finish_reason or reason if chunk.choices else reason
            if reason == "stop":
                ended.append(name)
                check(name, json.dumps(json.loads(text)["value"]))

        faults = every(one)
        assert not faults, "\n".join(map(str, faults.items()))
        assert len(ended) > len(SCHEMAS) // 2

    @pytest.mark.parametrize("strict", [True, False])
    def test_arguments_of_tools_are_values_of_the_type(self, client, strict):
        def one(name):
            raw = client.chat.completions.with_raw_response.create(
                model="r-tiny",
                messages=[{"role": "user", "content": "x"}],
                temperature=1.2,
                seed=len(name),
                max_completion_tokens=300,
                extra_body={"thinking_mode": "short"},
                tool_choice="required",
                parallel_tool_calls=False,
                tools=[{"type": "function", "function": {"name": "f", "strict": strict, "parameters": wrapped(name)}}],
            )
            reply = raw.parse()
            if ignored := raw.headers.get("x-ignored-parameters"):
                return f"ignored: {ignored}"
            if reply.choices[0].finish_reason == "tool_calls":
                check(name, json.dumps(json.loads(reply.choices[0].message.tool_calls[0].function.arguments)["value"]))

        faults = every(one)
        assert not faults, "\n".join(map(str, faults.items()))
