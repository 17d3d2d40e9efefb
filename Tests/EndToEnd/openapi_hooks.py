"""Hooks for schemathesis. They remove contradictions that a schema cannot exclude, so that most requests are answered,
and keep replies short. Requests that are invalid by the schema stay invalid."""

import functools
import json
import pathlib

import schemathesis
from openapi import Document

VOCABULARY = 640
LIMITS = {
    "/v1/chat/completions": ("max_completion_tokens", "max_tokens"),
    "/v1/completions": ("max_completion_tokens", "max_tokens"),
    "/v1/responses": ("max_output_tokens",),
    "/v1/rollouts": ("max_completion_tokens", "max_tokens"),
}
TOKENS = 4
MODES = (
    "thinking_mode",
    "chat_template_kwargs",
    "enable_thinking",
    "thinking",
    "reasoning_effort",
    "reasoning",
    "think_bias",
    "think_threshold",
)
CONSTRAINTS = (
    "response_format",
    "structured_outputs",
    "guided_json",
    "guided_choice",
    "guided_regex",
    "json_schema",
    "regex",
)
BUDGETS = ("thinking_budget", "thinking_budget_tokens", "thinking_token_budget")


@functools.cache
def document():
    """The command line of the run."""
    return Document(json.loads(pathlib.Path("openapi.json").read_text()))


def is_number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_positive(case):
    return case.meta is not None and case.meta.generation.mode.is_positive


def shorten(body, names):
    """Lowers a valid limit and adds one where it is missing."""
    for name in names:
        if (
            is_number(body.get(name))
            and (1 <= body[name] <= 1_000_000_000 or body[name] == -1)
            and body[name] == int(body[name])
        ):
            body[name] = TOKENS
    if all(body.get(name) is None for name in names):
        body[names[0]] = TOKENS


def agree(body, names):
    """Keeps the first of the fields that may contradict each other."""
    for name in [name for name in names if body.get(name) is not None][1:]:
        del body[name]


def settle(body, path):
    """Applies the rules between fields."""
    agree(body, MODES)
    agree(body, BUDGETS)
    if path == "/v1/rollouts":
        for name in CONSTRAINTS:
            body.pop(name, None)
    agree(body, CONSTRAINTS)
    if isinstance(body.get("structured_outputs"), dict):
        agree(body["structured_outputs"], ("json", "choice", "regex", "json_object"))
    if isinstance(body.get("thinking"), dict) and body["thinking"].get("budget_tokens") is not None:
        agree(body, ("thinking", *BUDGETS))
        if body["thinking"]["type"] == "disabled":
            del body["thinking"]["budget_tokens"]
    if isinstance(body.get("stream_options"), dict):
        body["stream"] = True
    if path == "/v1/rollouts" and is_number(body.get("g")) and body["g"] > 2:
        body["g"] = 2 if body["g"] <= 16 else body["g"]
    if path.startswith("/v1/chat") or path in ("/apply-template", "/v1/rollouts"):
        body["logprobs"] = body.get("logprobs") or body.get("top_logprobs") is not None
    if path == "/v1/completions":
        body.pop("best_of", None)
        if body.get("logprobs") is not None:
            body.pop("echo", None)
    tools = body.get("tools") or []
    names = [tool["function"]["name"] if tool.get("function") is not None else tool["name"] for tool in tools]
    if len(set(names)) < len(names):
        body["tools"] = tools[:1]
    if body.get("tool_choice") is not None:
        if not tools:
            del body["tool_choice"]
        elif isinstance(body["tool_choice"], dict):
            body["tool_choice"] = {"type": "function", "name": names[0]}
    if body.get("logit_bias") is not None:
        body["logit_bias"] = {name: value for name, value in body["logit_bias"].items() if int(name) < VOCABULARY}


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if not isinstance(body, dict):
        return
    if isinstance(body.get("model"), str):
        body["model"] = "r-tiny"
    if is_positive(case) and case.operation.path not in ("/tokenize", "/detokenize"):
        settle(body, case.operation.path)
    if names := LIMITS.get(case.operation.path):
        shorten(body, names)


@schemathesis.check
def what_the_schema_allows_has_the_right_types(context, response, case):
    if is_positive(case) and case.body is not None and response.status_code == 400:
        code = response.json()["error"]["code"]
        assert code not in ("invalid_type", "missing_required_parameter", "invalid_json"), response.text


@schemathesis.check
def events_fit_their_schema(context, response, case):
    if "".join(response.headers.get("content-type", [])).startswith("text/event-stream"):
        # Closes a stream after some events, as a client that leaves.
        document().check_stream(case.operation.path, response.content.decode().rpartition("\n\n")[0], is_whole=False)
