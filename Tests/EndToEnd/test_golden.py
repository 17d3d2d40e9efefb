"""Every reference reply of R-Tiny (PyTorch, f32) over HTTP: text, tokens, log-probabilities, P(think), counts."""

import base64
import json

import pytest
from conftest import MODEL, Server
from openai import OpenAI
from test_cli import run
from tokenizers import Tokenizer

CASES = json.loads((MODEL / "golden.json").read_text())
TOKENIZER = Tokenizer.from_file(str(MODEL / "tokenizer.json"))


def message(case):
    parts = []
    for name in case["images"]:
        data = base64.b64encode((MODEL / name).read_bytes()).decode()
        parts.append({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}})
    return [{"role": "user", "content": parts + [{"type": "text", "text": case["text"]}]}]


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c['kind']}-{c['mode']}" for i, c in enumerate(CASES)])
def test_reply(server, case):
    client = OpenAI(base_url=server.url + "/v1", api_key="none")
    reply = client.chat.completions.create(
        model="r-tiny",
        messages=message(case),
        max_completion_tokens=96,
        logprobs=True,
        extra_body={"thinking_mode": case["mode"]},
    )
    tokens = reply.choices[0].logprobs.content
    assert [bytes(t.bytes) for t in tokens] == [TOKENIZER.id_to_token(i) and token_bytes(i) for i in case["ids"]]
    # 1e-3: the reference sums f32 in another order and rounds to five decimals.
    assert [t.logprob for t in tokens] == pytest.approx(case["logprobs"], abs=1e-3)
    thinking = reply.model_extra["thinking"]
    assert (case["p_think"] is None) == (thinking["p_think"] is None)
    if case["p_think"] is not None:
        assert thinking["p_think"] == pytest.approx(case["p_think"], abs=1e-3)
    usage = reply.usage
    assert usage.prompt_tokens == case["prompt_tokens"]
    assert usage.prompt_tokens_details.image_tokens == case["image_tokens"]
    assert usage.completion_tokens == len(case["ids"])
    assert (
        usage.completion_tokens == thinking["thinking_tokens"] + thinking["control_tokens"] + thinking["answer_tokens"]
    )
    thought, _, answer = case["reply"].removesuffix("<|im_end|>").rpartition("</think>")
    assert (reply.choices[0].message.content or "") == answer.lstrip("\n")
    assert (reply.choices[0].message.model_extra.get("reasoning_content") or "").strip() == thought.strip()


@pytest.fixture(scope="module", params=["while loading", "from files"])
def quantized(request, tmp_path_factory):
    arguments = ["--quantize", "q8_0"]
    if request.param == "from files":
        path = tmp_path_factory.mktemp("q8_0") / "r-tiny.gguf"
        done = run("quantize", MODEL, path, "--type", "q8_0", "--vision-type", "q8_0")
        assert done.returncode == 0, done.stderr
        arguments = ["--model", str(path)]
    server = Server(arguments)
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("case", CASES, ids=[f"{i}-{c['kind']}-{c['mode']}" for i, c in enumerate(CASES)])
def test_reply_of_8_bit_weights(quantized, case):
    """Weights and inputs rounded to 8 bits keep every reply. Log-probabilities differed by at most 0.062 when
    measured."""
    client = OpenAI(base_url=quantized.url + "/v1", api_key="none")
    reply = client.chat.completions.create(
        model="r-tiny",
        messages=message(case),
        max_completion_tokens=96,
        logprobs=True,
        extra_body={"thinking_mode": case["mode"]},
    )
    tokens = reply.choices[0].logprobs.content
    assert [bytes(t.bytes) for t in tokens] == [token_bytes(i) for i in case["ids"]]
    assert [t.logprob for t in tokens] == pytest.approx(case["logprobs"], abs=0.15)


def token_bytes(token):
    """Returns the bytes of one token from its byte-level spelling."""
    spelled = TOKENIZER.id_to_token(token)
    if token >= 619:
        return spelled.encode()
    return bytes(BYTES[c] for c in spelled)


def byte_level_alphabet():
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    table = {chr(b): b for b in kept}
    table.update({chr(256 + n): b for n, b in enumerate(b for b in range(256) if b not in kept)})
    return table


BYTES = byte_level_alphabet()
