"""Encodes the same texts with PyPI `tokenizers` and with this package in turn, on one thread each, and prints the
ratio.

    swift build -c release --product tokenizer-benchmark
    python Benchmarks/tokenizer/compare.py .build/release/tokenizer-benchmark tokenizer.json [text.txt ...]

Without texts it uses the mixed text of the tests. Rounds alternate, so that other load on the machine affects both; the
best round of each counts. `tokenizers` keeps a cache between rounds, and so do we. Exits with status 1 if any token
differs.
"""

import os

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import pathlib
import struct
import subprocess
import sys
import tempfile
import time

from tokenizers import Tokenizer

ROUNDS = 5


def mixed_text(folder):
    """The recipe of Tests/TokenizationTests/Fixtures/mixed.json, by the script that wrote it."""
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "scripts/fixtures"))
    from tokenization import CHUNKS, chunk

    path = pathlib.Path(folder) / "mixed.txt"
    path.write_bytes("".join(chunk(number) for number in range(CHUNKS)).encode())
    return path


def main():
    program, model, *paths = sys.argv[1:]
    reference = Tokenizer.from_file(model)
    differs = False
    with tempfile.TemporaryDirectory() as folder:
        texts = [pathlib.Path(path) for path in paths] or [mixed_text(folder)]
        ours = subprocess.Popen([program, model], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print(f"loaded in {float(ours.stdout.readline().split()[1]):.3f} s")
        for path in texts:
            data = path.read_bytes()
            text = data.decode()
            copy = pathlib.Path(folder) / "text"
            copy.write_bytes(data)
            times = []
            for _ in range(ROUNDS):
                start = time.perf_counter()
                expected = reference.encode(text, add_special_tokens=False)
                middle = time.perf_counter()
                ours.stdin.write(f"{copy} 1\n")
                ours.stdin.flush()
                times.append((middle - start, float(ours.stdout.readline())))
            ids = (pathlib.Path(folder) / "text.ids").read_bytes()
            same = list(struct.unpack(f"<{len(ids) // 4}i", ids)) == expected.ids
            differs |= not same
            theirs, mine = (len(data) / 1e6 / min(column) for column in zip(*times))
            print(
                f"{path.name}: {len(data) / 1e6:.2f} MB, tokenizers {theirs:.2f} MB/s, ours {mine:.2f} MB/s, "
                f"{mine / theirs:.1f} times, {'identical' if same else 'DIFFERENT'}"
            )
        ours.stdin.close()
        ours.wait()
    return 1 if differs else 0


sys.exit(main())
