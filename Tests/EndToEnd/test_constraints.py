"""Answers constrained to a choice, a regular expression or a schema by the fields of other servers, streamed or not, on
every endpoint. R-Tiny would answer something else, so an answer that fits shows that the constraint works."""

import json
import re

import jsonschema
import openai
import pytest
from openai import OpenAI

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"
CHOICES = ["positive", "negative", "neither, really", "Ünïcode ✓", '"quoted"', "{}"]
SCHEMA = {
    "type": "object",
    "properties": {"sum": {"type": "integer", "minimum": 0, "maximum": 99}, "ok": {"type": "boolean"}},
    "required": ["sum", "ok"],
    "additionalProperties": False,
}
PATTERNS = [
    r"(yes|no)",
    r"[0-9]{1,4}",
    r"^\d{3}-\d{4}$",
    r"[A-Z][a-z]{0,8}( [a-z]{1,6}){0,3}\.",
    r"\[(\d, ){0,3}\d\]",
    r"<b>[^<>\n]{1,10}</b>",
    r"(?:ja|nein)!?",
    r"[äöü]{1,3}",
    r"[^\s\"]{1,5}",
    r"([ab]c){0,3}",
]
MODES = ["short", "long", "auto"]


@pytest.fixture(scope="module")
def client(server):
    return OpenAI(base_url=server.url + "/v1", api_key="none", max_retries=0)


def ask(client, stream=False, **fields):
    """Returns content and finish reason. Fields that OpenAI does not know go into the body, as vLLM's users send
    them."""
    known = {
        name: fields.pop(name)
        for name in ("temperature", "seed", "max_completion_tokens", "response_format", "tools", "tool_choice")
        if name in fields
    }
    arguments = {
        "model": "r-tiny",
        "messages": [{"role": "user", "content": STORY}],
        "max_completion_tokens": 400,
        "temperature": 1,
    } | known
    if not stream:
        choice = client.chat.completions.create(**arguments, extra_body=fields).choices[0]
        return choice.message.content, choice.finish_reason
    content, finish = "", None
    for chunk in client.chat.completions.create(**arguments, extra_body=fields, stream=True):
        for choice in chunk.choices:
            content += choice.delta.content or ""
            finish = choice.finish_reason or finish
    return content, finish


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("field", ["guided_choice", "structured_outputs"])
def test_the_answer_is_one_of_the_choices(client, field, mode):
    seen = set()
    for seed in range(8):
        for stream in (False, True):
            wanted = CHOICES if field == "guided_choice" else {"choice": CHOICES}
            content, finish = ask(
                client,
                stream,
                seed=seed,
                temperature=2,
                thinking_mode=mode,
                thinking_budget=20 if mode != "short" else None,
                **{field: wanted},
            )
            assert content in CHOICES and finish == "stop"
            seen.add(content)
    assert len(seen) > 1


@pytest.mark.parametrize("pattern", PATTERNS)
def test_the_answer_matches_the_pattern_as_a_whole(client, pattern):
    for seed, (fields, mode) in enumerate(({"guided_regex": pattern}, mode) for mode in MODES):
        for stream in (False, True):
            content, finish = ask(
                client,
                stream,
                seed=seed,
                temperature=1.5,
                thinking_mode=mode,
                thinking_budget=20 if mode != "short" else None,
                **fields,
            )
            assert re.fullmatch(pattern, content) and finish == "stop", (content, finish)
    for fields in ({"regex": pattern}, {"structured_outputs": {"regex": pattern}}):
        content, _ = ask(client, seed=9, temperature=1.5, thinking_mode="short", **fields)
        assert re.fullmatch(pattern, content), content


@pytest.mark.parametrize(
    "fields",
    [
        {"guided_json": SCHEMA},
        {"guided_json": json.dumps(SCHEMA)},
        {"json_schema": SCHEMA},
        {"structured_outputs": {"json": SCHEMA}},
        {"structured_outputs": {"json": json.dumps(SCHEMA)}},
        {"response_format": {"type": "json_object", "schema": SCHEMA}},
        {"response_format": {"type": "json_schema", "schema": SCHEMA}},
        {"response_format": {"type": "json_object"}, "guided_json": SCHEMA},
    ],
)
def test_the_answer_follows_the_schema(client, fields):
    for seed in range(4):
        content, _ = ask(
            client,
            seed % 2 == 1,
            seed=seed,
            thinking_mode=MODES[seed % 3],
            thinking_budget=20 if seed % 3 else None,
            **fields,
        )
        jsonschema.validate(json.loads(content), SCHEMA)


def test_the_answer_is_an_object(client):
    content, finish = ask(
        client, structured_outputs={"json_object": True}, temperature=0, thinking_mode="short", max_completion_tokens=60
    )
    assert content.startswith("{") and (finish == "length" or isinstance(json.loads(content), dict))


def test_completions_and_responses(client):
    for seed in range(8):
        text = (
            client.completions.create(
                model="r-tiny",
                prompt="The answer is",
                max_tokens=60,
                temperature=2,
                seed=seed,
                extra_body={"guided_choice": [" yes", " no", "\nmaybe"]},
            )
            .choices[0]
            .text
        )
        assert text in (" yes", " no", "\nmaybe")
        text = (
            client.completions.create(
                model="r-tiny",
                prompt="In digits:",
                max_tokens=60,
                temperature=1,
                seed=seed,
                extra_body={"structured_outputs": {"regex": r"\s\d{2,5}"}},
            )
            .choices[0]
            .text
        )
        assert re.fullmatch(r"\s\d{2,5}", text)
        text = client.responses.create(
            model="r-tiny",
            input=STORY,
            temperature=2,
            max_output_tokens=400,
            extra_body={"seed": seed, "guided_choice": CHOICES, "thinking_budget": 20},
        ).output_text
        assert text in CHOICES
    reply = client.responses.create(
        model="r-tiny",
        input=STORY,
        max_output_tokens=400,
        extra_body={"text": {"format": {"type": "json_object", "schema": SCHEMA}}, "thinking_mode": "short"},
    )
    jsonschema.validate(json.loads(reply.output_text), SCHEMA)


def test_a_choice_or_a_call(client):
    """With tools the answer is a choice or a call of an allowed tool, nothing else."""
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "parameters": {"type": "object", "properties": {}, "additionalProperties": False},
            },
        }
        for name in ("f", "g")
    ]
    for seed in range(8):
        reply = (
            client.chat.completions.create(
                model="r-tiny",
                messages=[{"role": "user", "content": STORY}],
                tools=tools,
                temperature=2,
                seed=seed,
                max_completion_tokens=300,
                tool_choice={
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "g"}}]},
                },
                extra_body={"guided_choice": ["yes", "no"], "thinking_mode": "short"},
            )
            .choices[0]
            .message
        )
        assert (
            all(call.function.name == "g" for call in reply.tool_calls)
            if reply.tool_calls
            else reply.content in ("yes", "no")
        )
        reply = client.chat.completions.create(
            model="r-tiny",
            messages=[{"role": "user", "content": STORY}],
            tools=tools,
            temperature=2,
            seed=seed,
            max_completion_tokens=300,
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "g"}}]},
            },
            extra_body={"thinking_mode": "short"},
        )
        assert {call.function.name for call in reply.choices[0].message.tool_calls} == {"g"}


@pytest.mark.parametrize(
    "fields, param",
    [
        ({"grammar": 'root ::= "x"'}, "grammar"),
        ({"guided_grammar": "x"}, "guided_grammar"),
        ({"structural_tag": "{}"}, "structural_tag"),
        ({"structured_outputs": {"grammar": "x"}}, "structured_outputs.grammar"),
        ({"structured_outputs": {"structural_tag": "{}"}}, "structured_outputs.structural_tag"),
        ({"guided_regex": "(?=a)"}, "guided_regex"),
        ({"regex": "("}, "regex"),
        ({"guided_choice": []}, "guided_choice"),
        ({"guided_choice": ["a", ""]}, "guided_choice[1]"),
        (
            {"guided_json": {"type": "object", "properties": {"a": {"contains": {}}}}},
            "guided_json.properties.a.contains",
        ),
        ({"regex": "a", "guided_choice": ["b"]}, "regex"),
        ({"structured_outputs": {"json": SCHEMA, "choice": ["a"]}}, "structured_outputs.choice"),
        ({"structured_output": {"choice": ["a"]}}, "structured_output"),
    ],
)
def test_constraints_that_cannot_be_enforced_are_rejected(client, fields, param):
    for path in ("chat", "completion"):
        with pytest.raises(openai.BadRequestError) as rejected:
            if path == "chat":
                ask(client, **fields)
            else:
                client.completions.create(model="r-tiny", prompt="a", extra_body=fields)
        assert rejected.value.param == param
