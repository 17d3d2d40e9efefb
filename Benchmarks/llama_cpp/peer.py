"""llama.cpp from its registry package: pip downloads the sdist of llama-cpp-python, and its tools are built once with
gcc and once with clang."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import time
import urllib.request

PACKAGE = "llama-cpp-python==0.3.36"
TOOLS = ["llama-bench", "llama-batched-bench", "llama-server", "llama-mtmd-cli", "llama-quantize", "llama-perplexity"]
OPTIONS = [
    "-DCMAKE_BUILD_TYPE=Release",
    "-DGGML_NATIVE=ON",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_UI=OFF",
    "-DLLAMA_USE_PREBUILT_UI=OFF",
    "-DLLAMA_BUILD_NUMBER=1",
]
ENVIRONMENT = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}


def compilers():
    """Returns the compilers of this machine: name to the options that select it. Also looks for clang beside swift."""
    found = {}
    if shutil.which("gcc") and shutil.which("g++"):
        found["gcc"] = ["-DCMAKE_C_COMPILER=gcc", "-DCMAKE_CXX_COMPILER=g++"]
    clang = shutil.which("clang")
    if not clang and shutil.which("swift"):
        beside = pathlib.Path(os.path.realpath(shutil.which("swift"))).parent / "clang"
        clang = str(beside) if beside.exists() else None
    if clang:
        found["clang"] = [f"-DCMAKE_C_COMPILER={clang}", f"-DCMAKE_CXX_COMPILER={clang}++", "-DGGML_OPENMP=OFF"]
    return found


def build(cache):
    """Returns compiler name to the folder of its tools; keeps builds that are already in `cache`."""
    source = cache / "llama.cpp"
    if not source.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--no-binary",
                "llama-cpp-python",
                "-d",
                cache,
                PACKAGE,
            ],
            check=True,
        )
        archive = next(cache.glob("llama_cpp_python-*.tar.gz"))
        unpacked = cache / "unpacked"
        with tarfile.open(archive) as tar:
            tar.extractall(unpacked)
        vendored = next(unpacked.glob("*/vendor/llama.cpp"))
        # Removes a submodule's pointer to a missing repository, because ninja would run CMake for ever.
        (vendored / ".git").unlink(missing_ok=True)
        vendored.rename(source)
        shutil.rmtree(unpacked)
    folders = {}
    for name, options in compilers().items():
        folder = cache / f"build-{name}"
        if not all((folder / "bin" / tool).exists() for tool in TOOLS):
            subprocess.run(["cmake", "-G", "Ninja", "-S", source, "-B", folder, *OPTIONS, *options], check=True)
            subprocess.run(["ninja", "-C", folder, *TOOLS], check=True)
        folders[name] = folder / "bin"
    return folders


class Peer:
    """One build with flash attention on or off."""

    def __init__(self, name, folder, flash, threads):
        self.name, self.folder, self.flash, self.threads = (
            f"{name}{' fa' if flash else ''}",
            pathlib.Path(folder),
            flash,
            threads,
        )

    def run(self, tool, *arguments):
        done = subprocess.run(
            [self.folder / tool, *map(str, arguments)], capture_output=True, text=True, env=ENVIRONMENT
        )
        if done.returncode != 0:
            raise SystemExit(f"{tool} failed:\n{done.stderr[-2000:]}")
        return done

    def bench(self, model, prompts, tokens, depth):
        """Returns tokens per second of one repetition: {('pp', 512): …, ('tg', 64): …}."""
        # Minutes of work need no warm-up.
        long = ["--no-warmup"] if depth or max(prompts, default=0) > 1024 else []
        done = self.run(
            "llama-bench",
            "-m",
            model,
            "-t",
            self.threads,
            "-p",
            ",".join(map(str, prompts)) or 0,
            "-n",
            tokens,
            "-d",
            depth,
            "-fa",
            int(self.flash),
            "-r",
            1,
            "-o",
            "json",
            *long,
        )
        return {
            (("pp", r["n_prompt"]) if r["n_prompt"] else ("tg", r["n_gen"])): r["avg_ts"]
            for r in json.loads(done.stdout)
        }

    def batched(self, model, prompt, tokens, sequences):
        """Returns tokens per second of all sequences together, by number of sequences."""
        room = max(sequences) * (prompt + tokens)
        done = self.run(
            "llama-batched-bench",
            "-m",
            model,
            "-c",
            room,
            "-b",
            2048,
            "-ub",
            512,
            "-npp",
            prompt,
            "-ntg",
            tokens,
            "-npl",
            ",".join(map(str, sequences)),
            "-t",
            self.threads,
            "-tb",
            self.threads,
            "-fa",
            "on" if self.flash else "off",
            "--output-format",
            "jsonl",
        )
        lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        return {line["pl"]: line["speed_tg"] for line in lines}

    def view(self, model, projector, image):
        """Returns tiles per second for an image of one tile; does not wait for what follows the tower."""
        process = subprocess.Popen(
            [
                self.folder / "llama-mtmd-cli",
                "-m",
                model,
                "--mmproj",
                projector,
                "--image",
                image,
                "-p",
                "Hi",
                "-n",
                "1",
                "-c",
                "8192",
                "-t",
                str(self.threads),
                "-fa",
                "on" if self.flash else "off",
                "-v",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=ENVIRONMENT,
        )
        try:
            for line in process.stderr:
                if match := re.search(r"batch encoding done in (\d+) ms", line):
                    return 1000 / int(match[1])
            raise SystemExit("llama-mtmd-cli did not say how long the image took")
        finally:
            process.kill()
            process.communicate()

    def launch(self, model, port=18431):
        """Returns seconds from launch to the first token of a short prompt, and resident bytes then."""
        started = time.perf_counter()
        process = subprocess.Popen(
            [
                self.folder / "llama-server",
                "-m",
                model,
                "-t",
                str(self.threads),
                "-c",
                "4096",
                "--parallel",
                "1",
                "--port",
                str(port),
                "--no-webui",
                "-fa",
                "on" if self.flash else "off",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=ENVIRONMENT,
        )
        try:
            body = json.dumps({"prompt": "The capital of France is", "n_predict": 1}).encode()
            while True:
                if process.poll() is not None:
                    raise SystemExit("llama-server ended")
                with contextlib.suppress(OSError):
                    request = urllib.request.Request(
                        f"http://127.0.0.1:{port}/completion", body, {"Content-Type": "application/json"}
                    )
                    urllib.request.urlopen(request).read()
                    break
                time.sleep(0.01)
            return time.perf_counter() - started, resident(process.pid)
        finally:
            process.terminate()
            process.wait()


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text())[1]) * 1024
