// GGUF files that tests spell out byte by byte, and a pair with the tensors of `TinyCheckpoint`.
import Foundation
import JSON
import ModelFiles
import Testing

/// A GGUF file to be written, errors included.
struct GGUFBytes {
  struct Tensor {
    var name: String
    /// Innermost dimension first, as in the file.
    var dimensions: [UInt64]
    var type: UInt32 = 0
    /// nil takes the next free offset.
    var offset: UInt64?
    var bytes: [UInt8]
  }

  var magic = "GGUF"
  var version: UInt32 = 3
  var keys: [(name: String, type: UInt32, value: [UInt8])] = []
  var tensors: [Tensor] = []
  /// Overrides for the counts in the header.
  var keyCount: UInt64?
  var tensorCount: UInt64?
  var alignment = 32

  static func number(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) }
  }
  static func string(_ text: String) -> [UInt8] { number(UInt64(text.utf8.count)) + Array(text.utf8) }

  mutating func set(_ name: String, _ value: UInt32) { put(name, 4, Self.number(value)) }
  mutating func set(_ name: String, _ value: Float) { put(name, 6, Self.number(value.bitPattern)) }
  mutating func set(_ name: String, _ value: Bool) { put(name, 7, [value ? 1 : 0]) }
  mutating func set(_ name: String, _ value: String) { put(name, 8, Self.string(value)) }
  mutating func set(_ name: String, _ values: [String]) {
    put(name, 9, Self.number(UInt32(8)) + Self.number(UInt64(values.count)) + values.flatMap(Self.string))
  }
  mutating func set(_ name: String, _ values: [Int32]) {
    put(name, 9, Self.number(UInt32(5)) + Self.number(UInt64(values.count)) + values.flatMap(Self.number))
  }
  mutating func put(_ name: String, _ type: UInt32, _ value: [UInt8]) {
    keys.removeAll { $0.name == name }
    keys.append((name, type, value))
  }

  /// The header alone.
  var header: [UInt8] {
    var out = Array(magic.utf8) + Self.number(version)
    out += Self.number(tensorCount ?? UInt64(tensors.count)) + Self.number(keyCount ?? UInt64(keys.count))
    for key in keys { out += Self.string(key.name) + Self.number(key.type) + key.value }
    var next = 0
    for tensor in tensors {
      out += Self.string(tensor.name) + Self.number(UInt32(tensor.dimensions.count))
      for dimension in tensor.dimensions { out += Self.number(dimension) }
      out += Self.number(tensor.type) + Self.number(tensor.offset ?? UInt64(next))
      next += padded(tensor.bytes.count)
    }
    return out
  }

  /// The whole file.
  var file: [UInt8] {
    var out = header
    for tensor in tensors {
      out += [UInt8](repeating: 0, count: padded(out.count) - out.count)
      out += tensor.bytes
    }
    return out
  }

  private func padded(_ count: Int) -> Int { (count + alignment - 1) / alignment * alignment }

  /// Two tensors and one key of each kind.
  static var small: GGUFBytes {
    var gguf = GGUFBytes()
    gguf.set("general.architecture", "qwen3")
    gguf.set("a.count", UInt32(7))
    gguf.set("a.scale", Float(0.5))
    gguf.set("a.flag", true)
    gguf.set("a.words", ["x", "", "yz"])
    gguf.set("a.ids", [1, -2] as [Int32])
    gguf.tensors = [
      Tensor(name: "first", dimensions: [4, 2], bytes: [UInt8](0..<32)),
      Tensor(name: "second", dimensions: [32, 3], type: 8, bytes: [UInt8](repeating: 9, count: 102)),
    ]
    return gguf
  }
}

/// A pair of GGUF files: text as `qwen3` or `llama`, and the vision file.
struct TinyPair {
  var text = GGUFBytes()
  var vision = GGUFBytes()

  /// The tensors of a `TinyCheckpoint`, in f32.
  init(architecture: String = "qwen3") {
    let tiny = TinyCheckpoint()
    func number(_ path: String...) -> UInt32 {
      UInt32(path.reduce(tiny.config) { $0[$1] ?? .null }.int ?? 0)
    }
    text.set("general.architecture", architecture)
    for (name, key) in [
      ("embedding_length", "hidden_size"), ("block_count", "num_hidden_layers"),
      ("attention.head_count", "num_attention_heads"), ("attention.head_count_kv", "num_key_value_heads"),
      ("attention.key_length", "head_dim"), ("attention.value_length", "head_dim"),
      ("feed_forward_length", "intermediate_size"), ("context_length", "max_position_embeddings"),
    ] { text.set("\(architecture).\(name)", number("text_config", key)) }
    text.set("\(architecture).attention.layer_norm_rms_epsilon", Float(1e-6))
    text.set("\(architecture).rope.freq_base", Float(1e4))
    text.set("tokenizer.ggml.model", "gpt2")
    text.set("tokenizer.ggml.pre", "qwen2")
    text.set(
      "tokenizer.ggml.tokens", ["a", "b", "c", "d", "ab", "<|im_end|>", "<think>", "</think>", "<|x|>", "<image>"])
    text.set("tokenizer.ggml.token_type", [1, 1, 1, 1, 1, 3, 4, 4, 3, 3] as [Int32])
    text.set("tokenizer.ggml.merges", ["a b"])
    text.set("tokenizer.ggml.eos_token_id", UInt32(8))
    vision.set("general.architecture", "clip")
    vision.set("clip.has_vision_encoder", true)
    vision.set("clip.projector_type", "lfm2")
    vision.set("clip.use_gelu", true)
    for (name, key) in [
      ("embedding_length", "hidden_size"), ("block_count", "num_hidden_layers"),
      ("attention.head_count", "num_attention_heads"), ("feed_forward_length", "intermediate_size"),
      ("image_size", "image_size"), ("patch_size", "patch_size"),
    ] { vision.set("clip.vision.\(name)", number("vision_config", key)) }
    vision.set("clip.vision.attention.layer_norm_epsilon", Float(1e-6))
    vision.set("clip.vision.projection_dim", UInt32(8))
    for tensor in tiny.tensors {
      let dimensions = tensor.shape.reversed().map(UInt64.init)
      if let name = GGUFTensorNames.text.stored(tensor.name) {
        if architecture == "llama", name.contains("_norm."), name.contains("attn_q") || name.contains("attn_k") {
          continue
        }
        text.tensors.append(.init(name: name, dimensions: dimensions, bytes: tensor.bytes))
      } else if let name = GGUFTensorNames.vision.stored(tensor.name) {
        vision.tensors.append(.init(name: name, dimensions: dimensions, bytes: tensor.bytes))
      }
    }
  }

  /// Writes `model.gguf` and, unless `vision` is false, `mmproj-model.gguf`.
  func write(vision hasVision: Bool = true) throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try directory.write("model.gguf", text.file)
    if hasVision { try directory.write("mmproj-model.gguf", vision.file) }
    return directory
  }

  /// Opens the pair; later reads need only the open files.
  func open(vision hasVision: Bool = true) throws -> Checkpoint {
    let directory = try write(vision: hasVision)
    return try withExtendedLifetime(directory) { try Checkpoint(path: directory.path) }
  }

  /// The description of the error that opening throws.
  func failure() throws -> String {
    let directory = try write()
    do {
      _ = try Checkpoint(path: directory.path)
    } catch {
      return "\(error)".replacingOccurrences(of: directory.path + "/", with: "")
    }
    Issue.record("the pair opened")
    return ""
  }
}
