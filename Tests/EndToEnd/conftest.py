"""Starts the release build of r4b, or the program in TEST_R4B, on a free port, once for the whole run."""

import functools
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "Models" / "r-tiny"


@functools.cache
def binary():
    if chosen := os.environ.get("TEST_R4B"):
        return pathlib.Path(chosen).resolve()
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    return pathlib.Path(path.stdout.strip()) / "r4b"


class Server:
    """A running server on its own port, or on `port`. Standard error goes to the open file `log` if there is one; then
    `port` must be given. `options` are those of Popen."""

    def __init__(self, arguments=(), environment=None, port=0, log=None, options=None):
        # A ledger belongs to one server, and many run here, so tests that need one name its file.
        self.environment = (
            {k: v for k, v in os.environ.items() if not k.startswith("R4B_")}
            | {"R4B_LEDGER_PATH": ""}
            | (environment or {})
        )
        self.file = tempfile.NamedTemporaryFile()
        # Without a terminal, like a service.
        self.process = subprocess.Popen(
            [binary(), "serve", "--port", str(port), *map(str, arguments)],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stderr=log or self.file,
            **{"cwd": ROOT, **(options or {})},
        )
        self.url = self.answering(port) if log else self.listening("")
        self.port = int(self.url.rsplit(":", 1)[1]) if self.url.startswith("http") else None

    def answering(self, port, seconds=60):
        """Waits until the server reports a port that it chose itself, and returns its address."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=10).close()
                return f"http://127.0.0.1:{port}"
            except OSError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("the server did not start")
                time.sleep(0.02)

    def read(self):
        """Returns what the server has written to standard error."""
        return pathlib.Path(self.file.name).read_text(errors="replace")

    def listening(self, scheme):
        """Returns the first address that the server listens on and that starts with `kind`: `https`, `unix`."""
        return self.wait(rf"^Listening on ({scheme}\S+)$")[1]

    def wait(self, pattern, seconds=60):
        """Waits for a line in the output of the server and returns its match."""
        deadline = time.monotonic() + seconds
        while not (match := re.search(pattern, self.read(), re.M)):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not write {pattern}: {self.read()}")
            time.sleep(0.02)
        return match

    def get(self, path):
        with urllib.request.urlopen(self.url + path, timeout=60) as reply:
            return reply.read().decode()

    def resident(self):
        """Returns the resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def metric(self, name):
        """Returns the sum of a metric's series whose names start with `name`."""
        return sum(value for series, value in self.metrics().items() if series.startswith(name))

    def metrics(self):
        """Returns every series of /metrics, with its labels in the name."""
        lines = [line for line in self.get("/metrics").splitlines() if line and not line.startswith("#")]
        return {series: float(value) for series, _, value in (line.rpartition(" ") for line in lines)}

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        """Stops the server. After a successful test it must exit cleanly."""
        if self.process.poll() is None:
            status = self.stop()
            assert kind or status == 0


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="session")
def chromium():
    """One Chromium for all tests of the pages."""
    if not shutil.which("chromedriver"):
        pytest.skip("Chromium and its driver are not installed (on Ubuntu they are a snap)")
    from browser import Browser

    browser = Browser()
    yield browser
    browser.quit()


@pytest.fixture(scope="session")
def canned():
    """A server for the pages whose answers a test decides."""
    from pages import Pages

    return Pages()


@pytest.fixture
def visit(chromium, canned):
    """The browser at the start of a visit. Afterwards its console must be clean, and no request may have gone
    elsewhere."""
    chromium.begin(canned.url)
    canned.reset()
    yield chromium
    lines, addresses = chromium.logs()
    assert not lines
    assert all(address.startswith(("http://127.0.0.1:", "data:", "blob:", "about:")) for address in addresses), (
        addresses
    )


@pytest.fixture
def page(visit, canned):
    """The chat page of the canned server."""
    visit.open(canned.url)
    visit.until(lambda: visit.text("#model") == "canned")
    return visit
