"""Writes a vision file that llama.cpp can run. Its projector `lfm2` always merges patches, which R-4B does not, so the
same tower and linear layers are written as LLaVA's `mlp`. Only the norm before the projector, a thousandth of the work,
and R-4B's handling around it are left out. Needs the package `gguf`."""

import gguf

NAMES = {"mm.1.weight": "mm.0.weight", "mm.1.bias": "mm.0.bias", "mm.2.weight": "mm.2.weight", "mm.2.bias": "mm.2.bias"}


def write(source, target):
    reader = gguf.GGUFReader(source)

    def value(key):
        return reader.fields[key].contents()

    writer = gguf.GGUFWriter(target, "clip")
    writer.add_type("mmproj")
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_bool("clip.use_gelu", True)
    writer.add_string("clip.projector_type", "mlp")
    for key in (
        "image_size",
        "patch_size",
        "embedding_length",
        "feed_forward_length",
        "block_count",
        "attention.head_count",
        "projection_dim",
    ):
        writer.add_uint32(f"clip.vision.{key}", value(f"clip.vision.{key}"))
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", value("clip.vision.attention.layer_norm_epsilon"))
    writer.add_array("clip.vision.image_mean", value("clip.vision.image_mean"))
    writer.add_array("clip.vision.image_std", value("clip.vision.image_std"))
    # All blocks: without this key the last block of LLaVA does not run.
    writer.add_array("clip.vision.feature_layer", [value("clip.vision.block_count")])
    for tensor in reader.tensors:
        name = NAMES.get(tensor.name, tensor.name if tensor.name.startswith("v.") else None)
        if name:
            writer.add_tensor(name, tensor.data, raw_dtype=tensor.tensor_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
