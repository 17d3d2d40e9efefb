// A checkpoint of a few hundred values that tests change and write to a temporary directory.
import Foundation
import JSON
import ModelFiles
import Testing

/// A directory that is removed with its last reference.
final class TemporaryDirectory: Sendable {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("model-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Opens the directory; later reads need only the open files.
  func open() throws -> Checkpoint { try Checkpoint(directory: path) }

  func write(_ name: String, _ bytes: [UInt8]) throws {
    let file = URL(fileURLWithPath: path).appendingPathComponent(name)
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try Data(bytes).write(to: file)
  }
}

/// One tensor to be written.
struct TinyTensor {
  var name: String
  var type: String
  var shape: [Int]
  var bytes: [UInt8]

  /// Values 0, 1, 2 … times a quarter from `seed`, exact in every type that is read.
  init(_ name: String, _ shape: [Int], type: String = "F32", seed: Int = 0) {
    (self.name, self.type, self.shape) = (name, type, shape)
    bytes = []
    for index in 0..<shape.reduce(1, *) {
      let value = Float((index + seed) % 64) / 4
      switch type {
      case "F32": withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
      case "F16": withUnsafeBytes(of: Float16(value).bitPattern.littleEndian) { bytes += $0 }
      case "BF16": withUnsafeBytes(of: UInt16(value.bitPattern >> 16).littleEndian) { bytes += $0 }
      default: bytes += [UInt8](repeating: 7, count: 8)
      }
    }
  }
}

struct TinyCheckpoint {
  var config: JSONValue = [
    "model_type": "R", "image_token_index": 9, "projector_hidden_act": "gelu", "vision_feature_layer": -1,
    "vision_aspect_ratio": "anyres", "max_position_embeddings": 32,
    "text_config": [
      "model_type": "qwen3", "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
      "num_key_value_heads": 1,
      "head_dim": 6, "intermediate_size": 5, "vocab_size": 10, "rope_theta": 1e4, "max_position_embeddings": 64,
    ],
    "vision_config": [
      "hidden_size": 4, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 3, "image_size": 5,
      "patch_size": 2,
    ],
  ]
  /// All files but the configuration and the tensors.
  var files: [String: [UInt8]] = ["tokenizer.json": Array("{}".utf8)]
  var tensors: [TinyTensor]
  /// Tensors of each shard; nil for one file.
  var shards: [String: [Int]]?
  /// Changes the index before it is written.
  var indexEdit: (inout [String: String]) -> Void = { _ in }
  /// Changes a tensor file's header before it is written.
  var headerEdit: (inout JSONValue) -> Void = { _ in }
  /// Changes a tensor file's bytes before they are written.
  var fileEdit: (inout [UInt8]) -> Void = { _ in }

  init(type: String = "F32") {
    let hidden = 8, vision = 4
    var shapes: [(String, [Int])] = [
      ("lm_head.weight", [10, hidden]), ("model.language_model.embed_tokens.weight", [10, hidden]),
      ("model.language_model.norm.weight", [hidden]), ("model.image_newline", [hidden]),
    ]
    for layer in 0..<2 {
      let decoder = "model.language_model.layers.\(layer)."
      shapes += [
        ("self_attn.q_proj", [12, hidden]), ("self_attn.k_proj", [6, hidden]), ("self_attn.v_proj", [6, hidden]),
        ("self_attn.o_proj", [hidden, 12]), ("self_attn.q_norm", [6]), ("self_attn.k_norm", [6]),
        ("input_layernorm", [hidden]), ("post_attention_layernorm", [hidden]), ("mlp.gate_proj", [5, hidden]),
        ("mlp.up_proj", [5, hidden]), ("mlp.down_proj", [hidden, 5]),
      ].map { (decoder + $0.0 + ".weight", $0.1) }
    }
    var biased: [(String, [Int])] = [
      ("model.vision_tower.vision_model.embeddings.patch_embedding", [vision, 3, 2, 2]),
      ("model.multi_modal_projector.pre_norm", [vision]), ("model.multi_modal_projector.linear_1", [hidden, vision]),
      ("model.multi_modal_projector.linear_2", [hidden, hidden]),
    ]
    for layer in 0..<2 {
      biased += [
        ("layer_norm1", [vision]), ("layer_norm2", [vision]), ("self_attn.q_proj", [vision, vision]),
        ("self_attn.k_proj", [vision, vision]), ("self_attn.v_proj", [vision, vision]),
        ("self_attn.out_proj", [vision, vision]), ("mlp.fc1", [3, vision]), ("mlp.fc2", [vision, 3]),
      ].map { ("model.vision_tower.vision_model.encoder.layers.\(layer)." + $0.0, $0.1) }
    }
    for (name, shape) in biased { shapes += [(name + ".weight", shape), (name + ".bias", [shape[0]])] }
    shapes.append(("model.vision_tower.vision_model.embeddings.position_embedding.weight", [4, vision]))
    tensors = shapes.enumerated().map { TinyTensor($1.0, $1.1, type: type, seed: $0) }
  }

  func position(of name: String) -> Int { tensors.firstIndex { $0.name == name } ?? -1 }

  mutating func remove(_ name: String) { tensors.remove(at: position(of: name)) }

  mutating func rename(_ change: (String) -> String) {
    for position in tensors.indices { tensors[position].name = change(tensors[position].name) }
  }

  mutating func set(_ path: String, _ value: JSONValue?) {
    config = config.setting(path.split(separator: ".").map(String.init)[...], value)
  }

  mutating func file(_ name: String, _ text: String) { files[name] = Array(text.utf8) }

  /// The bytes of a safetensors file of `tensors`.
  func safetensors(_ tensors: [TinyTensor]) -> [UInt8] {
    var header: JSONValue = ["__metadata__": ["format": "pt"]]
    var data: [UInt8] = []
    for tensor in tensors {
      let entry: JSONValue = [
        "dtype": .string(tensor.type), "shape": .array(tensor.shape.map { .integer(Int64($0)) }),
        "data_offsets": [.integer(Int64(data.count)), .integer(Int64(data.count + tensor.bytes.count))],
      ]
      header = header.setting([tensor.name], entry)
      data += tensor.bytes
    }
    headerEdit(&header)
    let text = header.encoded
    var file = withUnsafeBytes(of: UInt64(text.count).littleEndian) { [UInt8]($0) } + text + data
    fileEdit(&file)
    return file
  }

  func write() throws -> TemporaryDirectory {
    let directory = try TemporaryDirectory()
    try directory.write("config.json", config.encoded)
    for (name, bytes) in files { try directory.write(name, bytes) }
    guard let shards else {
      try directory.write("model.safetensors", safetensors(tensors))
      return directory
    }
    var map: [String: String] = [:]
    for (shard, positions) in shards {
      try directory.write(shard, safetensors(positions.map { tensors[$0] }))
      for position in positions { map[tensors[position].name] = shard }
    }
    indexEdit(&map)
    let index = try JSONSerialization.data(withJSONObject: ["weight_map": map], options: .sortedKeys)
    try directory.write("model.safetensors.index.json", [UInt8](index))
    return directory
  }

  /// The description of the error that opening throws.
  func failure() throws -> String {
    let directory = try write()
    do {
      _ = try directory.open()
    } catch {
      return "\(error)".replacingOccurrences(of: directory.path + "/", with: "")
    }
    Issue.record("the checkpoint opened")
    return ""
  }
}

extension JSONValue {
  /// This object with the member at `path` set, added or, for nil, removed.
  func setting(_ path: ArraySlice<String>, _ value: JSONValue?) -> JSONValue {
    guard let name = path.first, var object else { return self }
    object[name] = path.count == 1 ? value : object[name]?.setting(path.dropFirst(), value)
    return .object(object)
  }
}
