#!/usr/bin/env python3
"""One 384×384 tile through SigLIP2 (26 layers) and the projector in PyTorch with random weights: milliseconds of each
repetition, as JSON.

    torch_view.py bf16|f32 THREADS REPETITIONS        needs torch and transformers
"""

import json
import sys
import time

import torch
from transformers import SiglipVisionConfig, SiglipVisionModel

kind, threads, repetitions = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(0)
tower = SiglipVisionModel(
    SiglipVisionConfig(
        hidden_size=1152,
        intermediate_size=4304,
        num_hidden_layers=26,
        num_attention_heads=16,
        image_size=384,
        patch_size=14,
        vision_use_head=False,
    )
)
projector = torch.nn.Sequential(
    torch.nn.LayerNorm(1152), torch.nn.Linear(1152, 2560), torch.nn.GELU(), torch.nn.Linear(2560, 2560)
)
dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[kind]
tower, projector = tower.to(dtype).eval(), projector.to(dtype).eval()
view = torch.randn(1, 3, 384, 384).to(dtype)
times = []
with torch.inference_mode():
    for _ in range(repetitions + 1):
        started = time.perf_counter()
        projector(tower(view, output_hidden_states=True).hidden_states[-1])
        times.append((time.perf_counter() - started) * 1e3)
print(json.dumps(times[1:]))
