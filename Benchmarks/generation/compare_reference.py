#!/usr/bin/env python3
"""R-Tiny over HTTP and the PyTorch reference in one run, interleaved: seconds to the first token of an image question,
and tokens per second.

    pip install 'torch==2.13.0+cpu' safetensors tokenizers pillow numpy jinja2
    swift build -c release --product r4b
    Benchmarks/generation/compare_reference.py [--pairs 9] [--csv FILE]

The first token is a fair comparison: both run one forward pass over the same prompt, and r4b adds HTTP, base64, PNG
decoding and sampling. Tokens per second does not compare engines: the reference has no KV cache and recomputes the
sequence for every token. That row shows what a researcher gains with the server.
"""

import argparse
import base64
import csv
import json
import pathlib
import re
import statistics
import subprocess
import sys
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts/reference"))
import r_reference  # noqa: E402

MODEL, IMAGE, QUESTION = ROOT / "Models/r-tiny", "golden/12-sum.png", "Add up the digits."


class Ours:
    def __init__(self):
        path = subprocess.run(
            ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
        ).stdout.strip()
        self.process = subprocess.Popen(
            [f"{path}/r4b", "serve", "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True
        )
        for line in self.process.stderr:
            if match := re.match(r"Listening on (http\S+)", line):
                self.url = match[1]
                break

    def run(self, limit):
        """Returns the seconds to the first token and to `limit` tokens."""
        data = base64.b64encode((MODEL / IMAGE).read_bytes()).decode()
        body = {
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}},
                        {"type": "text", "text": QUESTION},
                    ],
                }
            ],
            "stream": True,
            "max_tokens": limit,
            "thinking_mode": "long",
            "logit_bias": {"621": -100, "619": -100},
        }
        started = time.perf_counter()
        request = urllib.request.Request(
            self.url + "/v1/chat/completions", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        first = None
        with urllib.request.urlopen(request) as reply:
            for line in reply:
                if first is None and b'"reasoning_content":"' in line:
                    first = time.perf_counter() - started
        return first, time.perf_counter() - started


def theirs(checkpoint, limit):
    started = time.perf_counter()
    r_reference.generate(checkpoint, [r_reference.load_image(MODEL / IMAGE)], QUESTION, "long", limit)
    return time.perf_counter() - started


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--pairs", type=int, default=9)
    p.add_argument("--csv")
    o = p.parse_args()
    ours, checkpoint, rows = Ours(), r_reference.Checkpoint(str(MODEL)), []
    try:
        ours.run(8), theirs(checkpoint, 2)
        for _ in range(o.pairs):
            first, _ = ours.run(1)
            reference_first = theirs(checkpoint, 1)
            first_long, whole = ours.run(200)
            reference_tokens = 30 / theirs(checkpoint, 30)
            rows.append((first * 1e3, reference_first * 1e3, 199 / (whole - first_long), reference_tokens))
    finally:
        ours.process.terminate()
    for name, a, b in (("first token, ms", 0, 1), ("tokens per second", 2, 3)):
        ratio = statistics.median((r[b] / r[a] if a == 0 else r[a] / r[b]) for r in rows)
        print(
            f"{name}: r4b {statistics.median(r[a] for r in rows):.1f}, PyTorch reference {statistics.median(r[b] for r in rows):.1f}, "
            f"median ratio {ratio:.2f} over {len(rows)} pairs"
        )
    if o.csv:
        with open(o.csv, "w", newline="") as file:
            csv.writer(file).writerows(
                [("r4b_first_ms", "reference_first_ms", "r4b_tokens_s", "reference_tokens_s"), *rows]
            )


if __name__ == "__main__":
    main()
