"""A reply depends on its request and seed only, not on other clients, the number of threads, earlier requests or the
time."""

import concurrent.futures
import random

import pytest
from conftest import Server
from test_golden import CASES
from wire import Client, question

BATCH = 8


def requests():
    """Sixty requests: every kind of question, greedy and sampled, with one reply and two, short and up to the limit."""
    rng = random.Random("isolation")
    made = []
    for index in range(60):
        case = CASES[index * 5 % len(CASES)]
        body = {
            "messages": question(case["text"], *case["images"]),
            "thinking_mode": case["mode"],
            "max_tokens": 96,
            "logprobs": True,
            "top_logprobs": 3,
            "seed": rng.randrange(1 << 40),
        }
        if index % 2 == 1:
            body |= {"temperature": 2, "min_p": 0.0001}
        if index % 10 == 4:
            body |= {"n": 2, "temperature": 1}
        if index % 6 == 5:
            # Long prompts with the same beginning, and replies that do not end by themselves.
            body |= {
                "messages": question(
                    "Tom has 8 apples and gives away 3. " * rng.randrange(4, 45) + "How many are left?"
                ),
                "max_tokens": 60,
                "temperature": 1,
                "logit_bias": {"621": -100, "619": -100},
            }
        if index % 4 == 3:
            body["stream"] = True
            body["stream_options"] = {"include_usage": True}
        made.append(body)
    return made


def outcome(answer):
    """Returns everything in a reply except times, identifier and cached tokens."""
    assert answer.status == 200 and answer.error is None, answer.error
    usage = {name: value for name, value in answer.usage.items()} | {
        "prompt_tokens_details": {
            k: v for k, v in answer.usage["prompt_tokens_details"].items() if k != "cached_tokens"
        }
    }
    return answer.choices, usage, answer.thinking


def all_of(server, bodies, clients, order_seed=None):
    """Returns the outcomes in the order of the requests, which several clients send at once in another order."""
    order = list(range(len(bodies)))
    if order_seed is not None:
        random.Random(order_seed).shuffle(order)
    found = [None] * len(bodies)

    def run(number):
        with Client(server) as client:
            for index in order[number::clients]:
                found[index] = outcome(client.ask(bodies[index]))

    with concurrent.futures.ThreadPoolExecutor(clients) as pool:
        list(pool.map(run, range(clients)))
    return found


@pytest.fixture(scope="module")
def alone():
    """Sends each request alone to a server with one slot and one thread."""
    with Server(["--set", "scheduling.threads=1", "--set", "scheduling.max_running=1"]) as server:
        return all_of(server, requests(), 1)


@pytest.mark.parametrize("setting", ["scheduling.threads=1", "scheduling.threads=2", "scheduling.prefill_chunk=23"])
def test_replies_are_the_same_alone_in_a_batch_and_repeated(alone, setting):
    with Server(["--set", setting, "--set", f"scheduling.max_running={BATCH}"]) as server:
        for attempt in range(2):
            found = all_of(server, requests(), BATCH, f"{setting}/{attempt}")
            different = [index for index in range(len(alone)) if found[index] != alone[index]]
            assert not different, [(index, alone[index], found[index]) for index in different[:2]]


def test_the_requests_are_worth_comparing(alone):
    assert len({str(choices) for choices, _, _ in alone}) > 50
    assert sum(usage["completion_tokens"] for _, usage, _ in alone) > 1000
    assert any(usage["prompt_tokens"] > 500 for _, usage, _ in alone) and any(
        usage["prompt_tokens_details"]["image_tokens"] for _, usage, _ in alone
    )
    for choices, usage, _ in alone:
        assert sum(len(choice["logprobs"]) for choice in choices.values()) == usage["completion_tokens"]
