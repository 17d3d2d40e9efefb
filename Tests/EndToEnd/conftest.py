"""Starts the release build of r4b on a free port, once for the whole run."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import urllib.request

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "Models" / "r-tiny"


def binary():
    path = subprocess.run(["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True)
    return pathlib.Path(path.stdout.strip()) / "r4b"


class Server:
    """A running server on a port of its own."""

    def __init__(self, arguments=(), environment=None):
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")} | (environment or {})
        self.file = tempfile.NamedTemporaryFile()
        # Without a terminal, as a service has none.
        self.process = subprocess.Popen([binary(), "serve", "--port", "0", *map(str, arguments)], cwd=ROOT, env=self.environment,
                                        stdin=subprocess.DEVNULL, stderr=self.file)
        self.url = self.listening("")
        self.port = int(self.url.rsplit(":", 1)[1]) if self.url.startswith("http") else None

    def read(self):
        """What the server wrote to standard error so far."""
        return pathlib.Path(self.file.name).read_text(errors="replace")

    def listening(self, scheme):
        """The first place that the server says it listens on and that begins so: `https`, `unix`."""
        return self.wait(rf"^Listening on ({scheme}\S+)$")[1]

    def wait(self, pattern, seconds=60):
        """The match of a line in what the server wrote, once it is there."""
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
        """Resident memory in MiB."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="session")
def server():
    server = Server()
    yield server
    assert server.stop() == 0
