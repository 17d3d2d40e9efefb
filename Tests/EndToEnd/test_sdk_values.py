"""Every field and value that OpenAI's SDK can send has a decision here, and the server follows it: `read` has an
effect, `ignored` is named in x-ignored-parameters, `refused` is an error that names the field. A new release of the SDK
with a value without decision fails the test."""

import json
import urllib.error
import urllib.request

import pytest
from openai.types import completion_create_params as completions
from openai.types.chat import completion_create_params as chats
from openai.types.responses import response_create_params as responses
from sdk_types import fields

READ, IGNORED, REFUSED = "read", "ignored", "refused"
PIXEL = "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}},
    "required": ["a"],
    "additionalProperties": False,
}
NAMED = {"name": "a", "description": "x", "schema": SCHEMA, "strict": True}
USER = {"role": "user", "content": "Hi"}
FUNCTION = {"name": "f", "arguments": "{}"}
CALL = {"id": "c", "type": "function", "function": FUNCTION}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
FLAT = {"type": "function", "name": "f", "parameters": SCHEMA}


def all_of(decision, *values):
    return dict.fromkeys(values, decision)


def messages(*more):
    return {"messages": [USER, *more, USER]}


def parts(*more):
    return messages({"role": "user", "content": [{"type": "text", "text": "x"}, *more]})


def items(*more):
    return {"input": [USER, *more, USER]}


SAMPLING = {
    "frequency_penalty": (READ, 0.5),
    "logit_bias": (READ, {"5": 1}),
    "n": (READ, 2),
    "presence_penalty": (READ, 0.5),
    "seed": (READ, 1),
    "stop": (READ, ["x"]),
    "temperature": (READ, 0.5),
    "top_p": (READ, 0.9),
    "user": (READ, "me"),
    "max_tokens": (READ, 1),
}
STREAMING = {
    "stream_options": (READ, lambda value: {"stream": True, "stream_options": {}}),
    "stream_options.include_usage": (READ, lambda value: {"stream": True, "stream_options": {"include_usage": True}}),
    "stream_options.include_obfuscation": (
        IGNORED,
        lambda value: {"stream": True, "stream_options": {"include_obfuscation": False}},
    ),
}
COMMON = {
    "metadata": (READ, {"a": "b"}),
    "model": (REFUSED, "gpt-6"),
    "moderation": (IGNORED, {"model": "omni"}),
    "parallel_tool_calls": (READ, False),
    "prompt_cache_key": (IGNORED, "k"),
    "prompt_cache_options": (IGNORED, {"mode": "implicit"}),
    "prompt_cache_retention": (IGNORED, "24h"),
    "safety_identifier": (IGNORED, "s"),
    "store": (IGNORED, True),
    "temperature": (READ, 0.5),
    "top_p": (READ, 0.9),
    "user": (READ, "me"),
}
TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
DETAILS = ("auto", "low", "high", "original")

PART_SAMPLES = {
    "text": {"type": "text", "text": "x"},
    "image_url": {"type": "image_url", "image_url": {"url": PIXEL}},
    "refusal": {"type": "refusal", "refusal": "no"},
    "input_audio": {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
    "file": {"type": "file", "file": {"file_id": "f"}},
}


def chat_choice(value):
    return {"tools": [TOOL], "tool_choice": value}


def part_of_type(value):
    return messages({"role": "assistant" if value == "refusal" else "user", "content": [PART_SAMPLES[value]]})


CHAT = (
    SAMPLING
    | STREAMING
    | COMMON
    | {
        "messages": (READ, lambda value: {}),
        "messages[].content": (READ, lambda value: {}),
        "messages[].content[].text": (READ, lambda value: parts()),
        "messages[].content[].type": (
            all_of(READ, "text", "image_url", "refusal") | all_of(REFUSED, "input_audio", "file"),
            part_of_type,
        ),
        "messages[].content[].prompt_cache_breakpoint": (
            IGNORED,
            lambda value: parts({"type": "text", "text": "x", "prompt_cache_breakpoint": {"mode": "explicit"}}),
        ),
        "messages[].content[].image_url": (READ, lambda value: part_of_type("image_url")),
        "messages[].content[].image_url.url": (READ, lambda value: part_of_type("image_url")),
        "messages[].content[].image_url.detail": (
            all_of(READ, *DETAILS),
            lambda value: parts({"type": "image_url", "image_url": {"url": PIXEL, "detail": value or "auto"}}),
        ),
        "messages[].content[].refusal": (READ, lambda value: part_of_type("refusal")),
        "messages[].role": (
            all_of(READ, "developer", "system", "user", "assistant", "tool", "function"),
            lambda value: messages(
                {"role": value or "user", "content": "x"}
                | ({"tool_call_id": "c"} if value == "tool" else {"name": "f"})
            ),
        ),
        "messages[].name": (READ, lambda value: messages(USER | {"name": "me"})),
        "messages[].audio": (
            IGNORED,
            lambda value: messages({"role": "assistant", "content": None, "audio": {"id": "a"}}),
        ),
        "messages[].refusal": (READ, lambda value: messages({"role": "assistant", "refusal": "no"})),
        "messages[].function_call": (
            READ,
            lambda value: messages({"role": "assistant", "content": None, "function_call": FUNCTION}),
        ),
        "messages[].function_call.arguments": (
            READ,
            lambda value: messages({"role": "assistant", "function_call": FUNCTION}),
        ),
        "messages[].function_call.name": (
            READ,
            lambda value: messages({"role": "assistant", "function_call": FUNCTION}),
        ),
        "messages[].tool_calls": (READ, lambda value: messages({"role": "assistant", "tool_calls": [CALL]})),
        "messages[].tool_calls[].id": (READ, lambda value: messages({"role": "assistant", "tool_calls": [CALL]})),
        "messages[].tool_calls[].type": (
            {"function": READ, "custom": REFUSED},
            lambda value: messages({"role": "assistant", "tool_calls": [CALL | {"type": value or "function"}]}),
        ),
        "messages[].tool_calls[].function": (READ, lambda value: messages({"role": "assistant", "tool_calls": [CALL]})),
        "messages[].tool_calls[].function.name": (
            READ,
            lambda value: messages({"role": "assistant", "tool_calls": [CALL]}),
        ),
        "messages[].tool_calls[].function.arguments": (
            READ,
            lambda value: messages({"role": "assistant", "tool_calls": [CALL]}),
        ),
        "messages[].tool_call_id": (
            READ,
            lambda value: messages({"role": "tool", "tool_call_id": "c", "content": "x"}),
        ),
        "audio": (IGNORED, {"format": "mp3", "voice": "alloy"}),
        "function_call": (IGNORED, "auto"),
        "functions": (IGNORED, [{"name": "f"}]),
        "logprobs": (READ, True),
        "top_logprobs": (READ, lambda value: {"logprobs": True, "top_logprobs": 2}),
        "max_completion_tokens": (READ, 40),
        "modalities": (IGNORED, ["text"]),
        "prediction": (IGNORED, {"type": "content", "content": "x"}),
        "reasoning_effort": (all_of(READ, *EFFORTS), lambda value: {"thinking_mode": None, "reasoning_effort": value}),
        "response_format": (READ, {"type": "text"}),
        "response_format.type": (
            all_of(READ, "text", "json_object", "json_schema"),
            lambda value: {
                "response_format": {"type": value or "text"}
                | ({"json_schema": {"name": "a", "schema": SCHEMA}} if value == "json_schema" else {})
            },
        ),
        "response_format.json_schema": (
            READ,
            lambda value: {"response_format": {"type": "json_schema", "json_schema": NAMED}},
        ),
        "service_tier": (all_of(READ, *TIERS), lambda value: {"service_tier": value}),
        "tool_choice": (all_of(READ, "none", "auto", "required"), lambda value: chat_choice(value or "auto")),
        "tool_choice.type": (
            all_of(READ, "allowed_tools", "function") | {"custom": REFUSED},
            lambda value: chat_choice(
                {"type": value or "function", "function": {"name": "f"}}
                if value != "allowed_tools"
                else {"type": value, "allowed_tools": {"mode": "auto", "tools": [TOOL]}}
            ),
        ),
        "tool_choice.function": (READ, lambda value: chat_choice({"type": "function", "function": {"name": "f"}})),
        "tool_choice.function.name": (READ, lambda value: chat_choice({"type": "function", "function": {"name": "f"}})),
        "tool_choice.allowed_tools": (
            READ,
            lambda value: chat_choice(
                {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
                }
            ),
        ),
        "tool_choice.allowed_tools.mode": (
            all_of(READ, "auto", "required"),
            lambda value: chat_choice(
                {
                    "type": "allowed_tools",
                    "allowed_tools": {
                        "mode": value or "auto",
                        "tools": [{"type": "function", "function": {"name": "f"}}],
                    },
                }
            ),
        ),
        "tool_choice.allowed_tools.tools": (
            READ,
            lambda value: chat_choice(
                {
                    "type": "allowed_tools",
                    "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
                }
            ),
        ),
        "tools": (READ, [TOOL]),
        "tools[].type": (
            {"function": READ, "custom": REFUSED},
            lambda value: {"tools": [TOOL | {"type": value or "function"}]},
        ),
        "tools[].function": (READ, lambda value: {"tools": [TOOL]}),
        "tools[].function.name": (READ, lambda value: {"tools": [TOOL]}),
        "tools[].function.description": (
            READ,
            lambda value: {"tools": [{"type": "function", "function": {"name": "f", "description": "x"}}]},
        ),
        "tools[].function.parameters": (READ, lambda value: {"tools": [TOOL]}),
        "tools[].function.strict": (
            READ,
            lambda value: {
                "tools": [{"type": "function", "function": {"name": "f", "strict": True, "parameters": SCHEMA}}]
            },
        ),
        "verbosity": (all_of(IGNORED, "low", "medium", "high"), lambda value: {"verbosity": value or "low"}),
        "web_search_options": (IGNORED, {"search_context_size": "low"}),
    }
    | {
        f"response_format.json_schema.{name}": (
            READ,
            lambda value: {"response_format": {"type": "json_schema", "json_schema": NAMED}},
        )
        for name in NAMED
    }
)

COMPLETION = (
    {name: SAMPLING[name] for name in SAMPLING}
    | STREAMING
    | {
        "model": (REFUSED, "davinci-002"),
        "prompt": (READ, "Hi"),
        "best_of": (READ, 1),
        "echo": (READ, True),
        "logprobs": (READ, 2),
        "suffix": (REFUSED, "x"),
    }
)


def response_choice(value):
    return {"tools": [FLAT], "tool_choice": value}


REASONING = {"type": "reasoning", "id": "r", "summary": [], "content": [{"type": "reasoning_text", "text": "x"}]}
CALL_ITEM = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT_ITEM = {"type": "function_call_output", "call_id": "c", "output": "x"}
ITEMS = {
    "message": USER | {"type": "message"},
    "function_call": CALL_ITEM,
    "function_call_output": OUTPUT_ITEM,
    "reasoning": REASONING,
}
CONTENT = {
    "input_text": {"type": "input_text", "text": "x"},
    "input_image": {"type": "input_image", "image_url": PIXEL, "detail": "auto"},
    "output_text": {"type": "output_text", "text": "x", "annotations": []},
    "refusal": {"type": "refusal", "refusal": "no"},
    "input_file": {"type": "input_file", "file_id": "f"},
}


def content(*more):
    return items({"role": "user", "content": [CONTENT["input_text"], *more]})


def said(*more):
    return items(
        {
            "role": "assistant",
            "type": "message",
            "id": "m",
            "status": "completed",
            "content": [CONTENT["output_text"], *more],
        }
    )


def content_of_type(value):
    return said(CONTENT[value]) if value in ("output_text", "refusal") else content(CONTENT.get(value, {"type": value}))


def result(*more):
    return items(CALL_ITEM, OUTPUT_ITEM | {"output": [CONTENT["input_text"], *more]})


ITEM_TYPES = {
    "file_search_call",
    "computer_call",
    "computer_call_output",
    "web_search_call",
    "tool_search_call",
    "tool_search_output",
    "additional_tools",
    "configuration_update",
    "compaction",
    "image_generation_call",
    "code_interpreter_call",
    "local_shell_call",
    "local_shell_call_output",
    "shell_call",
    "shell_call_output",
    "apply_patch_call",
    "apply_patch_call_output",
    "mcp_list_tools",
    "mcp_approval_request",
    "mcp_approval_response",
    "mcp_call",
    "custom_tool_call_output",
    "custom_tool_call",
    "compaction_trigger",
    "item_reference",
    "program",
    "program_output",
}
TOOL_TYPES = {
    "file_search",
    "computer",
    "computer_use_preview",
    "web_search",
    "web_search_2025_08_26",
    "mcp",
    "code_interpreter",
    "programmatic_tool_calling",
    "image_generation",
    "local_shell",
    "shell",
    "custom",
    "namespace",
    "tool_search",
    "web_search_preview",
    "web_search_preview_2025_03_11",
    "apply_patch",
}
CHOICE_TYPES = {
    "file_search",
    "web_search_preview",
    "computer",
    "computer_use_preview",
    "computer_use",
    "web_search_preview_2025_03_11",
    "image_generation",
    "code_interpreter",
    "mcp",
    "custom",
    "programmatic_tool_calling",
    "apply_patch",
    "shell",
}
STATUSES = all_of(READ, "in_progress", "completed", "incomplete")

RESPONSE = (
    COMMON
    | {
        "access_programs": (IGNORED, {"cyber": "standard"}),
        "background": (REFUSED, True),
        "background_options": (IGNORED, {"completion_window": "2h"}),
        "context_management": (IGNORED, [{"type": "compaction"}]),
        "conversation": (REFUSED, "c"),
        "image": (IGNORED, {"context_compression": "auto"}),
        "include": (IGNORED, ["reasoning.encrypted_content"]),
        "instructions": (READ, "x"),
        "max_output_tokens": (READ, 1),
        "max_tool_calls": (IGNORED, 3),
        "previous_response_id": (REFUSED, "r"),
        "prompt": (REFUSED, {"id": "p"}),
        "top_logprobs": (READ, 2),
        "input": (READ, "Hi"),
        "input[].content": (READ, lambda value: {}),
        "input[].id": (READ, lambda value: said()),
        "input[].role": (
            all_of(READ, "user", "assistant", "system", "developer"),
            lambda value: items({"role": value or "user", "content": "x"}),
        ),
        "input[].phase": (
            all_of(READ, "commentary", "final_answer"),
            lambda value: items({"role": "assistant", "content": "x", "phase": value or "commentary"}),
        ),
        "input[].type": (
            all_of(READ, *ITEMS) | all_of(REFUSED, *ITEM_TYPES),
            lambda value: items(ITEMS.get(value, {"type": value or "message", "role": "user", "content": "x"})),
        ),
        "input[].status": (STATUSES, lambda value: items(CALL_ITEM | {"status": value})),
        "input[].call_id": (READ, lambda value: items(CALL_ITEM)),
        "input[].name": (READ, lambda value: items(CALL_ITEM)),
        "input[].arguments": (READ, lambda value: items(CALL_ITEM)),
        "input[].caller": (IGNORED, lambda value: items(CALL_ITEM | {"caller": {"type": "direct"}})),
        "input[].namespace": (IGNORED, lambda value: items(CALL_ITEM | {"namespace": "n"})),
        "input[].async": (IGNORED, lambda value: items(CALL_ITEM | {"async": True})),
        "input[].output": (READ, lambda value: items(CALL_ITEM, OUTPUT_ITEM)),
        "input[].output[].type": (
            all_of(READ, "input_text", "input_image") | {"input_file": REFUSED},
            lambda value: result(CONTENT[value or "input_text"]),
        ),
        "input[].output[].text": (READ, lambda value: result()),
        "input[].output[].image_url": (READ, lambda value: result(CONTENT["input_image"])),
        "input[].output[].detail": (
            all_of(READ, *DETAILS),
            lambda value: result(CONTENT["input_image"] | {"detail": value}),
        ),
        "input[].output[].file_id": (REFUSED, lambda value: result({"type": "input_image", "file_id": "f"})),
        "input[].output[].prompt_cache_breakpoint": (
            IGNORED,
            lambda value: result(CONTENT["input_text"] | {"prompt_cache_breakpoint": {"mode": "explicit"}}),
        ),
        "input[].content[].type": (
            all_of(READ, "input_text", "input_image", "output_text", "refusal", "reasoning_text")
            | {"input_file": REFUSED},
            lambda value: items(REASONING) if value == "reasoning_text" else content_of_type(value or "input_text"),
        ),
        "input[].content[].text": (READ, lambda value: content()),
        "input[].content[].refusal": (READ, lambda value: said(CONTENT["refusal"])),
        "input[].content[].annotations": (
            IGNORED,
            lambda value: said(CONTENT["output_text"] | {"annotations": [{"type": "file_path"}]}),
        ),
        "input[].content[].logprobs": (
            IGNORED,
            lambda value: said(CONTENT["output_text"] | {"logprobs": [{"token": "x"}]}),
        ),
        "input[].content[].image_url": (READ, lambda value: content(CONTENT["input_image"])),
        "input[].content[].detail": (
            all_of(READ, *DETAILS),
            lambda value: content(CONTENT["input_image"] | {"detail": value}),
        ),
        "input[].content[].file_id": (REFUSED, lambda value: content({"type": "input_image", "file_id": "f"})),
        "input[].content[].prompt_cache_breakpoint": (
            IGNORED,
            lambda value: content(CONTENT["input_text"] | {"prompt_cache_breakpoint": {"mode": "explicit"}}),
        ),
        "input[].summary": (
            IGNORED,
            lambda value: items(REASONING | {"summary": [{"type": "summary_text", "text": "x"}]}),
        ),
        "input[].encrypted_content": (IGNORED, lambda value: items(REASONING | {"encrypted_content": "x"})),
        "reasoning": (READ, {"effort": "none"}),
        "reasoning.effort": (
            all_of(READ, *EFFORTS),
            lambda value: {"thinking_mode": None, "reasoning": {"effort": value}},
        ),
        "service_tier": (all_of(READ, *TIERS, "ultrafast"), lambda value: {"service_tier": value}),
        "stream_options": (READ, lambda value: {"stream": True, "stream_options": {}}),
        "stream_options.include_obfuscation": STREAMING["stream_options.include_obfuscation"],
        "text": (READ, {}),
        "text.format": (READ, lambda value: {"text": {"format": {"type": "text"}}}),
        "text.format.type": (
            all_of(READ, "text", "json_object", "json_schema"),
            lambda value: {
                "text": {
                    "format": {"type": value or "text"}
                    | ({"name": "a", "schema": SCHEMA} if value == "json_schema" else {})
                }
            },
        ),
        "text.verbosity": (
            all_of(IGNORED, "low", "medium", "high"),
            lambda value: {"text": {"verbosity": value or "low"}},
        ),
        "tool_choice": (all_of(READ, "none", "auto", "required"), lambda value: response_choice(value or "auto")),
        "tool_choice.type": (
            all_of(READ, "allowed_tools", "function") | all_of(REFUSED, *CHOICE_TYPES),
            lambda value: response_choice(
                {"type": value or "function", "name": "f", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
                if value == "allowed_tools"
                else {"type": value or "function", "name": "f"}
            ),
        ),
        "tool_choice.name": (READ, lambda value: response_choice({"type": "function", "name": "f"})),
        "tool_choice.mode": (
            all_of(READ, "auto", "required"),
            lambda value: response_choice(
                {"type": "allowed_tools", "mode": value or "auto", "tools": [{"type": "function", "name": "f"}]}
            ),
        ),
        "tool_choice.tools": (
            READ,
            lambda value: response_choice(
                {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]}
            ),
        ),
        "tools": (READ, [FLAT]),
        "tools[].type": (
            {"function": READ} | all_of(REFUSED, *TOOL_TYPES),
            lambda value: {"tools": [FLAT | {"type": value or "function"}]},
        ),
        "truncation": ({"disabled": READ, "auto": IGNORED}, lambda value: {"truncation": value or "disabled"}),
    }
    | {
        f"reasoning.{name}": (IGNORED, lambda value, name=name: {"reasoning": {name: value or "auto"}})
        for name in ("context", "generate_summary", "mode", "summary")
    }
    | {
        f"text.format.{name}": (
            READ,
            lambda value, name=name: {
                "text": {
                    "format": {"type": "json_schema", "name": "a", "schema": SCHEMA, "description": "x", "strict": True}
                }
            },
        )
        for name in ("name", "schema", "description", "strict")
    }
    | {
        f"tools[].{name}": (READ, lambda value, name=name: {"tools": [FLAT | {"description": "x", "strict": True}]})
        for name in ("name", "parameters", "strict", "description")
    }
    | {
        f"tools[].{name}": (IGNORED, lambda value, name=name, sample=sample: {"tools": [FLAT | {name: sample}]})
        for name, sample in {
            "async": True,
            "allowed_callers": ["direct"],
            "defer_loading": True,
            "output_schema": {},
        }.items()
    }
)

ENDPOINTS = {
    "/v1/chat/completions": (
        chats.CompletionCreateParamsBase,
        CHAT,
        {"messages": [USER], "max_tokens": 40, "thinking_mode": "short"},
    ),
    "/v1/completions": (completions.CompletionCreateParamsBase, COMPLETION, {"prompt": "Hi", "max_tokens": 1}),
    "/v1/responses": (
        responses.ResponseCreateParamsBase,
        RESPONSE,
        {"input": "Hi", "max_output_tokens": 40, "thinking_mode": "short"},
    ),
}


def decision(table, path, value):
    """Returns the decision on a field or one of its values; None without a decision."""
    made = table.get(path, (None,))[0]
    if isinstance(made, dict):
        return made.get(value) if value is not None else READ if READ in made.values() else next(iter(made.values()))
    return made


def post(server, path, body):
    """Returns status, headers and body of one request."""
    try:
        with urllib.request.urlopen(
            urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"}),
            timeout=60,
        ) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def unindexed(path):
    """Returns `a[].b` for `a[3].b`."""
    return "[]".join(part.split("]", 1)[-1] for part in path.split("["))


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_every_value_of_the_sdk_has_a_decision(endpoint):
    kind, table, _ = ENDPOINTS[endpoint]
    found = fields(kind, lambda path, value: decision(table, path, value))
    undecided = [
        (path, value)
        for path, values in found.items()
        for value in [None, *values]
        if decision(table, path, value) is None
    ]
    assert not undecided
    stale = [
        (path, value)
        for path, (made, _) in table.items()
        for value in (made if isinstance(made, dict) else [None])
        if value not in [None, *found.get(path, ["-"])]
    ]
    assert not stale and not set(table) - set(found)
    assert len(found) > (15 if endpoint == "/v1/completions" else 50)


@pytest.mark.parametrize("endpoint", ENDPOINTS)
def test_the_server_follows_the_decisions(server, endpoint):
    kind, table, base = ENDPOINTS[endpoint]
    found = fields(kind, lambda path, value: decision(table, path, value))
    wrong = []
    for path, values in found.items():
        for value in values or [None]:
            made, sample = decision(table, path, value), table[path][1]
            members = sample(value) if callable(sample) else {path: value if value is not None else sample}
            status, headers, data = post(server, endpoint, base | members)
            ignored = (headers.get("x-ignored-parameters") or "").split(", ")
            if made == REFUSED:
                param = json.loads(data).get("error", {}).get("param") if status in (400, 404) else None
                good = param is not None and unindexed(param) == path
            else:
                good = status == 200 and (path in ignored) == (made == IGNORED)
            if not good:
                wrong.append((path, value, made, status, ignored, data[:200]))
    assert not wrong
