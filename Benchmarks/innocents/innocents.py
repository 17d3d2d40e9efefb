#!/usr/bin/env python3
"""Shows how an attack affects clients that do nothing wrong.

    Benchmarks/innocents/innocents.py [--r4b PATH] [--only ATTACK]... [--seconds 8] [--no-keys] [--list]

For each attack it starts a server with R-Tiny on loopback. Five innocent clients ask it, first alone, then during the
attack, which comes from its own process, address and API key (with --no-keys its own address only). It prints p99 and
maximum of each client's times, and whether the maximum meets the bound: 2 × quiet + 100 ms for /health, 2 × quiet + 300
ms for the others. Exits with status 1 if a bound is exceeded or an innocent request fails. Needs Python 3.9 and the
release build (`swift build -c release --product r4b`), or another r4b with --r4b.
"""

import argparse
import contextlib
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
    __package__ = "innocents"
from .attacks import ATTACKS, Attacker, image, png  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
INNOCENT, HOSTILE = "127.0.0.1", "127.0.0.2"
KEYS = {"innocent": "key-of-alice", "hostile": "key-of-mallory"}
# Seconds after which an innocent request counts as unanswered.
PATIENCE = 20
TOKENIZE = ("POST", "/tokenize", json.dumps({"content": "Hello there."}))
CHAT = (
    "POST",
    "/v1/chat/completions",
    json.dumps(
        {
            "messages": [{"role": "user", "content": "Add 2 and 3."}],
            "max_tokens": 8,
            "thinking_mode": "short",
            "temperature": 0,
        }
    ),
)
IMAGE = ("POST", "/v1/chat/completions", image("png", png(24, 16, bytes(24 * 3 + 1) * 16)))
# Name, address, request, whether the connection is kept, milliseconds allowed beyond twice the quiet time.
INNOCENTS = [
    ("/health", INNOCENT, ("GET", "/health", None), False, 100),
    ("/health, attacker's address", HOSTILE, ("GET", "/health", None), False, 100),
    ("/tokenize", INNOCENT, TOKENIZE, True, 300),
    ("chat", INNOCENT, CHAT, True, 300),
    ("chat, small image", INNOCENT, IMAGE, True, 300),
]


@contextlib.contextmanager
def server(binary, keys):
    """A server with R-Tiny on a free port, without a ledger."""
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "config.json").write_text(
            json.dumps(
                {"server": {"public": str(ROOT / "Public")}, "ledger": {"path": None}, "log": {"requests": False}}
            )
        )
        command = [
            binary,
            "serve",
            "--config",
            folder / "config.json",
            "--model",
            ROOT / "Models/r-tiny",
            "--port",
            "0",
        ]
        if keys:
            (folder / "keys").write_text("".join(f"{name}:{key}\n" for name, key in KEYS.items()))
            command += ["--set", f"auth.keys_file={folder / 'keys'}"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("R4B_")}
        with open(folder / "log", "w+") as log:
            process = subprocess.Popen(
                [str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=log, env=environment
            )
            try:
                yield port(process, folder / "log")
            finally:
                process.terminate()
                try:
                    process.wait(timeout=15)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()


def port(process, log):
    """Returns the port that a starting server announces."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"Listening on http://127\.0\.0\.1:(\d+)", log.read_text(errors="replace"))
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise SystemExit(f"The server did not start:\n{log.read_text(errors='replace')[-2000:]}")


class Innocent(threading.Thread):
    """Repeats the same small question, shortly after each answer."""

    def __init__(self, port, address, request, keeps, key):
        super().__init__(daemon=True)
        (self.port, self.address, self.request, self.keeps, self.key) = (port, address, request, keeps, key)
        self.times, self.failures = [], []
        self.connection, self.stopped = None, threading.Event()

    def run(self):
        while not self.stopped.is_set():
            start = time.monotonic()
            failure = self.ask()
            self.times.append(time.monotonic() - start)
            if failure:
                self.failures.append(failure)
            self.stopped.wait(0.04)
        if self.connection:
            self.connection.close()

    def ask(self):
        """Returns None, or why the answer is not the expected one."""
        method, path, body = self.request
        headers = {"Content-Type": "application/json"} | (
            {"Authorization": f"Bearer {self.key}"} if self.key and path != "/health" else {}
        )
        try:
            if self.connection is None:
                self.connection = http.client.HTTPConnection(
                    "127.0.0.1", self.port, timeout=PATIENCE, source_address=(self.address, 0)
                )
            self.connection.request(method, path, body, headers)
            reply = self.connection.getresponse()
            reply.read()
            if not self.keeps or reply.will_close:
                self.connection.close()
                self.connection = None
            return None if reply.status == 200 else str(reply.status)
        except (OSError, http.client.HTTPException) as error:
            if self.connection:
                self.connection.close()
            self.connection = None
            return type(error).__name__


def measure(port, seconds, keys, beside=lambda: None):
    """Returns times and failures of each innocent client while `beside` runs and for at least the given seconds."""
    innocents = [
        Innocent(port, address, request, keeps, KEYS["innocent"] if keys else None)
        for _, address, request, keeps, _ in INNOCENTS
    ]
    for innocent in innocents:
        innocent.start()
    end = time.monotonic() + seconds
    beside()
    time.sleep(max(0, end - time.monotonic()))
    for innocent in innocents:
        innocent.stopped.set()
    for innocent in innocents:
        innocent.join(PATIENCE + 5)
    return [(sorted(innocent.times), innocent.failures) for innocent in innocents]


def attack(port, name, seconds, keys):
    """Starts the process of the attack; returns a function that waits for its end and returns the server's answers."""
    command = [sys.executable, __file__, "--attack", name, "--port", str(port), "--seconds", str(seconds)] + (
        [] if keys else ["--no-keys"]
    )
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    process.stdout.readline()  # it has built its requests
    answers = []

    def run():
        try:
            answers.append(process.communicate("go\n", timeout=seconds + 30)[0].strip())
        except subprocess.TimeoutExpired:
            process.kill()
            answers.append("killed")

    return run, answers


def hostile(o):
    """The process of the attack: builds requests, waits for a line, attacks for `--seconds`, prints the statuses."""
    attacker = Attacker(o.port, HOSTILE, None if o.no_keys else KEYS["hostile"], float("inf"))
    steps = ATTACKS[o.attack](attacker)
    next(steps)
    print("ready", flush=True)
    sys.stdin.readline()
    attacker.until = time.monotonic() + o.seconds
    next(steps, None)
    print(", ".join(f"{count} × {status}" for status, count in attacker.statuses.most_common()))


def percentile(times, share):
    return times[min(len(times) - 1, int(len(times) * share))] * 1000 if times else float("nan")


def rows(name, quiet, during, answers):
    """Returns the table lines for one attack, and whether every bound was met."""
    good = True
    for (innocent, _, _, _, slack), (before, lost), (after, failures) in zip(INNOCENTS, quiet, during):
        bound = 2 * percentile(before, 1) + slack
        problems = ([f"max > {bound:.0f} ms"] if percentile(after, 1) > bound else []) + (
            [f"{len(lost + failures)} failed ({', '.join(sorted(set(lost + failures)))})"] if lost or failures else []
        )
        good = good and not problems
        figures = " | ".join(f"{percentile(times, share):.0f}" for times in (before, after) for share in (0.99, 1))
        print(f"| {name} | {innocent} | {figures} | {bound:.0f} | {'; '.join(problems) or 'ok'} |", flush=True)
    print(f"| | *answers to the attack: {answers or 'none'}* | | | | | | |", flush=True)
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--r4b", type=pathlib.Path, default=ROOT / ".build/release/r4b", help="the server to test")
    parser.add_argument(
        "--only", action="append", choices=ATTACKS, metavar="ATTACK", help="run this attack; may be repeated"
    )
    parser.add_argument(
        "--seconds", type=float, default=8, help="how long an attack lasts; the quiet time before it is half as long"
    )
    parser.add_argument(
        "--no-keys", action="store_true", help="run without API keys: clients are distinguished by address"
    )
    parser.add_argument("--list", action="store_true", help="print the attacks and exit")
    parser.add_argument("--attack", choices=ATTACKS, help=argparse.SUPPRESS)
    parser.add_argument("--port", type=int, help=argparse.SUPPRESS)
    o = parser.parse_args()
    if o.attack:
        return hostile(o)
    if o.list:
        return print("\n".join(f"{name:16} {function.__doc__}" for name, function in ATTACKS.items()))
    print(
        "| attack | innocent | quiet p99, ms | quiet max | during p99 | during max | bound | verdict |\n|---|---|---|---|---|---|---|---|",
        flush=True,
    )
    good = True
    for name in o.only or ATTACKS:
        with server(o.r4b.resolve(), not o.no_keys) as port:
            measure(port, 0.5, not o.no_keys)  # caches and connections are warm
            quiet = measure(port, max(1, o.seconds / 2), not o.no_keys)
            run, answers = attack(port, name, o.seconds, not o.no_keys)
            # Two more seconds, because work may outlive its client.
            during = measure(port, o.seconds + 2, not o.no_keys, run)
            good = rows(name, quiet, during, answers and answers[0]) and good
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
