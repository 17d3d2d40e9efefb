"""`r4b annotate`: labels from the model in the process, over HTTP and from another server as a judge. Totals add up,
and runs continue."""

import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.request

import pytest

from conftest import MODEL, ROOT, binary

GOLDEN = json.loads((MODEL / "golden.json").read_text())
P_THINK = ["--difficulty", "p-think"]


def annotate(*arguments, **variables):
    environment = {key: value for key, value in os.environ.items() if not key.startswith("R4B_")} | variables
    return subprocess.run(
        [binary(), "annotate", *map(str, arguments)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    """R-Tiny's reference questions in two sets; every second one keeps its answer."""
    folder = tmp_path_factory.mktemp("items")
    cases = {(case["text"], *case["images"]): case for case in GOLDEN}
    for name, kinds in (("digits", ("sum", "count", "read")), ("arithmetic", ("add1", "story"))):
        text = ""
        for number, case in enumerate(case for case in cases.values() if case["kind"] in kinds):
            line = {
                "id": f"q{number}",
                "question": case["text"],
                "reasoning": case["kind"] in ("sum", "story"),
                "source": {"kind": case["kind"]},
            }
            if case["images"]:
                line["image"] = os.path.relpath(MODEL / case["images"][0], folder)
            if number % 2:
                line["answer"] = str(case["answer"])
            text += json.dumps(line) + "\n"
        (folder / f"{name}.jsonl").write_text(text)
    return [folder / "digits.jsonl", folder / "arithmetic.jsonl"]


@pytest.fixture(scope="module")
def local(items, tmp_path_factory):
    """The directory of a run in the process, by samples and P(think)."""
    out = tmp_path_factory.mktemp("annotate") / "local"
    done = annotate(*items, "--out", out, "--model", MODEL, *P_THINK, "--keep-text")
    assert done.returncode == 0, done.stderr
    assert "| Total |" in done.stdout and "labels.jsonl" in done.stderr
    return out


def test_the_labels_follow_from_the_evidence(items, local):
    wanted = [(path.stem, line) for path in items for line in lines(path)]
    labels = lines(local / "labels.jsonl")
    assert [(line["set"], line["id"]) for line in labels] == [(name, line["id"]) for name, line in wanted]
    kinds = set()
    for (_, item), line in zip(wanted, labels):
        assert {name: line[name] for name in ("question", "reasoning", "source")} == {
            name: item[name] for name in ("question", "reasoning", "source")
        }
        if "image" in item:
            assert (local / line["image"]).samefile(items[0].parent / item["image"])
        evidence = line["evidence"]
        if "answer" in item:
            assert line["rule"] == "performance" and evidence["samples"] == len(evidence["texts"]) == 8
            right = sum(text.strip().rstrip(".").lower() == item["answer"].lower() for text in evidence["texts"])
            assert right == evidence["right"] and line["label"] == ("direct" if right else "reasoning")
        else:
            assert line["rule"] == "difficulty" and evidence["threshold"] == 0.5
            assert line["label"] == ("reasoning" if evidence["p_think"] >= 0.5 else "direct")
        kinds.add((line["rule"], line["label"]))
    assert len(kinds) == 4, "both rules gave both labels"


def test_p_think_equals_that_of_a_chat(items, local, server):
    checked = 0
    for line in lines(local / "labels.jsonl"):
        if line["rule"] == "difficulty" and "image" not in line:
            body = {
                "messages": [{"role": "user", "content": line["question"]}],
                "thinking_mode": "auto",
                "temperature": 0,
            }
            request = urllib.request.Request(
                server.url + "/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
            )
            reply = json.load(urllib.request.urlopen(request))
            assert reply["thinking"]["p_think"] == pytest.approx(line["evidence"]["p_think"], abs=1e-5)
            checked += 1
    assert checked >= 2


def test_the_summary_adds_up(local):
    labels, summary = lines(local / "labels.jsonl"), json.loads((local / "summary.json").read_text())
    assert summary["items"] == summary["all"]["total"] == len(labels) == sum(row["total"] for row in summary["sets"])
    assert len(labels) == sum(row["total"] for row in summary["rules"])
    for row in summary["sets"]:
        mine = [line for line in labels if line["set"] == row["name"]]
        assert (row["direct"], row["reasoning"]) == tuple(
            sum(line["label"] == label for line in mine) for label in ("direct", "reasoning")
        )
    sampled = [line["evidence"]["right"] for line in labels if line["rule"] == "performance"]
    assert summary["items_by_right_samples"] == [sampled.count(right) for right in range(9)]
    for name in ("requests", "prompt_tokens", "output_tokens"):
        assert summary[name] == sum(line["counts"][name] for line in labels)
    everything = summary["agreement"][-1]
    agree = sum((line["label"] == "reasoning") == line["reasoning"] for line in labels)
    assert everything["part"]["estimate"] == pytest.approx(agree / len(labels)) and everything["n"] == len(labels)
    assert (
        f"| Total | {summary['all']['direct']} | {summary['all']['reasoning']} | {len(labels)} | 100.0 % |"
        in (local / "summary.md").read_text()
    )


def test_labels_are_the_same_over_http_and_with_one_sample_per_request(items, local, server, tmp_path):
    def reported(folder):
        found = lines(folder / "labels.jsonl")
        for line in found:
            line.pop("counts"), line.pop("image", None)
            # The last digits of probabilities may depend on the rest of the batch.
            line["evidence"]["p_think"] = pytest.approx(line["evidence"].get("p_think"), abs=1e-5)
        return found

    done = annotate(
        *items,
        "--out",
        tmp_path / "http",
        "--url",
        server.url + "/v1",
        *P_THINK,
        "--keep-text",
        "--samples-per-request",
        1,
    )
    assert done.returncode == 0, done.stderr
    assert reported(tmp_path / "http") == reported(local)


def test_the_model_can_judge_and_answers_can_be_ignored(items, tmp_path):
    done = annotate(
        *items, "--out", tmp_path / "out", "--model", MODEL, "--limit", 2, "--ignore-answers", "--max-tokens", 400
    )
    assert done.returncode == 0, done.stderr
    labels = lines(tmp_path / "out" / "labels.jsonl")
    assert len(labels) == 4
    assert all(
        json.loads(line["evidence"]["reply"])["label"] == line["label"] and line["rule"] == "difficulty"
        for line in labels
    )


def test_a_stopped_run_continues_to_the_same_labels(items, local, tmp_path):
    out = tmp_path / "stopped"
    arguments = [*map(str, items), "--out", str(out), "--model", str(MODEL), *P_THINK, "--keep-text", "--parallel", "1"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("R4B_")}
    process = subprocess.Popen(
        [binary(), "annotate", *arguments], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (out / "results.jsonl").exists() or (out / "results.jsonl").read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130 and "Repeat the command to continue." in process.stderr.read()
    before = (out / "results.jsonl").read_text()
    assert not (out / "labels.jsonl").exists()
    assert annotate(*arguments).returncode == 0
    after = (out / "results.jsonl").read_text()
    found, wanted = lines(out / "labels.jsonl"), lines(local / "labels.jsonl")
    assert after.startswith(before) and len(after.splitlines()) == len(found) == len(wanted)
    assert [(line["id"], line["label"], line["evidence"].get("texts")) for line in found] == [
        (line["id"], line["label"], line["evidence"].get("texts")) for line in wanted
    ]
    other = annotate(*arguments, "--samples", 4)
    assert other.returncode == 1 and "samples was 8, now 4" in other.stderr
    run = json.loads((out / "run.json").read_text())
    assert (
        run["source"]["model"]["path"] == str(MODEL.resolve())
        and run["source"]["model"]["weights"]
        and run["seed"] == "0"
    )


class Judge(http.server.BaseHTTPRequestHandler):
    """Another server with OpenAI's API. It calls sums hard and does not know our fields."""

    protocol_version = "HTTP/1.1"
    seen = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.headers["authorization"], body))
        content = body["messages"][0]["content"]
        text = content if isinstance(content, str) else content[-1]["text"]
        verdict = (
            "no idea"
            if "How many" in text and "digits" in text
            else f"Thinking it over. LABEL: {'reasoning' if 'sum' in text else 'direct'}"
        )
        data = json.dumps({"choices": [{"message": {"content": verdict}}]}).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def judge():
    Judge.seen = []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Judge)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()


def test_another_server_judges_items_without_an_answer(items, judge, tmp_path):
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("Is this hard? {question} End with LABEL: direct or LABEL: reasoning.")
    arguments = [
        *items,
        "--out",
        tmp_path / "out",
        "--model",
        MODEL,
        "--judge-url",
        judge,
        "--judge-model-name",
        "big",
        "--judge-prompt",
        prompt,
        "--judge-plain",
        "--judge-extra-body",
        '{"top_p": 0.9}',
    ]
    done = annotate(*arguments, R4B_API_KEY="ours", R4B_JUDGE_KEY="theirs")
    wanted = [line for path in items for line in lines(path) if "answer" not in line]
    failing = [line for line in wanted if "How many" in line["question"] and "digits" in line["question"]]
    assert (
        failing
        and done.returncode == 1
        and f"{len(failing)} of {sum(len(lines(path)) for path in items)} items have no label" in done.stderr
    )
    labels = {(line["set"], line["id"]): line for line in lines(tmp_path / "out" / "labels.jsonl")}
    judged = [line for line in labels.values() if line["rule"] == "difficulty"]
    assert len(judged) == len(wanted) - len(failing)
    assert all(
        line["label"] == ("reasoning" if "sum" in line["question"] else "direct")
        and "prompt_tokens" not in line["counts"]
        for line in judged
    )
    assert {key for key, _ in Judge.seen} == {"Bearer theirs"}
    for _, body in Judge.seen:
        assert set(body) == {"messages", "model", "temperature", "top_p"} and body["model"] == "big"
    images = [
        body["messages"][0]["content"][0]["image_url"]["url"]
        for _, body in Judge.seen
        if isinstance(body["messages"][0]["content"], list)
    ]
    assert images and all(image.startswith("data:image/") for image in images)
    Judge.seen = []
    elsewhere = annotate(
        *(judge.replace("127.0.0.1", "localhost") if argument == judge else argument for argument in arguments)
    )
    assert (
        elsewhere.returncode == 1
        and f'judge.source was "{judge}", now "http://localhost' in elsewhere.stderr
        and not Judge.seen
    )
    assert annotate(*arguments).returncode == 1
    assert len(Judge.seen) == len(failing), "only what has no label is asked again"


@pytest.mark.parametrize(
    "arguments, reported",
    [
        (["a", "--out", "x", "--samples", "0"], "--samples must be between 1 and 1024, got 0"),
        (["a", "--out", "x", "--temperature", "0"], "--temperature must be above 0"),
        (["a", "--out", "x", "--threshold", "0.5"], "--threshold requires"),
        (["a", "--out", "x", *P_THINK, "--threshold", "2"], "between 0 and 1, got 2"),
        (["a", "--out", "x", *P_THINK, "--judge-url", "http://h"], "--judge-url requires --difficulty judge"),
        (["a", "--out", "x", "--judge-key", "k"], "--judge-key requires --judge-url"),
        (["a", "--out", "x", "--extra-body", "[1]"], "--extra-body must be a JSON object"),
        (["a", "--out", "x", "--extra-body", "{"], "--extra-body: "),
        (["a", "--out", "x", "--difficulty", "luck"], "luck"),
        (["nowhere.jsonl", "--out", "x"], "nowhere.jsonl cannot be read"),
    ],
)
def test_impossible_requests_are_errors(arguments, reported):
    done = annotate(*arguments)
    assert done.returncode != 0 and reported in done.stderr


def test_a_prompt_without_a_place_for_the_item_is_an_error(items, tmp_path):
    (tmp_path / "prompt.txt").write_text("Is this hard?")
    done = annotate(*items, "--out", tmp_path / "out", "--model", MODEL, "--judge-prompt", tmp_path / "prompt.txt")
    assert (
        done.returncode == 1
        and "prompt.txt: a judge's prompt must contain {question} exactly once, got 0 times" in done.stderr
    )
