"""LangChain's OpenAI client with the server, used as in its documentation."""

import asyncio
import base64

import openai
import pytest
from conftest import MODEL
from langchain_core.exceptions import ContextOverflowError
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from pydantic import BaseModel, Field

STORY = "Lily has 8 books, buys 20 more and gives away 5. How many books are left?"


def chat(server, **fields):
    return ChatOpenAI(model="r-tiny", base_url=server.url + "/v1", api_key="none", max_retries=0, **fields)


def test_invoke_returns_the_answer_and_its_counts(server):
    reply = chat(server).invoke(STORY)
    assert reply.content == "23" and reply.response_metadata["finish_reason"] == "stop"
    usage = reply.usage_metadata
    assert (
        usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        and usage["output_token_details"]["reasoning"] == 21
    )


def test_modes_by_effort_and_by_our_own_fields(server):
    for fields, thinks in (
        ({"reasoning_effort": "none"}, False),
        ({"reasoning_effort": "high"}, True),
        ({"extra_body": {"thinking_mode": "short"}}, False),
        ({"extra_body": {"chat_template_kwargs": {"thinking_mode": "long"}}}, True),
    ):
        usage = chat(server, **fields).invoke(STORY).usage_metadata
        assert (usage["output_token_details"]["reasoning"] > 0) == thinks


def test_streaming_adds_up(server):
    chunks = list(chat(server, stream_usage=True).stream(STORY))
    whole = sum(chunks[1:], chunks[0])
    assert whole.content == "23" and whole.usage_metadata["output_token_details"]["reasoning"] == 21


def test_a_conversation_with_every_role(server):
    reply = chat(server).invoke(
        [SystemMessage("Be brief."), HumanMessage("Hi"), AIMessage("Hello!"), HumanMessage("Add 2 and 3.")]
    )
    assert isinstance(reply.content, str) and reply.content


def test_images(server):
    data = base64.b64encode((MODEL / "golden" / "12-sum.png").read_bytes()).decode()
    message = HumanMessage(
        [{"type": "image", "base64": data, "mime_type": "image/png"}, {"type": "text", "text": "Add up the digits."}]
    )
    assert chat(server).invoke([message]).usage_metadata["input_tokens"] > 60


def test_batch_and_async(server):
    questions = [f"Add {n} and 2." for n in range(1, 7)]
    assert [r.content for r in chat(server).batch(questions)] == [str(n + 2) for n in range(1, 7)]

    async def main():
        return await asyncio.gather(*(chat(server).ainvoke(q) for q in questions))

    assert [r.content for r in asyncio.run(main())] == [str(n + 2) for n in range(1, 7)]


def test_several_generations_stop_strings_and_logprobs(server):
    many = chat(server, n=3, temperature=1, seed=4).generate([[HumanMessage(STORY)]])
    assert len(many.generations[0]) == 3
    assert chat(server).invoke("Hi there", stop=["can I"]).content == "Hello! How "
    assert chat(server, logprobs=True, top_logprobs=2).invoke(STORY).response_metadata["logprobs"]["content"]


def test_the_responses_api(server):
    reply = chat(server, use_responses_api=True, output_version="responses/v1").invoke(STORY)
    assert reply.text == "23" and [block["type"] for block in reply.content] == ["reasoning", "text"]


def test_completions(server):
    prompt = "<|im_start|>user\nAdd 2 and 3.<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"
    assert OpenAI(model="r-tiny", base_url=server.url + "/v1", api_key="none", max_retries=0).invoke(prompt) == "5"


class Sum(BaseModel):
    """The sum of two numbers."""

    left: int = Field(ge=0, le=99)
    right: int = Field(ge=0, le=99)
    note: str = Field(max_length=10)


@tool
def add(left: int, right: int) -> int:
    """Adds two numbers."""
    return left + right


def test_structured_output_by_schema_and_by_call(server):
    for method in ("json_schema", "function_calling"):
        parsed = (
            chat(server, temperature=1, seed=2, max_tokens=400)
            .with_structured_output(Sum, method=method)
            .invoke("Add 2 and 3.")
        )
        assert isinstance(parsed, Sum) and 0 <= parsed.left <= 99


def test_a_tool_loop(server):
    bound = chat(server, max_tokens=400).bind_tools([add], tool_choice="any", parallel_tool_calls=False)
    question = HumanMessage("Add 2 and 3.")
    call = bound.invoke([question])
    assert [c["name"] for c in call.tool_calls] == ["add"] and set(call.tool_calls[0]["args"]) == {"left", "right"}
    result = add.invoke(call.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert chat(server, max_tokens=100).bind_tools([add]).invoke([question, call, result]).response_metadata[
        "finish_reason"
    ] in ("stop", "tool_calls", "length")


def test_calls_stream_in_chunks(server):
    bound = chat(server, max_tokens=400).bind_tools([add], tool_choice="add")
    chunks = list(bound.stream("Add 2 and 3."))
    whole = sum(chunks[1:], chunks[0])
    assert [c["name"] for c in whole.tool_calls] == ["add"] and sum(bool(c.tool_call_chunks) for c in chunks) > 3


def test_errors_are_the_clients_own_types(server):
    with pytest.raises(openai.BadRequestError, match="temperature"):
        chat(server, temperature=3).invoke("Hi")


def test_a_conversation_that_exceeds_the_context_raises_the_right_error(server):
    for text, fields in (("word " * 5000, {}), (STORY, {"max_tokens": 5000})):
        for call in (chat(server, **fields).invoke, lambda message: list(chat(server, **fields).stream(message))):
            with pytest.raises(ContextOverflowError, match="This model's maximum context length is 2048 tokens"):
                call(text)
