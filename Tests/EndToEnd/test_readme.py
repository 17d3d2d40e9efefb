"""Runs every example of README.md as it is printed there."""

import json
import re
import subprocess
import sys
import time

import pytest
from conftest import ROOT, Server

TEXT = (ROOT / "README.md").read_text()
SHELL = re.findall(r"```sh\n(.*?)```", TEXT, re.S)
PYTHON = re.findall(r"```python\n(.*?)```", TEXT, re.S)


def run(command, server):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shell(index, server):
    return run(["bash", "-euo", "pipefail", "-c", SHELL[index].replace("http://localhost:8080", server.url)], server)


def test_the_examples_are_the_ones_tested_here():
    assert len(SHELL) == 9 and len(PYTHON) == 1


def test_text(server):
    reply = json.loads(shell(0, server))
    assert reply["choices"][0]["message"]["content"] == "23"
    assert reply["thinking"]["mode"] == "thinking"


def test_image_and_the_counts_shown_in_the_readme():
    # On a fresh server, because other tests' images would be in its caches.
    with Server() as server:
        reply = json.loads(shell(1, server))
    assert reply["choices"][0]["message"]["content"] == "9"
    shown = json.loads("{" + re.search(r"```jsonc\n(.*?)```", TEXT, re.S)[1] + "}")
    assert reply["usage"] == shown["usage"]
    assert round(reply["thinking"].pop("p_think"), 2) == pytest.approx(shown["thinking"].pop("p_think"), abs=0.011)
    assert reply["thinking"] == shown["thinking"]


def test_streaming(server):
    lines = [line for line in shell(2, server).split("\n") if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    chunks = [json.loads(line[6:]) for line in lines[:-1]]
    text = "".join(c["choices"][0]["delta"].get("content") or "" for c in chunks if c["choices"])
    assert text == "Madrid"
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] > 0


def test_modes(server):
    replies = [json.loads(line) for line in shell(3, server).splitlines()]
    assert [r["thinking"]["requested_mode"] for r in replies] == ["auto", "long", "short"]
    assert [r["thinking"]["mode"] for r in replies] == ["non_thinking", "thinking", "non_thinking"]
    assert [r["choices"][0]["message"]["content"] for r in replies] == ["13"] * 3


def test_budget(server):
    reply = json.loads(shell(4, server))
    assert (
        reply["thinking"]["stop"] == "budget" and reply["choices"][0]["message"]["reasoning_content"] == "8 + 20 = 28."
    )
    assert reply["choices"][0]["message"]["content"]


def test_schema(server):
    message = json.loads(shell(5, server))["choices"][0]["message"]
    assert set(json.loads(message["content"])) == {"sum"}


def test_metrics(server):
    assert 'kind="thinking"' in shell(6, server)


def test_usage_matches_the_replies(tmp_path):
    with Server(["--set", f"ledger.path={tmp_path}/ledger.sqlite"]) as server:
        replies = [json.loads(line) for line in shell(3, server).splitlines()]
        deadline = time.monotonic() + 10
        while (usage := json.loads(shell(7, server)))["totals"]["requests"] < len(replies):
            assert time.monotonic() < deadline, usage["ledger"]
    said = {
        (r["thinking"]["requested_mode"], r["thinking"]["mode"]): (1, r["usage"]["completion_tokens"]) for r in replies
    }
    figures = lambda groups: {
        (g["requested_mode"], g["mode"]): (g["requests"], g["completion_tokens"]["total"]) for g in groups
    }
    assert figures(usage["groups"]) == said and len(said) == 3
    # An hour may have ended between two replies.
    assert {label: counts for bucket in usage["buckets"] for label, counts in figures(bucket["groups"]).items()} == said


def test_rollouts(server):
    document = json.loads(shell(8, server))
    groups = document["groups"]
    assert set(groups) == {"thinking", "non_thinking"} and all(len(group) == 4 for group in groups.values())
    assert all(
        r["thinking"]["mode"] == mode and bool(r["reasoning_content"]) == (mode == "thinking")
        for mode, group in groups.items()
        for r in group
    )
    assert {r["content"] for r in groups["thinking"]} == {"23"}
    for mode, group in groups.items():
        assert sum(r["completion_tokens"] for r in group) == document["usage"][mode]["completion_tokens"]


def test_openai_sdk(server):
    output = run([sys.executable, "-c", PYTHON[0].replace("http://localhost:8080", server.url)], server).splitlines()
    assert output[0].startswith("I see 5, 1, 3.") and output[1] == "9" and output[2].endswith(" thinking")


def test_run_script_answers_and_stops(server):
    done = subprocess.run(
        [ROOT / "scripts/run", "--once", "--port", "0"], cwd=ROOT, capture_output=True, text=True, timeout=900
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"answer +\"9\"", done.stderr) and re.search(r"mode +\"thinking\"", done.stderr), done.stderr
    assert re.search(r"thinking \d+, control \d+, answer \d+", done.stderr)
