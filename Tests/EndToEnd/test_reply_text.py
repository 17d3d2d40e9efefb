"""What may appear as text in a reply: no thinking tag, no part of a cut call, no half of a character, whatever the
model prefers."""

import json

import pytest
from conftest import MODEL

VOCABULARY = json.loads((MODEL / "tokenizer.json").read_text())["model"]["vocab"]
OPEN, CLOSE = 622, 623
MODES = ("auto", "long", "short")
SHORT = [
    "",
    " ",
    "  ",
    "\n",
    "\n\n",
    "\t",
    "a",
    "A",
    "b",
    "z",
    "0",
    "1",
    "7",
    "?",
    "!",
    ".",
    ",",
    ";",
    ":",
    "-",
    "_",
    "*",
    "/",
    "\\",
    "<",
    ">",
    "(",
    "'",
    '"',
    "`",
    "😀",
    "é",
    "ß",
    "中",
    "न",
    "ع",
    "\u00a0",
    "\u200b",
    "hi",
    "Hi",
    "no",
    "ok",
    "yo",
    "??",
    "..",
    "1+1",
    "hey",
    "yes",
    "</",
    "👍🏽",
]
ADD = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer", "minimum": 0, "maximum": 9}},
            "required": ["a"],
            "additionalProperties": False,
        },
    },
}


def post(server, body, path="/v1/chat/completions"):
    import urllib.error
    import urllib.request

    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def whole(server, body, path="/v1/chat/completions"):
    status, text = post(server, body, path)
    assert status == 200, text
    return json.loads(text)


def streamed(server, body):
    """Returns the message that the chunks of a stream add up to, and the document's other members."""
    status, text = post(server, body | {"stream": True, "stream_options": {"include_usage": True}})
    assert status == 200, text
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    message, calls, finish = {"content": "", "reasoning_content": ""}, {}, None
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        for name in message:
            message[name] += choice["delta"].get(name) or ""
        for call in choice["delta"].get("tool_calls") or []:
            known = calls.setdefault(call["index"], {"name": "", "arguments": ""})
            for name in known:
                known[name] += call["function"].get(name) or ""
        finish = choice["finish_reason"] or finish
    return message | {"calls": [calls[index] for index in sorted(calls)], "finish": finish}, chunks[-1]


def check_counts(document):
    usage, thinking = document["usage"], document["thinking"]
    assert (
        usage["completion_tokens"]
        == thinking["thinking_tokens"] + thinking["control_tokens"] + thinking["answer_tokens"]
    )
    assert usage["completion_tokens_details"]["reasoning_tokens"] == thinking["thinking_tokens"]


def ask(text, **fields):
    return {"messages": [{"role": "user", "content": text}], "max_tokens": 40} | fields


class TestTags:
    @pytest.mark.parametrize("mode", MODES)
    def test_the_shortest_messages_get_no_tag(self, server, mode):
        assert len(set(SHORT)) == 50
        for text in SHORT:
            reply = whole(server, ask(text, thinking_mode=mode, logprobs=True))
            message = reply["choices"][0]["message"]
            thought, content = message["reasoning_content"] or "", message["content"] or ""
            assert "think>" not in content + thought, (text, message)
            check_counts(reply)
            entries = reply["choices"][0]["logprobs"]["content"]
            assert len(entries) == reply["usage"]["completion_tokens"]
            # At most the one tag that closes the thought.
            assert [entry["token"] for entry in entries].count("</think>") == (0 if mode == "short" else 1)
            parts, last = streamed(server, ask(text, thinking_mode=mode))
            assert (parts["content"], parts["reasoning_content"]) == (content, thought), text
            assert last["usage"] == reply["usage"] | {"prompt_tokens_details": last["usage"]["prompt_tokens_details"]}
            check_counts(last)

    @pytest.mark.parametrize("tag", [OPEN, CLOSE])
    @pytest.mark.parametrize("mode", MODES)
    def test_a_bias_brings_no_tag(self, server, mode, tag):
        forms = [
            {},
            {"temperature": 1.5, "seed": 3},
            {"tools": [ADD]},
            {"tools": [ADD], "tool_choice": "required"},
            {"stop": ["</think>", "<think>"]},
            {"response_format": {"type": "json_object"}},
            {"thinking_budget": 3},
            {"presence_penalty": 2, "repetition_penalty": 0.5},
        ]
        for form in forms:
            body = ask("Hi", thinking_mode=mode, logit_bias={str(tag): 100}, **form)
            reply = whole(server, body)
            message = reply["choices"][0]["message"]
            assert "think>" not in (message["content"] or "") + (message["reasoning_content"] or ""), (form, message)
            check_counts(reply)
            parts, last = streamed(server, body)
            assert parts["content"] == (message["content"] or "") and parts["reasoning_content"] == (
                message["reasoning_content"] or ""
            )
            check_counts(last)

    @pytest.mark.parametrize("tag", [OPEN, CLOSE])
    def test_nor_in_responses_and_rollouts(self, server, tag):
        reply = whole(server, {"input": "Hi", "max_output_tokens": 30, "logit_bias": {str(tag): 100}}, "/v1/responses")
        assert not any("think>" in part["text"] for item in reply["output"] for part in item["content"])
        reply = whole(
            server,
            {"messages": [{"role": "user", "content": "Hi"}], "g": 2, "max_tokens": 20, "logit_bias": {str(tag): 100}},
            "/v1/rollouts",
        )
        for rollout in reply["groups"]["thinking"] + reply["groups"]["non_thinking"]:
            assert "think>" not in rollout["content"] + (rollout["reasoning_content"] or "")
            # The text as written has the tag that closed the thought.
            assert rollout["text"].count("</think>") <= 1 and rollout["text"].count("<think>") == 0

    def test_raw_completions_show_what_was_written(self, server):
        prompt = "<|im_start|>user\nTom has 4 pens and buys 3 more. How many pens?<|im_end|>\n<|im_start|>assistant\n<think>\n"
        reply = whole(server, {"prompt": prompt, "max_tokens": 90}, "/v1/completions")
        text = reply["choices"][0]["text"]
        assert (
            text.count("</think>") == 1
            and reply["usage"]["completion_tokens_details"]["text_tokens"] >= reply["usage"]["completion_tokens"] - 1
        )


class TestCutCalls:
    @pytest.mark.parametrize(
        "fields",
        [
            {"tool_choice": "required"},
            {"tool_choice": {"type": "function", "function": {"name": "add"}}},
            {"tool_choice": "required", "parallel_tool_calls": False},
            # Free to answer in JSON, and biased towards a call.
            {"response_format": {"type": "json_object"}, "logit_bias": {str(VOCABULARY["<"]): 100}},
        ],
    )
    def test_every_cut_shows_calls_alone(self, server, fields):
        seen = set()
        for limit in range(1, 50):
            body = ask("Add 9 and 4.", thinking_mode="short", tools=[ADD], max_tokens=limit, **fields)
            reply = whole(server, body)
            choice = reply["choices"][0]
            message, calls = choice["message"], choice["message"].get("tool_calls") or []
            assert message["content"] is None, (limit, message)
            check_counts(reply)
            for call in calls:
                arguments = call["function"]["arguments"]
                assert call["function"]["name"] == "add" and '{"a":'.startswith("".join(arguments.split())[:5])
                seen.add("".join(arguments.split()))
            assert all(json.loads(call["function"]["arguments"]) for call in calls[:-1])
            if choice["finish_reason"] == "tool_calls":
                assert json.loads(calls[-1]["function"]["arguments"])
            else:
                assert choice["finish_reason"] == "length" and reply["usage"]["completion_tokens"] == limit
            parts, last = streamed(server, body)
            assert (
                parts["content"] == ""
                and parts["calls"] == [call["function"] for call in calls]
                and parts["finish"] == choice["finish_reason"]
            )
            check_counts(last)
        # Some limits leave a name without arguments, some a part of them.
        assert "" in seen and "{" in seen and any(arguments.endswith("}") for arguments in seen)

    def test_cut_items_of_a_response_are_incomplete(self, server):
        tool = {"type": "function", "name": "add", "parameters": ADD["function"]["parameters"]}
        seen = set()
        for limit in range(1, 50):
            body = {
                "input": "Add 9 and 4.",
                "tools": [tool],
                "tool_choice": "required",
                "max_output_tokens": limit,
                "thinking_mode": "short",
            }
            reply = whole(server, body, "/v1/responses")
            assert {item["type"] for item in reply["output"]} <= {"function_call"}
            for item in reply["output"]:
                try:
                    json.loads(item["arguments"])
                    assert item["status"] == "completed"
                except ValueError:
                    assert (
                        item["status"] == "incomplete"
                        and item is reply["output"][-1]
                        and reply["status"] == "incomplete"
                    )
                seen.add(item["status"])
        assert seen == {"completed", "incomplete"}

    def test_a_cut_within_the_thought_of_an_owed_call_is_no_text(self, server):
        reply = whole(
            server,
            ask(
                "Add 9 and 4.",
                thinking_mode="long",
                tools=[ADD],
                tool_choice="required",
                max_tokens=4,
                answer_reserve=0,
            ),
        )
        message = reply["choices"][0]["message"]
        assert (
            message["content"] is None
            and message["reasoning_content"]
            and reply["choices"][0]["finish_reason"] == "length"
        )


class TestCutCharacters:
    TEXT = "é😀中👩\u200d🚀ü"
    FORM = {
        "type": "json_schema",
        "json_schema": {
            "name": "a",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"t": {"const": TEXT}},
                "required": ["t"],
                "additionalProperties": False,
            },
        },
    }

    def test_every_cut_ends_before_the_character(self, server):
        for path in ("/v1/chat/completions", "/v1/completions"):

            def body(limit, **fields):
                base = (
                    ask("Hi", thinking_mode="short", logprobs=True) if path.startswith("/v1/chat") else {"prompt": "Hi"}
                )
                return base | {"response_format": self.FORM, "max_tokens": limit} | fields

            def text(choice):
                return choice["text"] if "text" in choice else choice["message"]["content"]

            full = whole(server, body(200), path)
            complete, count = text(full["choices"][0]), full["usage"]["completion_tokens"]
            assert json.loads(complete) == {"t": self.TEXT}
            cuts = set()
            for limit in range(1, count):
                choice = whole(server, body(limit), path)["choices"][0]
                assert complete.startswith(text(choice)) and "\ufffd" not in text(choice), (limit, choice)
                if "message" in choice:
                    # The log-probabilities contain every byte.
                    data = b"".join(bytes(entry["bytes"]) for entry in choice["logprobs"]["content"])
                    assert complete.encode().startswith(data) and data.decode(errors="ignore") == text(choice)
                    cuts.add(len(data) - len(text(choice).encode()))
                    assert streamed(server, body(limit))[0]["content"] == text(choice)
            assert not cuts or cuts >= {0, 1, 2}

    def test_a_thought_that_is_closed_within_a_character(self, server):
        halves = {str(VOCABULARY["ð"]): 100}
        for budget in range(1, 6):
            reply = whole(server, ask("Hi", thinking_mode="long", thinking_budget=budget, logit_bias=halves))
            # The lead byte repeated: all but the last are invalid characters, and the last is cut off.
            assert set(reply["choices"][0]["message"]["reasoning_content"]) <= {"\ufffd"}
            assert len(reply["choices"][0]["message"]["reasoning_content"]) == reply["thinking"]["thinking_tokens"] - 1

    def test_an_echo_joins_what_the_prompt_began(self, server):
        written = [VOCABULARY[c] for c in "ðŁĺĢ"]
        for count in range(1, 4):
            bias = {str(written[count]): 100}
            stream = {"prompt": written[:count], "echo": True, "max_tokens": 1, "logit_bias": bias}
            text = whole(server, stream, "/v1/completions")["choices"][0]["text"]
            assert text == ("😀" if count == 3 else "")
            _, chunks = post(server, stream | {"stream": True}, "/v1/completions")
            parts = [
                json.loads(line[6:])["choices"][0]["text"] for line in chunks.splitlines() if line.startswith("data: {")
            ]
            assert "".join(parts) == text

    def test_the_older_log_probabilities_name_bytes(self, server):
        written = [VOCABULARY[c] for c in "ðŁĺĢ"]
        reply = whole(
            server,
            {"prompt": "Hi", "max_tokens": 3, "logprobs": 2, "logit_bias": {str(written[0]): 100}},
            "/v1/completions",
        )
        logprobs = reply["choices"][0]["logprobs"]
        assert logprobs["tokens"] == ["bytes:\\xf0"] * 3 and logprobs["text_offset"] == [0, 0, 1]
