"""r4b, driven like llama.cpp's tools: `r4b bench` for rates, `r4b serve` for what a user waits for."""

import base64
import io
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request

from .peer import resident

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))

from png_writer import png  # noqa: E402

WORDS = (
    "Please look at this image with care and tell me in a few plain sentences what it shows, which colours are in it, and what "
    "stands out most to you here."
)


class Ours:
    def __init__(self, threads, settings=()):
        subprocess.run(["swift", "build", "-c", "release", "--product", "r4b"], cwd=ROOT, check=True)
        path = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
        )
        self.binary, self.threads = path.stdout.strip() + "/r4b", threads
        self.settings = [argument for setting in settings for argument in ("--set", setting)]
        self.bandwidth, self.kv_bytes = [], None

    def bench(self, model, prompts=(), tokens=0, depth=0, sequences=(1,), views=()):
        """Returns rates of one repetition by name, for instance {'pp512 @ d4096': …}; keeps the bandwidth measured
        before and after."""

        def listed(values):
            return ",".join(map(str, values)) or "0"

        done = subprocess.run(
            [
                self.binary,
                "bench",
                "--model",
                model,
                *self.settings,
                "-t",
                str(self.threads),
                "-p",
                listed(prompts),
                "-n",
                str(tokens),
                "-d",
                str(depth),
                "-b",
                listed(sequences),
                "--views",
                listed(views),
                "-r",
                "1",
                "--json",
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise SystemExit("r4b bench failed: " + done.stderr)
        report = json.loads(done.stdout)
        self.bandwidth += report["read_bandwidth"]
        self.kv_bytes = report["kv_bytes_per_position"]
        return {row["test"]: row["median"] for row in report["results"]}

    def _serve(self, model):
        process = subprocess.Popen(
            [
                self.binary,
                "serve",
                "--model",
                model,
                *self.settings,
                "--port",
                "0",
                "--set",
                f"scheduling.threads={self.threads}",
                "--set",
                "log.requests=false",
            ],
            stderr=subprocess.PIPE,
            text=True,
        )
        for line in process.stderr:
            if match := re.match(r"Listening on (http\S+)", line):
                return process, match[1]
        raise SystemExit("r4b serve did not start")

    @staticmethod
    def _ask(url, content):
        body = {"messages": [{"role": "user", "content": content}], "max_tokens": 1, "temperature": 0}
        request = urllib.request.Request(
            url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request) as reply:
            return json.load(reply)

    def launch(self, model):
        """Returns seconds from launch to the first token of a short prompt, and resident bytes then."""
        started = time.perf_counter()
        process, url = self._serve(model)
        try:
            self._ask(url, "The capital of France is")
            return time.perf_counter() - started, resident(process.pid)
        finally:
            process.terminate()
            process.wait()

    def photo(self, model, repetitions=1):
        """Returns seconds from a request with a 640×480 photo and thirty words to its first token, and the number of
        prompt tokens."""
        process, url = self._serve(model)
        try:
            self._ask(url, "Hello")
            times = []
            for index in range(repetitions):
                image = "data:image/png;base64," + base64.b64encode(photo(640, 480, index)).decode()
                started = time.perf_counter()
                reply = self._ask(
                    url, [{"type": "image_url", "image_url": {"url": image}}, {"type": "text", "text": WORDS}]
                )
                times.append(time.perf_counter() - started)
            return times, reply["usage"]["prompt_tokens"]
        finally:
            process.terminate()
            process.wait()


def photo(width, height, seed=0):
    """Returns a PNG of smooth colours, a different one for each seed."""
    rows = io.BytesIO()
    for y in range(height):
        rows.write(
            b"\0"
            + bytes(v for x in range(width) for v in (x * 255 // width, y * 255 // height, (x + y + 40 * seed) % 256))
        )
    return png(width, height, rows.getvalue())
