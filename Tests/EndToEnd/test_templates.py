"""The prompts of /apply-template compared with Jinja2 in the setup of transformers: llama.cpp's 70 published templates
on ordinary conversations."""

import base64
import collections
import concurrent.futures
import json
import shutil
import urllib.error
import urllib.request

import pytest

from conftest import MODEL, Server
from jinja_reference import Offline, Reference, as_transformers, templates

# The tokens that the model's tokenizer_config.json names, and R-Tiny's image token.
VARIABLES, IMAGE_TOKEN = (
    {"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    "<image>",
)


def user(content):
    return {"role": "user", "content": content}


def answer(content, **members):
    return {"role": "assistant", "content": content, **members}


def call(number, name, arguments):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return {"id": f"call{number:05}", "type": "function", "function": {"name": name, "arguments": text}}


def result(number, content, **members):
    return {"role": "tool", "tool_call_id": f"call{number:05}", "content": content, **members}


def tool(name, description, properties, required=()):
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {"type": "object", "properties": properties, "required": list(required)},
        },
    }


TOOLS = [
    tool(
        "get_weather",
        'Says what the weather is in a town.\nGives °C & "quotes" <b>.',
        {
            "city": {"type": "string", "description": "The town, as in Zürich"},
            "days": {"type": "integer", "minimum": 1, "default": 3},
            "unit": {"type": "string", "enum": ["celsius", "fahrenheit"]},
        },
        ["city"],
    ),
    tool(
        "find",
        "Searches documents.",
        {
            "query": {"type": "string"},
            "filters": {
                "type": "object",
                "properties": {
                    "tags": {"type": "array", "items": {"type": "string"}},
                    "since": {"type": ["string", "null"]},
                },
            },
            "limit": {"type": "number", "maximum": 1.5e3},
        },
        ["query"],
    ),
]
# What every template that reads tools can print.
PROBE = [tool("probe", "Does nothing.", {"x": {"type": "string", "description": "Anything."}}, ["x"])]
SYSTEM = {"role": "system", "content": "  You are terse.\n"}
IMAGE = {
    "type": "image_url",
    "image_url": {
        "url": "data:image/png;base64," + base64.b64encode((MODEL / "golden" / "00-easyvqa.png").read_bytes()).decode()
    },
}
ODD = {
    "null": None,
    "no": False,
    "zero": 0,
    "empty": "",
    "list": [],
    "half": 0.5,
    "deep": {"a": [1, {"b": "ü"}], "c": "x\ny"},
    "big": 12345678901234,
}

WEATHER = [
    user("What is the weather?"),
    answer("", tool_calls=[call(1, "get_weather", {"city": "Zürich", "days": 2})]),
    result(1, '{"sky": "blue"}', name="get_weather"),
]

CONVERSATIONS = {
    "user": {"messages": [user("What's 2 + 2? 😀")]},
    "system": {"messages": [SYSTEM, user("Hello")]},
    "turns": {"messages": [SYSTEM, user("One"), answer("Two"), user("Three"), answer("Four"), user("Five")]},
    "reasoning": {
        "messages": [
            user("One"),
            answer("Two", reasoning_content="\nIt follows.\n"),
            user("Three"),
            answer("Four", reasoning_content="Again."),
            user("Five"),
        ]
    },
    "thought in the text": {"messages": [user("One"), answer("<think>\nHm.\n</think>\n\nTwo"), user("Three")]},
    "tools": {"messages": [user("Weather?")], "tools": TOOLS},
    "tools and system": {"messages": [SYSTEM, user("Weather?")], "tools": TOOLS},
    "call and result": {"messages": WEATHER, "tools": TOOLS},
    "call, result and answer": {"messages": [SYSTEM, *WEATHER, answer("It is blue."), user("Thanks")], "tools": TOOLS},
    "parallel calls": {
        "messages": [
            user("Both?"),
            answer(
                "I look.",
                tool_calls=[
                    call(1, "get_weather", {"city": "Rome"}),
                    call(2, "find", {"query": "x", "filters": {"tags": ["a", "b"]}}),
                ],
            ),
            result(1, "warm"),
            result(2, "nothing"),
        ],
        "tools": TOOLS,
    },
    "odd arguments": {
        "messages": [user("Go"), answer("", tool_calls=[call(1, "find", ODD)]), result(1, "ok")],
        "tools": TOOLS,
    },
    "no arguments": {
        "messages": [
            user("Go"),
            answer("Well.", reasoning_content="I must.", tool_calls=[call(1, "find", {})]),
            result(1, "ok"),
        ],
        "tools": TOOLS,
    },
    "calls without tools": {"messages": [*WEATHER, answer("Blue."), user("And tomorrow?")]},
    "two rounds of calls": {
        "messages": [
            *WEATHER,
            answer("", reasoning_content="One more.", tool_calls=[call(2, "find", {"query": "ü"})]),
            result(2, ""),
        ],
        "tools": TOOLS,
    },
    "image": {"messages": [user([IMAGE, {"type": "text", "text": "What is this?"}])]},
    "images": {
        "messages": [
            SYSTEM,
            user([{"type": "text", "text": "Compare "}, IMAGE, {"type": "text", "text": " with "}, IMAGE]),
            answer("Equal."),
            user("Sure?"),
        ]
    },
    "empty contents": {"messages": [{"role": "system", "content": ""}, user(""), answer(""), user("")]},
    "no content beside a call": {
        "messages": [
            user("Go"),
            answer(None, tool_calls=[call(1, "find", {"query": "x"})]),
            result(1, "ok"),
            answer("Done."),
            user("Good"),
        ],
        "tools": TOOLS,
    },
    "no content": {"messages": [user("Go"), answer(None), user("Well?")]},
    "unicode": {
        "messages": [
            user("e\u0301 \u202e\u200b\u00a0 漢字 \U0001f469\u200d\U0001f680 \u2028 \\u0041 {{ x }} {% y %}"),
            answer("\ttab\r\nline\x0b"),
            user("'\"<>&"),
        ]
    },
    "long": {
        "messages": [SYSTEM]
        + [
            turn
            for number in range(60)
            for turn in (user(f"Question {number}? " + "word " * 40), answer(f"Answer {number}. " + "line\n" * 20))
        ]
        + [user("End")]
    },
    "thinking": {"messages": [SYSTEM, user("One"), answer("Two"), user("Three")], "thinking_mode": "long"},
    "no thinking": {"messages": [SYSTEM, user("One"), answer("Two"), user("Three")], "thinking_mode": "short"},
    "tools without thinking": {"messages": WEATHER, "tools": TOOLS, "thinking_mode": "short"},
}


def completed(prompt, mode):
    """Returns the prompt with the thought opened as the mode requires, if the template did not open it, because R-Tiny
    is a model like R-4B."""
    end = prompt.rstrip()
    if end.endswith("</think>"):
        return prompt
    if not end.endswith("<think>"):
        return prompt + {"auto": "<think>", "long": "<think>\n", "short": "<think>\n\n</think>\n\n"}[mode]
    is_last = prompt == end
    return (
        prompt
        + {"auto": "", "long": "\n" if is_last else "", "short": ("\n\n" if is_last else "\n") + "</think>\n\n"}[mode]
    )


def expected(reference, request):
    """Returns what the server must print for the request: None where Jinja2 raises, False where the server writes the
    tools itself."""
    messages, tools, mode = request["messages"], request.get("tools"), request.get("thinking_mode", "auto")
    forms = "x", [{"type": "text", "text": "x"}]
    if (tools or any("tool_calls" in message for message in messages)) and not any(
        reference.prints("probe", form, tools=PROBE) for form in forms
    ):
        if messages[0]["role"] == "system" and reference.render([SYSTEM, user("x")], mode=mode) is None:
            return None
        return False if any(reference.prints("x", form) for form in forms) else None
    takes_strings = reference.prints("probe", "probe")
    takes_images = reference.prints(IMAGE_TOKEN, [{"type": "image"}, {"type": "text", "text": "probe"}])

    def content(value, null):
        if value is None:
            return null
        if isinstance(value, str):
            return value if takes_strings or not value else [{"type": "text", "text": value}]
        parts = [{"type": "image"} if part["type"] == "image_url" else part for part in value]
        if takes_images or not takes_strings:
            return parts
        return "".join(IMAGE_TOKEN + "\n" if part["type"] == "image" else part["text"] for part in parts)

    texts = [
        reference.render(
            [as_transformers(message) | {"content": content(message["content"], null)} for message in messages],
            tools,
            mode,
        )
        for null in (None, "")
    ]
    # A turn without content is omitted. Where the template prints that as a word, or cannot read it, the content is
    # empty.
    text = texts[1] if texts[0] is None or texts[0].count("None") > (texts[1] or texts[0]).count("None") else texts[0]
    return None if text is None else completed(text, mode)


def model(folder, template):
    """R-Tiny with another template."""
    folder.mkdir()
    for file in MODEL.iterdir():
        if file.suffix in (".json", ".safetensors") and file.name != "golden.json":
            shutil.copy(file, folder)
    shutil.copy(template, folder / "chat_template.jinja")
    tokens = folder / "tokenizer_config.json"
    tokens.write_text(json.dumps(json.loads(tokens.read_text()) | VARIABLES))
    return folder


def ask(server, request):
    """Returns the prompt, or an exclamation mark and the error's text."""
    body = json.dumps(request).encode()
    try:
        with urllib.request.urlopen(
            urllib.request.Request(server.url + "/apply-template", body, {"Content-Type": "application/json"}),
            timeout=60,
        ) as reply:
            return json.load(reply)["prompt"]
    except urllib.error.HTTPError as error:
        return "!" + json.load(error)["error"]["message"]


def compare(template, folder):
    """Returns the outcome of every conversation, and the differences in words."""
    counts, faults = collections.Counter(), []
    reference = Reference(template.read_text(), VARIABLES)
    try:
        server = Server(["--model", model(folder, template)])
    except RuntimeError as error:
        server = str(error)
    for name, request in CONVERSATIONS.items():
        wanted = expected(reference, request)
        found = "!" + server if isinstance(server, str) else ask(server, request)
        rejected = found.startswith("!")
        if wanted is False:
            kind = (
                "tools by the server"
                if not rejected and all(tool["function"]["name"] in found for tool in request.get("tools", ()))
                else "only we reject"
            )
        elif wanted is None:
            kind = "both reject" if rejected else "only Jinja2 rejects"
        else:
            kind = "only we reject" if rejected else "equal" if found == wanted else "different"
            # Jinja2 escapes HTML in text that is added to text marked as safe, and nothing else; the server marks
            # nothing.
            if kind == "different" and found == expected(
                Reference(template.read_text(), VARIABLES, marks_safe=False), request
            ):
                kind = "equal but for escapes beside safe text"
        counts[kind] += 1
        if kind in ("only we reject", "different"):
            at = next((i for i, (a, b) in enumerate(zip(found, wanted or "")) if a != b), 0)
            faults.append(
                f"{template.name} on {name}: {kind}: {found[max(at - 60, 0) : at + 200]!r}"
                + (f" instead of {wanted[max(at - 60, 0) : at + 80]!r}" if kind == "different" else "")
            )
    if not isinstance(server, str):
        server.stop()
    return counts, faults


def test_published_templates_print_what_jinja2_prints(tmp_path):
    try:
        files = templates()
    except Offline as reason:
        pytest.skip(str(reason))
    assert len(files) == 70
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda item: compare(item[1], tmp_path / str(item[0])), enumerate(files)))
    total = sum((counts for counts, _ in results), collections.Counter())
    print(dict(total))
    assert not [fault for _, faults in results for fault in faults]
    # Most conversations must have been compared, not rejected.
    assert total["equal"] > 1000
