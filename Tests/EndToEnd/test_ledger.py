"""The ledger from outside: killed, out of disk space, and its reports compared with numpy over what sqlite3 reads."""

import json
import resource
import signal
import sqlite3
import subprocess

import numpy
import pytest

from conftest import ROOT

START = 1735689600  # 2025-01-01 00:00 UTC, where the rows of the program begin, seven seconds apart
TOKENS = {
    "prompt_text": "prompt_text",
    "prompt_image": "prompt_image",
    "thinking": "thinking",
    "answer": "answer",
    "completion": "thinking + control + answer",
}
TIMES = ["queue", "image", "prefill", "first_token", "first_answer_token", "decode", "total"]


@pytest.fixture(scope="module")
def program():
    command = ["swift", "build", "-c", "release", "--product", "ledger-benchmark"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    path = subprocess.run(
        [*command, "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    return f"{path}/ledger-benchmark"


class Recorder:
    """A process that has recorded rows and waits for commands."""

    def __init__(self, program, path, count, file_bytes=None):
        limit = (
            (lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, resource.RLIM_INFINITY)))
            if file_bytes
            else None
        )
        self.process = subprocess.Popen(
            [program, "record", path, str(count)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=limit,
        )
        assert self.process.stdout.readline() == f"recorded {count}\n"

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def status(program, path):
    return json.loads(subprocess.run([program, "status", path], check=True, capture_output=True, text=True).stdout)


def test_after_kill_9_the_next_start_reports_exactly_how_many_rows_are_missing(program, tmp_path):
    path, losses = tmp_path / "ledger.sqlite", []
    held = 0
    for count in (0, 1, 150, 4321, 7000):
        recorder = Recorder(program, path, count)
        recorder.kill()
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT count(*) FROM request").fetchone()[0]
        account = status(program, path)
        assert account["exact"] and account["held"] == rows
        assert account["lost"] == held + count - rows
        losses.append(account["lost"])
        held = rows
        assert status(program, path)["lost"] == 0, "reported once"
    assert max(losses) > 0, "nothing was killed in time"


def test_a_process_killed_after_a_flush_has_lost_nothing(program, tmp_path):
    recorder = Recorder(program, tmp_path / "ledger.sqlite", 3000)
    assert recorder.ask("flush")["written"] == 3000
    recorder.kill()
    account = status(program, tmp_path / "ledger.sqlite")
    assert (account["lost"], account["held"], account["exact"]) == (0, 3000, True)


def test_rows_wait_while_the_disk_is_full_and_are_written_afterwards(program, tmp_path):
    recorder = Recorder(program, tmp_path / "ledger.sqlite", 9000, file_bytes=600_000)
    account = recorder.ask("flush")
    assert account["state"].startswith("degraded"), account
    assert account["pending"] > 0 and account["dropped"] == 0
    assert account["pending"] + account["written"] == 9000
    resource.prlimit(recorder.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    account = recorder.ask("flush")
    assert (account["state"], account["pending"], account["written"]) == ("ok", 0, 9000)
    recorder.kill()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as database:
        assert database.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        assert database.execute("SELECT count(*) FROM request").fetchone()[0] == 9000


@pytest.mark.parametrize(
    "first, last, bucket",
    [(0, 30 * 86400, "none"), (1234.5, 160_000.25, "hour"), (3, 170_001, "day"), (50_000.5, 60_000.5, "minute")],
)
def test_sums_and_quantiles_equal_numpys(program, tmp_path_factory, first, last, bucket):
    path = tmp_path_factory.mktemp("ledger") / "ledger.sqlite"
    recorder = Recorder(program, path, 25_000)
    assert recorder.ask("flush")["pending"] == 0
    recorder.kill()
    report = json.loads(
        subprocess.run(
            [program, "report", path, str(START + first), str(START + last), bucket],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    columns = TOKENS | {name: f"{name}_us / 1e6" for name in TIMES}
    with sqlite3.connect(path) as database:
        rows = database.execute(
            f"SELECT time_us / 1e6, think_probability, {', '.join(columns.values())} FROM request"
        ).fetchall()
    table = numpy.array(rows, dtype=float)
    checked = 0
    for start, end, summary in [(START + first, START + last, report["total"])] + [
        (b["from"], b["to"], b["total"]) for b in report["buckets"]
    ]:
        part = table[(table[:, 0] >= start) & (table[:, 0] < end)]
        assert summary["requests"] == len(part)
        asked = part[:, 1][~numpy.isnan(part[:, 1])]
        assert summary["bins"] == numpy.histogram(asked, bins=20, range=(0, 1))[0].tolist()
        for index, name in enumerate(columns):
            values = part[:, index + 2][~numpy.isnan(part[:, index + 2])]
            total, *quantiles, count = summary["measures"][name]
            assert count == len(values)
            assert total == pytest.approx(values.sum(), rel=1e-9)
            if not len(values):
                continue
            exact = numpy.quantile(values, [0.5, 0.95, 0.99], method="inverted_cdf")
            numpy.testing.assert_allclose(quantiles, exact, rtol=1 / 128)
            small = exact * (1e6 if name in TIMES else 1) < 127.5
            numpy.testing.assert_allclose(numpy.array(quantiles)[small], exact[small], rtol=1e-9)
            checked += 1
    assert checked >= len(columns)
