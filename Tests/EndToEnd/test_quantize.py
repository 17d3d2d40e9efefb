"""`r4b quantize`: what the files hold by the reference package, and what is left when it cannot end well."""
import json
import resource
import shutil
import struct
import subprocess

import gguf
import numpy as np
import pytest
from conftest import MODEL, binary
from gguf.quants import dequantize
from test_cli import run

# Root mean square error over the values' own, of weights that are roughly normal.
BOUNDS = {"F32": 1e-9, "F16": 5e-4, "BF16": 4e-3, "Q8_0": 0.008, "Q6_K": 0.03, "Q5_K": 0.05, "Q5_1": 0.05, "Q5_0": 0.06, "Q4_K": 0.1, "Q4_0": 0.12}


def read(path):
    """Names and values of a safetensors file of bf16."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        assert entry["dtype"] == "BF16"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        words = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32) << 16
        yield name, words.view(np.float32).reshape(entry["shape"])


def stored_name(name):
    """What a GGUF file calls a tensor of the checkpoint."""
    name = name.removeprefix("model.")
    for before, after in [
        ("language_model.embed_tokens", "token_embd"), ("language_model.norm", "output_norm"), ("lm_head", "output"), ("language_model.layers", "blk"),
        ("input_layernorm", "attn_norm"), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"), ("self_attn.out_proj", "attn_out"), ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"), ("post_attention_layernorm", "ffn_norm"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"), ("vision_tower.vision_model.encoder.layers", "v.blk"), ("layer_norm", "ln"), ("mlp.fc1", "ffn_up"),
        ("mlp.fc2", "ffn_down"), ("vision_tower.vision_model.embeddings.patch_embedding", "v.patch_embd"),
        ("vision_tower.vision_model.embeddings.position_embedding", "v.position_embd"), ("multi_modal_projector.pre_norm", "mm.input_norm"),
        ("multi_modal_projector.linear_", "mm."), ("image_newline", "model.image_newline"),
    ]:
        name = name.replace(before, after)
    return name


@pytest.mark.parametrize("kind", ["q4_k_m", "q4_0", "q5_k_m", "q6_k", "q8_0", "f16", "bf16"])
def test_every_tensor_is_near_the_checkpoints(tmp_path, kind):
    done = run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", kind, "--vision-type", "q8_0" if kind[0] == "q" else kind)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mmproj-tiny.gguf", "tiny.gguf"]
    stored = {tensor.name: tensor for name in ("tiny.gguf", "mmproj-tiny.gguf") for tensor in gguf.GGUFReader(tmp_path / name).tensors}
    expected = {stored_name(name): values for name, values in read(MODEL / "model.safetensors") if "post_layernorm" not in name}
    assert stored.keys() == expected.keys()
    for name, values in expected.items():
        tensor = stored[name]
        back = dequantize(np.array(tensor.data), tensor.tensor_type).reshape(values.shape)
        error = np.sqrt(np.mean((back - values) ** 2, dtype=np.float64)) / max(1e-12, np.sqrt(np.mean(values**2, dtype=np.float64)))
        assert error < BOUNDS[tensor.tensor_type.name], (name, tensor.tensor_type.name, error)


def test_a_second_pass_in_the_same_type_keeps_every_byte(tmp_path):
    (tmp_path / "again").mkdir()
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q4_k_m", "--vision-type", "q8_0").returncode == 0
    done = run("quantize", tmp_path / "tiny.gguf", tmp_path / "again" / "tiny.gguf", "--type", "q4_k_m", "--vision-type", "q8_0")
    assert done.returncode == 0 and "quantised already" in done.stderr
    for name in ("tiny.gguf", "mmproj-tiny.gguf"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_files_that_are_there_stay(tmp_path):
    (tmp_path / "tiny.gguf").write_bytes(b"mine")
    done = run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0")
    assert done.returncode == 1 and "--force" in done.stderr
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("tiny.gguf", b"mine")]
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0", "--force").returncode == 0
    # A file that is being read is not replaced, whatever is asked for.
    before = (tmp_path / "tiny.gguf").read_bytes()
    done = run("quantize", tmp_path / "tiny.gguf", tmp_path / "tiny.gguf", "--type", "q4_0", "--force")
    assert done.returncode == 1 and "SOURCE" in done.stderr
    assert (tmp_path / "tiny.gguf").read_bytes() == before


def test_a_disk_that_is_too_small_is_named_and_nothing_is_left(tmp_path):
    limit = 2 << 20
    done = subprocess.run([binary(), "quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0"], capture_output=True, text=True, timeout=120,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
    assert done.returncode == 1 and "expected room for" in done.stderr and "File too large" in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_weight_that_is_no_number_is_named(tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(MODEL, broken, ignore=shutil.ignore_patterns("golden*"))
    data = bytearray((broken / "model.safetensors").read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    name = "model.language_model.layers.1.mlp.up_proj.weight"
    offset = 8 + length + json.loads(data[8:8 + length])[name]["data_offsets"][0]
    data[offset:offset + 2] = b"\xff\x7f"
    (broken / "model.safetensors").write_bytes(data)
    done = run("quantize", broken, tmp_path / "tiny.gguf", "--type", "q4_k_m")
    assert done.returncode == 1 and name in done.stderr and "finite" in done.stderr, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize("arguments, words", [
    (["tiny.gguf", "--type", "q3_k"], "q4_k_m"), (["tiny.gguf", "--type", "q8_0", "--vision-type", "q4_0"], "--vision-type must be"),
    (["tiny.gguf", "--type", "q8_0", "--head-type", "q9"], "--head-type must be"), (["tiny.bin", "--type", "q8_0"], "NAME.gguf"),
    (["mmproj-tiny.gguf", "--type", "q8_0"], "mmproj"), (["no/such/folder/tiny.gguf", "--type", "q8_0"], "No such file"),
])
def test_mistakes_are_named(tmp_path, arguments, words):
    done = run("quantize", MODEL, *arguments, cwd=tmp_path)
    assert done.returncode not in (0, 133, 139) and words in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []
