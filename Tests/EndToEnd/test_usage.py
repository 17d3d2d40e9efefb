"""GET /v1/usage compared with the replies; kill -9, damage and a full disk; savings from shadows."""

import csv
import io
import json
import os
import signal
import sqlite3
import statistics
import time
import urllib.error
import urllib.parse
import urllib.request

import pytest
from conftest import Server
from wire import question

TEXTS = [
    "Add 2 and 3.",
    "Add 57 and 68.",
    "Lily has 8 books, buys 20 more and gives away 5. How many books are left?",
    "Hello",
]


def post(server, body, path="/v1/chat/completions", key=None):
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=120) as reply:
        return json.load(reply), reply.headers["x-request-id"]


def get(server, path="/v1/usage", key=None, **parameters):
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{server.url}{path}?{urllib.parse.urlencode(parameters)}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            body = reply.read().decode()
            return reply.status, json.loads(body) if "json" in reply.headers["content-type"] else body
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def wait(server, rows, **parameters):
    """Returns the usage once the ledger has so many rows."""
    deadline = time.monotonic() + 10
    while (usage := get(server, **parameters)[1])["ledger"]["rows"] < rows:
        assert time.monotonic() < deadline, usage["ledger"]
        time.sleep(0.05)
    return usage


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    """A server with a ledger and two keys, and its replies, each with the name of the key."""
    folder = tmp_path_factory.mktemp("usage")
    (folder / "keys").write_text("ann:secret-a\nben:secret-b\n")
    with Server(["--set", f"ledger.path={folder}/ledger.sqlite", "--set", f"auth.keys_file={folder}/keys"]) as server:
        replies = []
        for name in ("ann", "ben"):
            for mode in ("auto", "long", "short"):
                for text in TEXTS[: 4 if name == "ann" else 2]:
                    replies.append(
                        (
                            name,
                            *post(server, {"messages": question(text), "thinking_mode": mode}, key=f"secret-{name[0]}"),
                        )
                    )
        # Also streamed ones, several replies in one, and another endpoint.
        replies.append(("ann", *post(server, {"messages": question(TEXTS[0]), "n": 3}, key="secret-a")))
        replies.append(("ben", *post(server, {"input": TEXTS[1]}, "/v1/responses", key="secret-b")))
        usage = wait(server, len(replies), key="secret-a")
        yield server, replies, folder / "ledger.sqlite", usage


def tokens(reply, kind):
    return reply["thinking"][f"{kind}_tokens"]


def test_totals_and_groups_equal_the_replies(asked):
    server, replies, _, _ = asked
    _, usage = get(server, key="secret-a", group_by="key,requested_mode,mode")
    found = {(group["key"], group["requested_mode"], group["mode"]): group for group in usage["groups"]}
    wanted = {}
    for name, reply, _ in replies:
        wanted.setdefault((name, reply["thinking"]["requested_mode"], reply["thinking"]["mode"]), []).append(reply)
    assert set(found) == set(wanted)
    for label, group in found.items():
        own = wanted[label]
        assert group["requests"] == len(own) and group["share"] == pytest.approx(len(own) / len(replies))
        for kind in ("thinking", "control", "answer"):
            counts = [tokens(reply, kind) for reply in own]
            figures = group[f"{kind}_tokens"]
            assert figures["total"] == sum(counts) and figures["mean"] == pytest.approx(statistics.mean(counts))
            # Quantiles below 128 are exact: the smallest value that half of the requests do not exceed.
            assert figures["p50"] == sorted(counts)[(len(counts) - 1) // 2]
        prompts = [reply["usage"].get("prompt_tokens", reply["usage"].get("input_tokens")) for reply in own]
        assert group["prompt_text_tokens"]["total"] == sum(prompts)
        assert group["completion_tokens"]["total"] == sum(
            tokens(reply, kind) for reply in own for kind in ("thinking", "control", "answer")
        )
        assert group["first_token_seconds"]["mean"] == pytest.approx(
            statistics.mean(reply["timings"]["first_token_ms"] for reply in own) / 1000, abs=2e-4
        )
    totals = usage["totals"]
    assert totals["requests"] == len(replies) and totals["replies"] == len(replies) + 2
    auto = [reply for _, reply, _ in replies if reply["thinking"]["requested_mode"] == "auto"]
    decided = [reply for reply in auto if len(reply.get("choices", [None])) == 1]
    assert totals["decided_requests"] == len(decided) == len(auto) - 1
    assert totals["think_rate"] == pytest.approx(
        sum(reply["thinking"]["mode"] == "thinking" for reply in decided) / len(decided)
    )
    probabilities = [reply["thinking"]["p_think"] for reply in auto if reply["thinking"]["p_think"] is not None]
    assert sum(usage["think_probability"]["bins"]) == len(probabilities)
    assert usage["think_probability"]["mean"] == pytest.approx(statistics.mean(probabilities), abs=1e-6)
    assert usage["savings"]["tokens"] is None and "shadow.fraction" in usage["savings"]["reason"]


def test_the_metrics_have_the_same_counts(asked):
    server, _, _, usage = asked
    request = urllib.request.Request(server.url + "/metrics", headers={"authorization": "Bearer secret-a"})
    lines = urllib.request.urlopen(request, timeout=60).read().decode().splitlines()
    for kind in ("prompt_text", "thinking", "control", "answer"):
        counted = sum(
            int(line.rpartition(" ")[2]) for line in lines if line.startswith(f'r4b_tokens_total{{kind="{kind}"')
        )
        assert counted == usage["totals"][f"{kind}_tokens"]["total"]
    assert f'r4b_ledger_rows_total{{result="written"}} {usage["ledger"]["written"]}.0' in lines
    assert "r4b_ledger_degraded 0.0" in lines


def test_filters_buckets_and_ranges(asked):
    server, replies, _, _ = asked
    assert (
        get(server, key="secret-a", requested_mode="long", mode="thinking", group_by="key")[1]["totals"]["requests"]
        == 6
    )
    now = time.time()
    _, usage = get(server, key="secret-a", **{"from": now - 3600, "to": now + 60}, bucket="minute")
    assert sum(group["requests"] for bucket in usage["buckets"] for group in bucket["groups"]) == len(replies)
    assert all(bucket["start"] < bucket["end"] for bucket in usage["buckets"])
    day = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 86400))
    _, empty = get(server, key="secret-a", **{"from": day, "to": now + 2 * 86400}, bucket="hour")
    assert (
        empty["totals"]["requests"],
        empty["groups"],
        empty["buckets"],
        empty["totals"]["completion_tokens"]["mean"],
    ) == (0, [], [], None)


def test_csv_has_a_line_for_each_bucket_and_group(asked):
    server, replies, _, _ = asked
    status, text = get(server, key="secret-a", format="csv", group_by="key,mode", bucket="hour")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert status == 200 and {row["key"] for row in rows} == {"ann", "ben"}
    assert sum(int(row["requests"]) for row in rows) == len(replies)
    assert sum(int(row["thinking_tokens_total"]) for row in rows) == sum(
        tokens(reply, "thinking") for _, reply, _ in replies
    )
    _, empty = get(server, key="secret-a", format="csv", to=1000)
    assert list(csv.DictReader(io.StringIO(empty))) == [] and empty.startswith("from,to,")


@pytest.mark.parametrize(
    "parameters, param",
    [
        ({"from": "yesterday"}, "from"),
        ({"from": 2000, "to": 1000}, "from"),
        ({"bucket": "week"}, "bucket"),
        ({"group_by": "mode,mode"}, "group_by"),
        ({"group_by": "user"}, "group_by"),
        ({"format": "xml"}, "format"),
        ({"mode": "auto"}, "mode"),
        ({"from": 0, "bucket": "minute"}, "bucket"),
        ({"from": 0, "bucket": "hour"}, "bucket"),
        ({"groupby": "mode"}, "groupby"),
        ({"to": "nan"}, "to"),
        ({"to": ""}, "to"),
        ({"mode": ""}, "mode"),
        ({"to": 1e300}, "to"),
    ],
)
def test_invalid_parameters_are_named(asked, parameters, param):
    server = asked[0]
    status, document = get(server, key="secret-a", **parameters)
    assert (status, document["error"]["param"]) == (400, param), document


def test_the_file_contains_no_text(asked):
    """Neither questions nor answers nor keys: only names, numbers and ids."""
    _, replies, path, _ = asked
    content = b"".join(file.read_bytes() for file in path.parent.glob("ledger.sqlite*"))
    for text in [text.encode() for text in TEXTS] + [b"secret-a", b"secret-b", b"books"]:
        assert text not in content
    assert path.stat().st_mode & 0o077 == 0
    ids = {
        row[0] for row in sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT request_id FROM request")
    }
    assert ids == {request_id for _, _, request_id in replies}


def test_without_a_ledger_the_error_says_how_to_enable_it(server):
    status, document = get(server)
    assert (status, document["error"]["code"]) == (404, "ledger_off") and "ledger.path" in document["error"]["message"]


def test_kill_9_loses_at_most_a_second_and_reports_how_much(tmp_path):
    path = tmp_path / "ledger.sqlite"
    arguments = ["--set", f"ledger.path={path}"]
    server = Server(arguments)
    answered = []
    began = time.monotonic()
    while time.monotonic() - began < 3:
        answered.append(
            (post(server, {"messages": question("Add 2 and 3."), "thinking_mode": "short"})[1], time.monotonic())
        )
    os.kill(server.process.pid, signal.SIGKILL)
    killed = time.monotonic()
    server.process.wait()
    with Server(arguments) as again:
        usage = get(again)[1]
        kept = {
            row[0]
            for row in sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute("SELECT request_id FROM request")
        }
        missing = [(request_id, at) for request_id, at in answered if request_id not in kept]
        assert len(answered) > 50 and all(killed - at < 1 for _, at in missing)
        assert usage["ledger"]["lost"] == len(missing) and usage["totals"]["requests"] == len(answered) - len(missing)
        assert usage["ledger"]["lost_is_exact"]
        assert again.metric('r4b_ledger_rows_total{result="lost"}') == len(missing)
        # New rows beside the old ones.
        post(again, {"messages": question("Add 2 and 3.")})
        assert wait(again, len(kept) + 1)["totals"]["requests"] == len(kept) + 1
    with Server(arguments) as third:
        assert get(third)[1]["ledger"]["lost"] == 0, "a server that ended well lost nothing"


def test_a_damaged_file_is_moved_and_requests_continue(tmp_path):
    path = tmp_path / "ledger.sqlite"
    path.write_bytes(b"this is no database, whatever its name says" * 100)
    with Server(["--set", f"ledger.path={path}"]) as server:
        post(server, {"messages": question("Add 2 and 3.")})
        assert wait(server, 1)["ledger"]["state"] == "ok"
        assert [file.name for file in tmp_path.glob("*.corrupt-*")] and server.metric(
            "r4b_ledger_corrupt_files_total"
        ) == 1


def test_a_folder_that_cannot_be_written_degrades_the_ledger_only(tmp_path):
    (tmp_path / "file").write_text("")
    with Server(["--set", f"ledger.path={tmp_path}/file/ledger.sqlite"]) as server:
        assert "cannot write the usage ledger" in server.read()
        assert post(server, {"messages": question("Add 2 and 3.")})[0]["choices"][0]["message"]["content"] == "5"
        status, document = get(server)
        assert (status, document["error"]["code"]) == (503, "ledger_unavailable")
        assert server.metric("r4b_ledger_degraded") == 1 and server.metric("r4b_ledger_pending_rows") == 1


def test_a_second_server_on_the_same_ledger_serves_without_it(tmp_path):
    arguments = ["--set", f"ledger.path={tmp_path}/ledger.sqlite"]
    with Server(arguments) as first, Server(arguments) as second:
        for server in (first, second):
            assert post(server, {"messages": question("Add 2 and 3.")})[0]["choices"][0]["message"]["content"] == "5"
        assert wait(first, 1)["totals"]["requests"] == 1
        assert (first.metric("r4b_ledger_degraded"), second.metric("r4b_ledger_degraded")) == (0, 1)


def test_savings_equal_what_always_thinking_would_have_cost(tmp_path):
    """Every auto request has a shadow, so the savings are known and equal what the same questions take in mode long
    (greedy, so each thought is the same again)."""
    texts = [f"Add {a} and {b}." for a in range(1, 6) for b in range(1, 6)] + ["Add 57 and 68.", "Add 31 and 45."]
    with Server(["--set", f"ledger.path={tmp_path}/ledger.sqlite", "--set", "shadow.fraction=1"]) as server:
        auto = [post(server, {"messages": question(text)})[0] for text in texts]
        deadline = time.monotonic() + 30
        while server.metric("r4b_shadow_requests_total") < len(texts):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        usage = wait(server, len(texts))
        while (usage := get(server)[1])["savings"]["shadow"]["requests"] < len(texts):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        spent = sum(reply["usage"]["completion_tokens"] for reply in auto)
        always = sum(
            post(server, {"messages": question(text), "thinking_mode": "long"})[0]["usage"]["completion_tokens"]
            for text in texts
        )
        tokens = usage["savings"]["tokens"]
        assert tokens["saved"] == tokens["low"] == tokens["high"] == always - spent > 0
        assert tokens["share"] == pytest.approx((always - spent) / always)
        assert usage["savings"]["requests"] == len(texts) and usage["savings"]["seconds"]["saved"] > 0
        # Shadows are in no figure of requests.
        assert server.metric("r4b_requests_total") == 2 * len(texts)
        assert {
            name: server.metric(f'r4b_saved_tokens{{bound="{name}"}}') for name in ("low", "estimate", "high")
        } == dict.fromkeys(("low", "estimate", "high"), tokens["saved"])


def test_the_log_reports_ledger_failures_recovery_and_losses_at_the_end(tmp_path):
    """A lock of another process, damage while running, damage at the start, and an end while rows cannot be written."""
    path = tmp_path / "ledger.sqlite"

    def events(server, name):
        return [json.loads(line) for line in server.read().splitlines() if f'"event":"ledger_{name}"' in line]

    def reported(server, name):
        deadline = time.monotonic() + 30
        while not (found := events(server, name)):
            assert time.monotonic() < deadline, server.read()
            time.sleep(0.05)
        return found[0]

    # Requests are not logged; events of the ledger are.
    arguments = ["--set", f"ledger.path={path}", "--set", "log.requests=false"]
    with Server(arguments) as server:
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        post(server, {"messages": question(TEXTS[0])})
        event = reported(server, "degraded")
        assert event["level"] == "error" and "locked" in event["reason"] and event["path"] == str(path)
        lock.execute("ROLLBACK")
        assert reported(server, "recovered")["dropped_rows"] == 0
        lock.execute("DELETE FROM state")
        get(server, **{"from": 0, "to": int(time.time()) + 60})
        post(server, {"messages": question(TEXTS[0])})
        moved = reported(server, "file_corrupt")["moved_to"]
        assert moved.startswith(f"{path}.corrupt-") and os.path.exists(moved)
        lock.close()
        deadline = time.monotonic() + 30
        while server.metric("r4b_ledger_held_rows") < 1:
            assert time.monotonic() < deadline, server.read()
            time.sleep(0.05)
        lock = sqlite3.connect(path, isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            post(server, {"messages": question(TEXTS[0])})
        assert server.stop() == 0
        # The row before the lock may have been written, or may have waited with the three.
        lost = 4 - lock.execute("SELECT count(*) FROM request").fetchone()[0]
        lock.close()
        last = server.read()
        assert (
            lost in (3, 4)
            and f"Warning: the usage ledger {path} lost {lost} rows: {lost} could not be written at shutdown" in last
            and "locked" in last
        ), last
        assert '"event":"request"' not in last
    with Server(arguments) as server:
        assert f"the usage ledger lost {lost} rows" in server.read()
    path.write_bytes(b"not a database, but long enough to be looked at" * 100)
    with Server(arguments) as server:
        assert f"Warning: the usage ledger {path} was damaged. The file was moved to {path}.corrupt-" in server.read()
