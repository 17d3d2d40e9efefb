"""scripts/run and scripts/install in case of errors. A stand-in for `swift` names the program that is already built, so
that nothing is compiled."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import pytest
from conftest import MODEL, ROOT, binary


@pytest.fixture
def environment(tmp_path):
    return with_swift(tmp_path, "6.2.0")


def with_swift(tmp_path, version):
    stub = tmp_path / "bin" / "swift"
    stub.parent.mkdir()
    stub.write_text(f"""#!/bin/sh
case "$*" in *--version*) echo 'Swift version {version} (stand-in)' ;; *--show-bin-path*) echo '{binary().parent}' ;; esac
""")
    stub.chmod(0o755)
    clean = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")}
    return clean | {"PATH": f"{stub.parent}:{os.environ['PATH']}"}


def run(environment, *arguments, cwd=ROOT):
    return subprocess.run(
        [ROOT / "scripts/run", *map(str, arguments)],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_paths_are_relative_to_the_callers_folder_and_once_may_stand_anywhere(tmp_path, environment):
    shutil.copytree(MODEL, tmp_path / "my model")
    done = run(environment, "--model", "my model", "--port", "0", "--once", cwd=tmp_path)
    assert done.returncode == 0 and re.search(r"answer +\"9\"", done.stderr), done.stderr
    assert str(tmp_path / "my model") in done.stderr


def test_a_proxy_of_the_environment_is_not_used(environment):
    proxy = {"http_proxy": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9", "ALL_PROXY": "http://127.0.0.1:9"}
    done = run(environment | proxy, "--once", "--port", "0")
    assert done.returncode == 0, done.stderr


def test_a_port_in_use_is_named(environment):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(environment, "--port", port)
    assert done.returncode == 1 and str(port) in done.stderr, done.stderr


def test_a_server_that_fails_to_load_reports_why(tmp_path, environment):
    done = run(environment, "--model", "nowhere", cwd=tmp_path)
    assert done.returncode == 1 and "error:" in done.stderr and "nowhere" in done.stderr, done.stderr


def test_a_rejected_question_shows_the_servers_reason(tmp_path, environment):
    (tmp_path / "keys").write_text("someone:sesame\n")
    done = run(environment, "--once", "--port", "0", "--set", f"auth.keys_file={tmp_path / 'keys'}")
    assert done.returncode == 22 and "API key" in done.stderr, done.stderr


def test_a_key_of_the_environment_is_used(environment):
    assert run(environment | {"R4B_API_KEY": "sesame"}, "--once", "--port", "0").returncode == 0


def test_a_server_without_a_port_is_asked_at_its_unix_socket(tmp_path, environment):
    done = run(environment, "--once", "--port", "", "--set", f"server.unix_socket={tmp_path / 's'}")
    assert done.returncode == 0 and re.search(r"answer +\"9\"", done.stderr), done.stderr
    assert not (tmp_path / "s").exists()


def unignored():
    """Restores default signals, as from a terminal. Under nohup or in the background of a script they are ignored, and
    a shell cannot trap ignored signals."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize("number, code", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_to_the_foreground_stops_the_server_once_and_cleanly(tmp_path, environment, number, code):
    with tempfile.TemporaryFile("w+") as log:
        script = subprocess.Popen(
            [ROOT / "scripts/run", "--port", "0"],
            env=environment | {"TMPDIR": str(tmp_path)},
            stdin=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            preexec_fn=unignored,
        )

        def text():
            log.seek(0)
            return log.read()

        deadline = time.monotonic() + 60
        while "Serving at" not in text() and time.monotonic() < deadline:
            time.sleep(0.05)
        port = int(re.search(r"Serving at http://\S+:(\d+)", text())[1])
        os.killpg(script.pid, number)
        assert script.wait(timeout=60) == code
        assert "Stopping" in text() and "second" in text()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    assert [p.name for p in tmp_path.iterdir()] == ["bin"]


def test_an_old_swift_is_named(tmp_path):
    done = run(with_swift(tmp_path, "6.1.2"), "--once")
    assert done.returncode == 1 and "Swift 6.2 or later" in done.stderr and "6.1" in done.stderr


@pytest.mark.parametrize(
    "script",
    [
        "compare-llama-cpp",
        "compare-serving",
        "fidelity/compare.py",
        "http/compare_nginx.py",
        "innocents/innocents.py",
        "load/load.py",
    ],
)
def test_benchmarks_start(script):
    """They share code with each other and with scripts, which a change can break unnoticed."""
    done = subprocess.run(
        [sys.executable, ROOT / "Benchmarks" / script, "--help"], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0 and "usage" in done.stdout, done.stderr
