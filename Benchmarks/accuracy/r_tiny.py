#!/usr/bin/env python3
"""Accuracy and tokens of a served R-Tiny by mode, over HTTP: easy-VQA test questions and sums of imaged digits.

    pip install openai easy-vqa==1.0 scikit-learn pillow numpy
    Benchmarks/accuracy/r_tiny.py [--quantize stored q8_0 q4_k_m q4_0] [--questions 300] [--sums 100] [--seed 0]
    Benchmarks/accuracy/r_tiny.py http://localhost:8080

The digits are scikit-learn's 8x8 ones. A seeded generator scales and tints them and places them on a light ground, like
R-Tiny's training images. Most digits were in its training set (as single glyphs, not in these images), so the figures
show that the served model is the trained one, not how well it generalises.
"""

import argparse
import base64
import contextlib
import io
import pathlib
import random
import re
import signal
import subprocess
import tempfile
import time

import numpy as np
from easy_vqa import get_test_image_paths, get_test_questions
from openai import OpenAI
from PIL import Image
from sklearn.datasets import load_digits

INKS = [(0, 0, 0), (20, 20, 120), (120, 20, 20), (20, 90, 20), (80, 40, 120)]


def easy_vqa(count, rng):
    texts, answers, images = get_test_questions()
    paths = get_test_image_paths()
    for i in rng.sample(range(len(texts)), count):
        yield open(paths[images[i]], "rb").read(), texts[i][0].upper() + texts[i][1:], answers[i]


def sums(count, rng):
    digits = load_digits()
    for _ in range(count):
        n = rng.randint(2, 4)
        chosen = [rng.randrange(len(digits.target)) for _ in range(n)]
        height, ground = rng.randint(56, 74), np.array([rng.randint(225, 255) for _ in range(3)], float)
        image = np.tile(ground, (height, 44 * n + rng.randint(4, 24), 1))
        for position, index in enumerate(chosen):
            size = rng.randint(34, 42)
            glyph = Image.fromarray((digits.images[index] * 255 / 16).astype(np.uint8)).resize(
                (size, size), Image.BILINEAR
            )
            alpha = np.asarray(glyph, float)[..., None] / 255
            x, y = 44 * position + rng.randint(0, 6), rng.randint(0, height - size)
            box = image[y : y + size, x : x + size]
            box[:] = box * (1 - alpha) + np.array(rng.choice(INKS), float) * alpha
        buffer = io.BytesIO()
        Image.fromarray(image.round().astype(np.uint8)).save(buffer, "PNG")
        question = rng.choice(["Add up the digits.", "What is the sum of the digits?", "What do the digits add up to?"])
        yield buffer.getvalue(), question, str(sum(int(digits.target[i]) for i in chosen))


@contextlib.contextmanager
def served(binary, arguments):
    """Starts a server on a free port and yields its URL."""
    with tempfile.NamedTemporaryFile() as log:
        process = subprocess.Popen([binary, "serve", "--port", "0", *arguments], stderr=log)
        try:
            while not (match := re.search(rb"^Listening on (http\S+)", pathlib.Path(log.name).read_bytes(), re.M)):
                if process.poll() is not None:
                    raise SystemExit(pathlib.Path(log.name).read_text())
                time.sleep(0.05)
            yield match[1].decode()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def measure(url, weights, o):
    client = OpenAI(base_url=url + "/v1", api_key="none")
    model = client.models.list().data[0].id
    for name, items in (
        ("easy-VQA", list(easy_vqa(o.questions, random.Random(o.seed)))),
        ("digit sums", list(sums(o.sums, random.Random(o.seed)))),
    ):
        for mode in o.modes:
            right, counts, thought, started = 0, np.zeros(3), 0, time.monotonic()
            for image, question, answer in items:
                url = "data:image/png;base64," + base64.b64encode(image).decode()
                reply = client.chat.completions.create(
                    model=model,
                    messages=[
                        {
                            "role": "user",
                            "content": [
                                {"type": "image_url", "image_url": {"url": url}},
                                {"type": "text", "text": question},
                            ],
                        }
                    ],
                    max_completion_tokens=128,
                    extra_body={"thinking_mode": mode},
                )
                info = reply.model_extra["thinking"]
                right += (reply.choices[0].message.content or "").strip() == answer
                thought += info["mode"] == "thinking"
                counts += [info["thinking_tokens"], info["control_tokens"], info["answer_tokens"]]
                assert (
                    reply.usage.completion_tokens
                    == info["thinking_tokens"] + info["control_tokens"] + info["answer_tokens"]
                )
            n, seconds = len(items), time.monotonic() - started
            a, b, c = counts / n
            print(
                f"| {weights} | {name} | {n} | {mode} | {right / n:.3f} | {thought / n:.2f} | {a:.1f} | {b:.1f} | {c:.1f} | {a + b + c:.1f} | {seconds / n:.3f} |",
                flush=True,
            )


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("url", nargs="?", help="a running server; by default starts one for each value of --quantize")
    p.add_argument("--binary", default=".build/release/r4b")
    p.add_argument("--model", default="Models/r-tiny")
    p.add_argument(
        "--quantize",
        nargs="+",
        default=["stored"],
        help="types to quantise to at load; `stored` keeps the weights as they are",
    )
    p.add_argument("--modes", nargs="+", default=["short", "auto", "long"])
    p.add_argument("--questions", type=int, default=300)
    p.add_argument("--sums", type=int, default=100)
    p.add_argument("--seed", type=int, default=0)
    o = p.parse_args()
    print(
        "| weights | questions | n | mode | accuracy | think rate | mean thinking | mean control | mean answer | mean output | s / question |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    if o.url:
        return measure(o.url, "served", o)
    for weights in o.quantize:
        with served(o.binary, ["--model", o.model] + ([] if weights == "stored" else ["--quantize", weights])) as url:
            measure(url, weights, o)


if __name__ == "__main__":
    main()
