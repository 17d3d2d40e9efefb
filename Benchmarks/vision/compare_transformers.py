#!/usr/bin/env python3
"""One tile through tower and projector, with weights as stored and in Q8_0, compared with transformers in f32 and bf16:
seconds, interleaved, and the error relative to f32.

    pip install torch transformers safetensors numpy
    swift build -c release --product vision-benchmark
    Benchmarks/vision/compare_transformers.py CHECKPOINT [--rounds 5]

CHECKPOINT is a directory in R-4B's layout, for instance from scripts/reference/make_random_r.py. The error is that of
all values together, by Euclidean norm.
"""

import argparse
import json
import pathlib
import subprocess
import tempfile
import time

import numpy as np
import torch
from safetensors import safe_open
from transformers import SiglipVisionConfig, SiglipVisionModel

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Theirs:
    def __init__(self, folder, dtype):
        configuration = json.loads((folder / "config.json").read_text())
        files = sorted(folder.glob("*.safetensors"))
        weights = {}
        for file in files:
            with safe_open(file, "pt") as tensors:
                weights |= {
                    name: tensors.get_tensor(name)
                    for name in tensors.keys()
                    if "vision_tower" in name or "projector" in name
                }
        vision = SiglipVisionConfig(**{k: v for k, v in configuration["vision_config"].items() if k != "model_type"})
        self.tower = SiglipVisionModel(vision).eval()
        # Before version 5 of transformers the names begin with `vision_model`.
        root = "model.vision_tower." + (
            "" if any(k.startswith("vision_model.") for k in self.tower.state_dict()) else "vision_model."
        )
        keys = self.tower.load_state_dict(
            {k.removeprefix(root): v.float() for k, v in weights.items() if k.startswith(root)}, strict=False
        )
        missing = [k for k in keys.missing_keys if "post_layernorm" not in k and "head" not in k]
        assert not keys.unexpected_keys and not missing, (keys.unexpected_keys[:3], missing[:3])
        self.tower = self.tower.to(dtype)
        self.projector = {
            k.removeprefix("model.multi_modal_projector."): v.to(dtype) for k, v in weights.items() if "projector" in k
        }
        self.dtype = dtype

    @torch.no_grad()
    def run(self, view):
        pixels = (torch.from_numpy(view).permute(2, 0, 1)[None].to(torch.float32) / 255 - 0.5) / 0.5
        tower = self.tower(pixels.to(self.dtype), output_hidden_states=True).hidden_states[-1][0]
        p = self.projector
        x = torch.nn.functional.layer_norm(tower, tower.shape[-1:], p["pre_norm.weight"], p["pre_norm.bias"], 1e-6)
        x = torch.nn.functional.gelu(torch.nn.functional.linear(x, p["linear_1.weight"], p["linear_1.bias"]))
        x = torch.nn.functional.linear(x, p["linear_2.weight"], p["linear_2.bias"])
        return tower.float().numpy(), x.float().numpy()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    side = json.loads((options.checkpoint / "config.json").read_text())["vision_config"]["image_size"]
    rng = np.random.default_rng(1)
    # Smooth like an image, with noise like a photograph's.
    coarse = rng.integers(0, 256, (side // 12, side // 12, 3)).astype(np.uint8)
    view = np.clip(
        np.kron(coarse, np.ones((12, 12, 1)))[:side, :side] + rng.normal(0, 6, (side // 12 * 12, side // 12 * 12, 3)),
        0,
        255,
    )
    view = np.pad(view, ((0, side - len(view)), (0, side - len(view)), (0, 0)), mode="edge").astype(np.uint8)
    torch.set_num_threads(len(__import__("os").sched_getaffinity(0)))
    f32, bf16 = Theirs(options.checkpoint, torch.float32), Theirs(options.checkpoint, torch.bfloat16)
    folder = subprocess.run(
        ["swift", "build", "-c", "release", "--show-bin-path"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as temporary:
        file = pathlib.Path(temporary) / "view"
        file.write_bytes(view.tobytes())
        seconds = {}
        for _ in range(options.rounds):
            run = subprocess.run(
                [f"{folder}/vision-benchmark", options.checkpoint, file, "1"],
                check=True,
                capture_output=True,
                text=True,
            )
            for line in run.stdout.splitlines():
                seconds.setdefault(line.split()[1], []).append(float(line.split()[2]))
            for name, peer in (("torch f32", f32), ("torch bf16", bf16)):
                started = time.perf_counter()
                peer.run(view)
                seconds.setdefault(name, []).append(time.perf_counter() - started)
        for name, times in seconds.items():
            print(f"{name:10} median {np.median(times):.3f} s, {min(times):.3f} to {max(times):.3f}")
        results = {
            name: [np.fromfile(f"{file}.{name}.{output}", np.float32) for output in ("tower", "projected")]
            for name in ("stored", "q8_0")
        }
    results["torch bf16"] = bf16.run(view)
    for name, values in results.items():
        errors = [
            np.linalg.norm(ours.ravel() - theirs.ravel()) / np.linalg.norm(theirs)
            for ours, theirs in zip(values, f32.run(view))
        ]
        print(f"{name:10} error of the tower {errors[0]:.2e}, of the projected {errors[1]:.2e}")


if __name__ == "__main__":
    main()
