"""`r4b eval`: the same numbers in the process and over HTTP, a report that parses, and runs that continue."""

import html.parser
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import MODEL, ROOT, binary

GOLDEN = json.loads((MODEL / "golden.json").read_text())
MODES = ["short", "auto", "long"]


def environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("R4B_")}


def evaluate(*arguments):
    return subprocess.run(
        [binary(), "eval", *map(str, arguments)],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def sets(tmp_path_factory):
    """R-Tiny's reference questions about digits, its additions and its word problems."""
    folder = tmp_path_factory.mktemp("sets")
    cases = {(case["text"], *case["images"]): case for case in GOLDEN}
    for name, kinds in (("digits", ("sum", "count", "read")), ("arithmetic", ("add1", "story"))):
        lines = []
        for number, case in enumerate(case for case in cases.values() if case["kind"] in kinds):
            line = {
                "id": f"q{number}",
                "question": case["text"],
                "answer": str(case["answer"]),
                "reasoning": case["kind"] in ("sum", "story"),
            }
            if case["images"]:
                line["image"] = os.path.relpath(MODEL / case["images"][0], folder)
            lines.append(json.dumps(line))
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    return [folder / "digits.jsonl", folder / "arithmetic.jsonl"]


def results(folder):
    """Returns the answers by set, id, mode and bias, without times."""
    found = {}
    for line in (folder / "results.jsonl").read_text().splitlines():
        line = json.loads(line)
        line.pop("seconds")
        found[line["set"], line["id"], line["mode"], line.get("bias")] = line
    return found


class Page(html.parser.HTMLParser):
    """Counts elements and fails if one closes that is not open."""

    def __init__(self):
        super().__init__()
        self.open, self.counts, self.links = [], {}, []

    def handle_starttag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_startendtag(self, tag, attributes):
        self.counts[tag] = self.counts.get(tag, 0) + 1


@pytest.fixture(scope="module")
def local(sets, tmp_path_factory):
    """The directory of a run in the process with a sweep."""
    out = tmp_path_factory.mktemp("eval") / "local"
    done = evaluate(*sets, "--out", out, "--model", MODEL, "--sweep", "-50,0,50", "--keep-text", "--max-tokens", 96)
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == MODES
    return out


def test_the_answers_equal_the_reference_replies(sets, local):
    found = results(local)
    texts = {}
    for path in sets:
        for line in path.read_text().splitlines():
            line = json.loads(line)
            texts[path.stem, line["id"]] = line["question"], line.get("image", "").rsplit("/", 1)[-1]
    replies = {
        (case["text"], case["images"][0].rsplit("/", 1)[-1] if case["images"] else "", case["mode"]): case
        for case in GOLDEN
    }
    checked = 0
    for (name, number, mode, bias), line in found.items():
        case = replies.get((*texts[name, number], mode))
        if bias is not None or case is None:
            continue
        assert line["answer"] == case["reply"].split("</think>")[-1].removesuffix("<|im_end|>").strip(), case
        assert line["output_tokens"] == len(case["ids"])
        assert line["correct"] == (line["answer"] == case["answer"])
        checked += 1
    assert checked >= 40


def test_the_numbers_are_the_same_over_http(sets, local, server, tmp_path):
    out = tmp_path / "http"
    done = evaluate(
        *sets, "--out", out, "--url", server.url + "/v1", "--sweep", "-50,0,50", "--keep-text", "--max-tokens", 96
    )
    assert done.returncode == 0, done.stderr
    here, there = results(local), results(out)
    assert here.keys() == there.keys() and len(here) > 60
    for key, line in here.items():
        # The last digits of probabilities may depend on the rest of the batch.
        assert line.pop("p_think", None) == pytest.approx(there[key].pop("p_think", None), abs=1e-5), key
        assert line == there[key]


def test_the_report_matches_the_results(local):
    report = json.loads((local / "report.json").read_text())
    found = results(local)
    assert [section["name"] for section in report["sections"]] == ["All sets", "arithmetic", "digits"]
    for mode, summary in zip(MODES, report["sections"][0]["modes"]):
        lines = [line for key, line in found.items() if key[2:] == (mode, None)]
        assert (summary["mode"], summary["n"]) == (mode, len(lines))
        assert summary["accuracy"]["estimate"] == pytest.approx(sum(line["correct"] for line in lines) / len(lines))
        assert summary["output_tokens"]["mean"] == pytest.approx(
            sum(line["output_tokens"] for line in lines) / len(lines)
        )
        assert summary["output_tokens"]["mean"] == pytest.approx(
            sum(summary[f"{kind}_tokens"]["mean"] for kind in ("thinking", "control", "answer"))
        )
    always, plain, never = report["sections"][0]["sweep"]
    assert (never["think_rate"]["estimate"], always["think_rate"]["estimate"]) == (0, 1)
    assert 0 < plain["think_rate"]["estimate"] < 1


def test_the_report_page_parses_and_loads_nothing(local):
    page = Page()
    page.feed((local / "report.html").read_text())
    page.close()
    assert not page.open and not page.links and "script" not in page.counts
    assert page.counts["svg"] == 2 and page.counts["desc"] == 2 and page.counts["table"] == page.counts["caption"] >= 15
    assert (local / "report.md").read_text().startswith("# Evaluation of r-tiny")


def test_a_stopped_run_continues_and_asks_nothing_twice(sets, local, tmp_path):
    out = tmp_path / "stopped"
    arguments = [
        *map(str, sets),
        "--out",
        out,
        "--model",
        MODEL,
        "--sweep",
        "-50,0,50",
        "--keep-text",
        "--max-tokens",
        "96",
        "--parallel",
        "1",
    ]
    process = subprocess.Popen(
        [binary(), "eval", *arguments], cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not (out / "results.jsonl").exists() or (out / "results.jsonl").read_bytes().count(b"\n") < 3:
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=60) == 130 and "Repeat the command to continue." in process.stderr.read()
    before = (out / "results.jsonl").read_text()
    assert not (out / "report.json").exists()
    (out / "results.jsonl").write_text(before + '{"set": "dig')
    assert evaluate(*arguments).returncode == 0
    after = (out / "results.jsonl").read_text()
    assert after.startswith(before) and len(after.splitlines()) == len(results(out)) == len(results(local))
    other = evaluate(*sets, "--out", out, "--model", MODEL)
    assert other.returncode == 1 and "the results of another run: biases was [-50.0,0.0,50.0], now []; " in other.stderr
    other = evaluate(
        *arguments,
        "--set",
        "generation.thinking_budget=3",
        "--set",
        "scheduling.threads=1",
        "--set",
        "scheduling.kv_type=f16",
    )
    reported = 'the results of another run: source.generation.thinking_budget was null, now 3; source.kv_type was "auto", now "f16". Use another'
    assert other.returncode == 1 and reported in other.stderr, other.stderr


class Stub(http.server.BaseHTTPRequestHandler):
    """Another server with OpenAI's API. It is busy at first, needs a key and reports little."""

    protocol_version = "HTTP/1.1"
    script, seen = [], []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append((self.path, self.headers["authorization"], body, time.monotonic()))
        status, headers, reply = (
            self.script.pop(0)
            if self.script
            else (
                200,
                {},
                {
                    "choices": [{"message": {"content": "4"}, "finish_reason": "stop"}],
                    "usage": {"completion_tokens": 3},
                },
            )
        )
        data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, *arguments):
        pass


@pytest.fixture
def stub():
    Stub.script, Stub.seen = [], []
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/"
    server.shutdown()
    server.server_close()


@pytest.fixture
def sums(tmp_path):
    path = tmp_path / "sums.jsonl"
    path.write_text("".join(json.dumps({"question": f"{a} + {4 - a} = ?", "answer": 4}) + "\n" for a in range(2)))
    return path


def test_a_busy_server_is_asked_again_and_missing_values_are_unknown(stub, sums, tmp_path):
    Stub.script = [(503, {"Retry-After": "2"}, {"error": {"message": "busy"}}), (429, {}, b"")]
    done = evaluate(
        sums,
        "--out",
        tmp_path / "out",
        "--url",
        stub,
        "--key",
        "secret",
        "--model-name",
        "m",
        "--modes",
        "auto",
        "--parallel",
        1,
    )
    assert done.returncode == 0, done.stderr
    assert [(path, key, body["model"]) for path, key, body, _ in Stub.seen] == [
        ("/v1/chat/completions", "Bearer secret", "m")
    ] * 4
    assert Stub.seen[1][3] - Stub.seen[0][3] > 1.9
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    summary = report["sections"][0]["modes"][0]
    assert summary["output_tokens"]["mean"] == 3 and summary["accuracy"]["estimate"] == 1
    assert (
        summary["thinking_tokens"] is None
        and summary["think_rate"] is None
        and any("thinking tokens" in note for note in report["notes"])
    )


@pytest.mark.parametrize(
    "answer, reported",
    [
        ((400, {}, {"error": {"message": "no such field"}}), "status 400: no such field"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "status 302"),
        ((200, {}, b"{"), "the reply is not JSON"),
        ((200, {}, {}), "the reply has no choices[0].message"),
        ((200, {}, b" " * (33 << 20)), "the reply must have at most 33554432 bytes"),
    ],
)
def test_an_invalid_reply_is_a_failure_and_asked_again_by_the_next_run(stub, sums, tmp_path, answer, reported):
    Stub.script = [answer]
    arguments = [sums, "--out", tmp_path / "out", "--url", stub, "--modes", "short", "--parallel", 1]
    done = evaluate(*arguments)
    assert done.returncode == 1 and "1 of 2 requests failed" in done.stderr
    assert reported in (tmp_path / "out" / "results.jsonl").read_text() and len(Stub.seen) == 2
    assert evaluate(*arguments).returncode == 0 and len(Stub.seen) == 3


@pytest.mark.parametrize(
    "arguments, reported",
    [
        (["nowhere.jsonl", "--out", "x"], "nowhere.jsonl cannot be read"),
        (["a", "--out", "x", "--modes", "short,loud"], 'must be a list of short, auto and long, got "loud"'),
        (["a", "--out", "x", "--modes", "long,long"], "must not repeat a mode"),
        (["a", "--out", "x", "--sweep", "-101"], "numbers between -100 and 100"),
        (["a", "--out", "x", "--sweep", "1,1"], "must not repeat a bias"),
        (["a", "--out", "x", "--parallel", "0"], "--parallel must be at least 1"),
        (["a", "--out", "x", "--parallel", "65"], "at most 64"),
        (["a", "--out", "x", "--limit", "0"], "--limit must be at least 1"),
        (["a", "--out", "x", "--model-name", "m"], "requires --url"),
        (["--out", "x"], "set.jsonl"),
    ],
)
def test_impossible_requests_are_errors(arguments, reported):
    done = evaluate(*arguments)
    assert done.returncode != 0 and reported in done.stderr


def test_an_invalid_url_and_an_absent_server_are_errors(sets, tmp_path):
    done = evaluate(sets[1], "--out", tmp_path / "a", "--url", "ftp://example.org/v1")
    assert done.returncode == 1 and "is not an HTTP URL such as" in done.stderr
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        dead = f"http://user:secret@127.0.0.1:{listener.getsockname()[1]}/v1"
    started = time.monotonic()
    done = evaluate(sets[1], "--out", tmp_path / "b", "--url", dead, "--modes", "short", "--limit", 2)
    assert done.returncode == 1 and "2 of 2 requests failed" in done.stderr and time.monotonic() - started > 7, (
        done.stderr
    )
    assert all(
        "connect" in json.loads(line)["error"].lower()
        for line in (tmp_path / "b" / "results.jsonl").read_text().splitlines()
    )
    run, report = (tmp_path / "b" / "run.json").read_text(), (tmp_path / "b" / "report.md").read_text()
    assert json.loads(run)["source"] == dead.replace("user:secret@", "") and "secret" not in run + report
