"""`r4b quantize`: the files as the reference package reads them, and what remains after a failure."""

import json
import os
import pathlib
import pty
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import pytest
from conftest import MODEL, ROOT, Server, binary
from gguf.quants import dequantize
from test_cli import run

# Root mean square error relative to that of the values, for roughly normal weights.
BOUNDS = {
    "F32": 1e-9,
    "F16": 5e-4,
    "BF16": 4e-3,
    "Q8_0": 0.008,
    "Q6_K": 0.03,
    "Q5_K": 0.05,
    "Q5_1": 0.05,
    "Q5_0": 0.06,
    "Q4_K": 0.1,
    "Q4_0": 0.12,
}


def read(path):
    """Returns names and values of a bf16 safetensors file."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + length])
    header.pop("__metadata__", None)
    for name, entry in header.items():
        assert entry["dtype"] == "BF16"
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        words = np.frombuffer(data[begin:end], np.uint16).astype(np.uint32) << 16
        yield name, words.view(np.float32).reshape(entry["shape"])


def stored_name(name):
    """Returns the GGUF name of a tensor of the checkpoint."""
    name = name.removeprefix("model.")
    for before, after in [
        ("language_model.embed_tokens", "token_embd"),
        ("language_model.norm", "output_norm"),
        ("lm_head", "output"),
        ("language_model.layers", "blk"),
        ("input_layernorm", "attn_norm"),
        ("self_attn.q_proj", "attn_q"),
        ("self_attn.k_proj", "attn_k"),
        ("self_attn.v_proj", "attn_v"),
        ("self_attn.o_proj", "attn_output"),
        ("self_attn.out_proj", "attn_out"),
        ("self_attn.q_norm", "attn_q_norm"),
        ("self_attn.k_norm", "attn_k_norm"),
        ("post_attention_layernorm", "ffn_norm"),
        ("mlp.gate_proj", "ffn_gate"),
        ("mlp.up_proj", "ffn_up"),
        ("mlp.down_proj", "ffn_down"),
        ("vision_tower.vision_model.encoder.layers", "v.blk"),
        ("layer_norm", "ln"),
        ("mlp.fc1", "ffn_up"),
        ("mlp.fc2", "ffn_down"),
        ("vision_tower.vision_model.embeddings.patch_embedding", "v.patch_embd"),
        ("vision_tower.vision_model.embeddings.position_embedding", "v.position_embd"),
        ("multi_modal_projector.pre_norm", "mm.input_norm"),
        ("multi_modal_projector.linear_", "mm."),
        ("image_newline", "model.image_newline"),
    ]:
        name = name.replace(before, after)
    return name


@pytest.mark.parametrize("kind", ["q4_k_m", "q4_0", "q5_k_m", "q6_k", "q8_0", "f16", "bf16"])
def test_every_tensor_is_near_the_checkpoints(tmp_path, kind):
    done = run(
        "quantize", MODEL, tmp_path / "tiny.gguf", "--type", kind, "--vision-type", "q8_0" if kind[0] == "q" else kind
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mmproj-tiny.gguf", "tiny.gguf"]
    stored = {
        tensor.name: tensor
        for name in ("tiny.gguf", "mmproj-tiny.gguf")
        for tensor in gguf.GGUFReader(tmp_path / name).tensors
    }
    expected = {
        stored_name(name): values for name, values in read(MODEL / "model.safetensors") if "post_layernorm" not in name
    }
    assert stored.keys() == expected.keys()
    for name, values in expected.items():
        tensor = stored[name]
        back = dequantize(np.array(tensor.data), tensor.tensor_type).reshape(values.shape)
        error = np.sqrt(np.mean((back - values) ** 2, dtype=np.float64)) / max(
            1e-12, np.sqrt(np.mean(values**2, dtype=np.float64))
        )
        assert error < BOUNDS[tensor.tensor_type.name], (name, tensor.tensor_type.name, error)


def test_a_second_pass_in_the_same_type_keeps_every_byte(tmp_path):
    (tmp_path / "again").mkdir()
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q4_k_m", "--vision-type", "q8_0").returncode == 0
    done = run(
        "quantize",
        tmp_path / "tiny.gguf",
        tmp_path / "again" / "tiny.gguf",
        "--type",
        "q4_k_m",
        "--vision-type",
        "q8_0",
    )
    assert done.returncode == 0 and "already quantised" in done.stderr
    for name in ("tiny.gguf", "mmproj-tiny.gguf"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_existing_files_stay(tmp_path):
    (tmp_path / "tiny.gguf").write_bytes(b"mine")
    done = run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0")
    assert done.returncode == 1 and "--force" in done.stderr
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("tiny.gguf", b"mine")]
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0", "--force").returncode == 0
    # A file that is being read is never replaced.
    before = (tmp_path / "tiny.gguf").read_bytes()
    done = run("quantize", tmp_path / "tiny.gguf", tmp_path / "tiny.gguf", "--type", "q4_0", "--force")
    assert done.returncode == 1 and "SOURCE" in done.stderr
    assert (tmp_path / "tiny.gguf").read_bytes() == before


def test_leftovers_of_a_killed_run_are_overwritten(tmp_path):
    for name in ("tiny.gguf.partial", "mmproj-tiny.gguf.partial"):
        (tmp_path / name).write_bytes(b"x" * (8 << 20))
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mmproj-tiny.gguf", "tiny.gguf"]
    assert all(len(gguf.GGUFReader(path).tensors) > 40 and path.stat().st_size < 8 << 20 for path in tmp_path.iterdir())


def stopped_midway(folder, *signals):
    """Starts a run, sends `signals` at its first line of progress, and returns its status and the rest of its
    output."""
    process = subprocess.Popen(
        [binary(), "quantize", MODEL, folder / "tiny.gguf", "--type", "q4_k_m"], stderr=subprocess.PIPE, text=True
    )
    line = process.stderr.readline()
    for number in (signal.SIGSTOP, *signals, signal.SIGCONT):
        process.send_signal(number)
    _, rest = process.communicate(timeout=120)
    assert line.startswith("quantising: "), line + rest
    return process.returncode, rest


def test_memory_stays_below_two_tensors(tmp_path):
    """160 MB, of which embedding and head take 78 each; in a memory file system if there is one, because disks may be
    slow."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path) as folder:
        assert peak_of_quantizing(pathlib.Path(folder)) < 78e6


def peak_of_quantizing(folder):
    make = [
        sys.executable,
        ROOT / "scripts/reference/make_random_r.py",
        folder / "model",
        "--tokenizer",
        MODEL,
        "--hidden",
        "256",
        "--layers",
        "2",
        "--heads",
        "4",
        "--kv-heads",
        "2",
        "--head-dim",
        "64",
        "--ff",
        "1024",
        "--vocab",
        "151936",
        "--vhidden",
        "128",
        "--vlayers",
        "2",
        "--vheads",
        "4",
        "--vff",
        "256",
        "--image-token",
        "624",
    ]
    subprocess.run(make, check=True, capture_output=True)
    # A forked process counts the memory of its parent, so a small process starts it.
    between = (
        "import os, sys; p = os.posix_spawn(sys.argv[1], sys.argv[1:], os.environ); _, s, u = os.wait4(p, 0); "
        "print('peak', u.ru_maxrss); sys.exit(s != 0)"
    )
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            between,
            binary(),
            "quantize",
            folder / "model",
            folder / "out.gguf",
            "--type",
            "q4_k_m",
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(re.search(r"^peak (\d+)$", done.stdout, re.M)[1]) * 1024


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_ends_at_once_and_leaves_no_files(tmp_path, number):
    status, rest = stopped_midway(tmp_path, number)
    assert status == 128 + number and "Interrupted" in rest, rest
    assert list(tmp_path.iterdir()) == []


def test_a_killed_run_leaves_no_file_that_looks_complete_and_can_be_repeated(tmp_path):
    status, _ = stopped_midway(tmp_path, signal.SIGKILL)
    assert status == -signal.SIGKILL
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mmproj-tiny.gguf.partial", "tiny.gguf.partial"]
    assert run("inspect", tmp_path).returncode != 0
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0").returncode == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mmproj-tiny.gguf", "tiny.gguf"]


def test_progress_on_a_terminal_is_one_line_with_rate_and_remaining_time(tmp_path):
    ours, theirs = pty.openpty()
    done = subprocess.run(
        [binary(), "quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q4_k_m"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        timeout=120,
    )
    os.close(theirs)
    said = os.read(ours, 65536).decode()
    os.close(ours)
    assert done.returncode == 0, said
    shown = said.split("\r\x1b[K")
    assert len(shown) > 1 and all(
        re.fullmatch(r"quantising: \d+ %, \d+ million weights per second, \d+:\d\d left\s*", line) for line in shown[1:]
    ), shown
    assert shown[-1].startswith("quantising: 100 %")


def rewritten(source, target, change):
    """Returns a copy of a GGUF file with other metadata. `change(key, value)` returns a value, or None to omit the
    key."""
    reader = gguf.GGUFReader(source)
    writer = gguf.GGUFWriter(target, reader.fields["general.architecture"].contents())
    for key, field in reader.fields.items():
        if (
            key != "general.architecture"
            and not key.startswith("GGUF.")
            and (value := change(key, field.contents())) is not None
        ):
            writer.add_key_value(
                key, value, field.types[0], field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            )
    for tensor in reader.tensors:
        writer.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return target


def test_absent_ids_and_a_missing_pre_tokenizer_are_read_as_llama_cpp_does(tmp_path):
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0").returncode == 0
    none = rewritten(
        tmp_path / "tiny.gguf",
        tmp_path / "none.gguf",
        lambda key, value: 0xFFFFFFFF if key == "tokenizer.ggml.padding_token_id" else value,
    )
    done = run("inspect", none)
    assert done.returncode == 0 and "tokenizer.ggml.pre" not in done.stdout, done.stderr
    plain = rewritten(
        tmp_path / "tiny.gguf",
        tmp_path / "plain.gguf",
        lambda key, value: None if key == "tokenizer.ggml.pre" else value,
    )
    done = run("inspect", plain)
    assert (
        done.returncode == 0 and "has no tokenizer.ggml.pre" in done.stdout and "pre-tokenizer default" in done.stdout
    ), done.stdout
    with Server(["--model", plain]) as server:
        assert f"Note: {plain} has no tokenizer.ggml.pre" in server.read()
    for arguments in (["chat", "--model", plain, "Hi"], ["quantize", plain, tmp_path / "again.gguf", "--type", "q4_0"]):
        done = run(*arguments)
        assert done.returncode == 0 and f"Note: {plain} has no tokenizer.ggml.pre" in done.stderr, done.stderr
    for key in ("tokenizer.ggml.eos_token_id", "tokenizer.ggml.padding_token_id"):
        bad = rewritten(
            tmp_path / "tiny.gguf", tmp_path / "bad.gguf", lambda name, value: 1 << 20 if name == key else value
        )
        done = run("inspect", bad)
        assert done.returncode == 1 and key in done.stderr and str(1 << 20) in done.stderr, done.stderr


def test_a_pair_of_foreign_files_uses_the_base_view_only_and_says_so(tmp_path):
    """What converters for llama.cpp write: no newline, no r4b keys, the tower's post-norm, a different name."""
    assert run("quantize", MODEL, tmp_path / "tiny.gguf", "--type", "f16").returncode == 0
    ours = gguf.GGUFReader(tmp_path / "mmproj-tiny.gguf")
    theirs = gguf.GGUFWriter(tmp_path / "mmproj-R-tiny-F16.gguf", "clip")
    for key, field in ours.fields.items():
        if key != "general.architecture" and not key.startswith(("GGUF.", "r4b.")):
            sub_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
            theirs.add_key_value(key, field.contents(), field.types[0], sub_type)
    width = 128
    for tensor in ours.tensors:
        if tensor.name != "model.image_newline":
            theirs.add_tensor(tensor.name, np.array(tensor.data), raw_dtype=tensor.tensor_type)
    theirs.add_tensor("v.post_ln.weight", np.full(width, 7, np.float32))
    theirs.add_tensor("v.post_ln.bias", np.full(width, 7, np.float32))
    theirs.write_header_to_file()
    theirs.write_kv_data_to_file()
    theirs.write_tensors_to_file()
    theirs.close()
    (tmp_path / "mmproj-tiny.gguf").unlink()
    case = json.loads((MODEL / "golden.json").read_text())[0]
    done = run(
        "chat",
        "--model",
        tmp_path,
        "--image",
        MODEL / case["images"][0],
        "--mode",
        "short",
        "--temperature",
        "0",
        case["text"],
    )
    assert done.returncode == 0 and done.stdout.strip() == case["answer"], done.stderr
    assert " + 16 image" in done.stderr, done.stderr
    server = Server(["--model", str(tmp_path)])
    try:
        assert "no model.image_newline" in server.read() and "one base view of 16 tokens" in server.read()
    finally:
        assert server.stop() == 0


def test_a_disk_that_is_too_small_is_an_error_that_leaves_no_files(tmp_path):
    limit = 2 << 20
    done = subprocess.run(
        [binary(), "quantize", MODEL, tmp_path / "tiny.gguf", "--type", "q8_0"],
        capture_output=True,
        text=True,
        timeout=120,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert done.returncode == 1 and "expected space for" in done.stderr and "File too large" in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_weight_that_is_not_a_number_is_named(tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(MODEL, broken, ignore=shutil.ignore_patterns("golden*"))
    data = bytearray((broken / "model.safetensors").read_bytes())
    length = struct.unpack("<Q", data[:8])[0]
    name = "model.language_model.layers.1.mlp.up_proj.weight"
    offset = 8 + length + json.loads(data[8 : 8 + length])[name]["data_offsets"][0]
    data[offset : offset + 2] = b"\xff\x7f"
    (broken / "model.safetensors").write_bytes(data)
    done = run("quantize", broken, tmp_path / "tiny.gguf", "--type", "q4_k_m")
    assert done.returncode == 1 and name in done.stderr and "finite" in done.stderr, done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["broken"]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["tiny.gguf", "--type", "q3_k"], "q4_k_m"),
        (["tiny.gguf", "--type", "q8_0", "--vision-type", "q4_0"], "--vision-type must be"),
        (["tiny.gguf", "--type", "q8_0", "--head-type", "q9"], "--head-type must be"),
        (["tiny.bin", "--type", "q8_0"], "must end in .gguf"),
        (["mmproj-tiny.gguf", "--type", "q8_0"], "mmproj"),
        (["no/such/folder/tiny.gguf", "--type", "q8_0"], "No such file"),
    ],
)
def test_mistakes_are_named(tmp_path, arguments, words):
    done = run("quantize", MODEL, *arguments, cwd=tmp_path)
    assert done.returncode not in (0, 133, 139) and words in done.stderr, done.stderr
    assert list(tmp_path.iterdir()) == []
