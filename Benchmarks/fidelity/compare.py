#!/usr/bin/env python3
"""Compares r4b and llama.cpp on the same text with the same GGUF file: log-probabilities at every position, the most
probable token, perplexity.

    Benchmarks/compare-llama-cpp --rows launch        (once: builds the peer into ~/.cache/r4b-benchmarks)
    Benchmarks/fidelity/compare.py MODEL.gguf TEXT [--window 512] [--windows 1] [--special]
                                   [--peer FOLDER --source FOLDER]

Both read the text in windows and score the second half of each, like llama-perplexity, which runs as well.
Log-probabilities are compared for llama.cpp's five most probable tokens at each position. On a near tie two correct
engines choose different tokens, so a differing choice is shown with the distance between the two tokens in llama.cpp.
"""

import argparse
import json
import math
import pathlib
import re
import statistics
import subprocess
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path.home() / ".cache/r4b-benchmarks"


def options():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("model")
    p.add_argument("text")
    p.add_argument("--window", type=int, default=512)
    p.add_argument("--windows", type=int, default=1)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--batch", type=int, default=512, help="positions that llama.cpp takes in one step")
    p.add_argument("--special", action="store_true", help="read <|im_start|> and similar texts as tokens")
    p.add_argument("--ours", help="a model for r4b instead of MODEL.gguf, for instance the original checkpoint")
    p.add_argument("--set", action="append", default=[], help="a setting of r4b")
    p.add_argument("--peer", type=pathlib.Path, default=CACHE / "build-gcc/bin")
    p.add_argument("--source", type=pathlib.Path, default=CACHE / "llama.cpp")
    return p.parse_args()


def lines(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]}: {done.stderr[-2000:]}")
    values = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return values[:-1], values[-1]["perplexity"]


def ours(o):
    path = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    settings = [argument for setting in [f"scheduling.threads={o.threads}", *o.set] for argument in ("--set", setting)]
    return lines(
        [
            f"{path}/r4b",
            "perplexity",
            "--model",
            o.ours or o.model,
            *settings,
            "--json",
            "--top",
            50,
            "--window",
            o.window,
            "--windows",
            o.windows,
            *(["--special"] if o.special else []),
            o.text,
        ]
    )


def theirs(o, folder):
    program = f"{folder}/llama_score"
    subprocess.run(
        [
            "cc",
            "-O2",
            ROOT / "Benchmarks/fidelity/llama_score.c",
            "-I",
            o.source / "include",
            "-I",
            o.source / "ggml/include",
            "-o",
            program,
            "-L",
            o.peer,
            f"-Wl,-rpath,{o.peer.resolve()}",
            "-lllama",
            "-lggml",
            "-lggml-base",
            "-lm",
        ],
        check=True,
    )
    return lines([program, o.model, o.text, o.window, o.windows, 5, o.threads, o.batch, int(o.special)])


def tool(o):
    """Returns the result of llama-perplexity; None if it rejects the text. It needs a text of twice a window and reads
    no special tokens."""
    if o.special:
        return None
    done = subprocess.run(
        [
            o.peer / "llama-perplexity",
            "-m",
            o.model,
            "-f",
            o.text,
            "-c",
            str(o.window),
            "-b",
            str(o.window),
            "-t",
            str(o.threads),
            "--chunks",
            str(o.windows),
        ],
        capture_output=True,
        text=True,
    )
    found = re.search(r"PPL = ([\d.]+)", done.stdout + done.stderr)
    return float(found[1]) if found else None


def main():
    o = options()
    with tempfile.TemporaryDirectory() as folder:
        (mine, our_perplexity), (reference, their_perplexity) = ours(o), theirs(o, folder)
    if [(p["position"], p["id"]) for p in mine] != [(p["position"], p["id"]) for p in reference]:
        raise SystemExit(f"the engines tokenised the text differently: {len(mine)} and {len(reference)} positions")
    differences, absent, same, misses = [], 0, 0, []
    for a, b in zip(mine, reference):
        known = dict(a["top"]) | {a["id"]: a["logprob"]}
        for token, logprob in b["top"]:
            if token in known:
                differences.append(abs(known[token] - logprob))
            else:
                absent += 1
        if a["top"][0][0] == b["top"][0][0]:
            same += 1
        else:
            misses.append(b["top"][0][1] - dict(b["top"]).get(a["top"][0][0], -math.inf))
    differences.sort()
    print(f"positions                  {len(reference)}")
    print(
        f"same most probable token   {same} ({100 * same / len(reference):.1f} %); otherwise apart by {', '.join(f'{m:.3f}' for m in sorted(misses)) or '–'} nat"
    )
    print(
        f"top 5, difference in nat   median {statistics.median(differences):.4f}, 99 % below {differences[int(len(differences) * 0.99)]:.4f}, "
        f"most {differences[-1]:.4f}, mean {statistics.mean(differences):.4f}; {100 * sum(d <= 0.15 for d in differences) / len(differences):.1f} % within 0.15; {absent} of {5 * len(reference)} not among our 50 most probable"
    )
    print(
        f"perplexity                 {our_perplexity:.4f} against {their_perplexity:.4f}: {100 * (our_perplexity / their_perplexity - 1):+.2f} %"
    )
    if peers := tool(o):
        print(f"llama-perplexity           {peers:.4f}: {100 * (our_perplexity / peers - 1):+.2f} %")


if __name__ == "__main__":
    main()
