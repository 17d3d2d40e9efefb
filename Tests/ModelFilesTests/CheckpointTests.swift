import Foundation
import JSON
import ModelFiles
import Testing

@Suite struct `Checkpoints that open` {
  @Test(arguments: [ElementType.f32, .f16, .bf16])
  func `a single file of any type gives its bytes back, whole and by rows`(type: ElementType) throws {
    let tiny = TinyCheckpoint(type: type.rawValue)
    let directory = try tiny.write()
    let checkpoint = try directory.open()
    #expect(checkpoint.tensorNames == tiny.tensors.map(\.name).sorted())
    for stored in tiny.tensors {
      let tensor = try checkpoint.require(stored.name, shape: stored.shape)
      #expect(tensor.type == type)
      #expect(tensor.byteCount == stored.bytes.count)
      #expect(try checkpoint.bytes(of: tensor) == stored.bytes)
      let row = stored.bytes.count / stored.shape[0]
      #expect(try checkpoint.bytes(of: tensor, rows: 1..<3) == Array(stored.bytes[row..<3 * row]))
      #expect(try checkpoint.bytes(of: tensor, rows: 2..<2) == [])
    }
    #expect(checkpoint.configuration.maxPositions == 32)
    #expect(!checkpoint.configuration.text.tied)
  }

  @Test func `shards are read through their index`() throws {
    var tiny = TinyCheckpoint()
    let half = tiny.tensors.count / 2
    tiny.shards = [
      "model-00001-of-00002.safetensors": Array(0..<half),
      "model-00002-of-00002.safetensors": Array(half..<tiny.tensors.count),
    ]
    let directory = try tiny.write()
    let checkpoint = try directory.open()
    for (position, stored) in tiny.tensors.enumerated() {
      let tensor = try checkpoint.require(stored.name, shape: stored.shape)
      #expect(
        tensor.file.hasSuffix(position < half ? "model-00001-of-00002.safetensors" : "model-00002-of-00002.safetensors")
      )
      #expect(try checkpoint.bytes(of: tensor) == stored.bytes)
    }
  }

  @Test(arguments: ["bare", "nested", "nested with model", "head under model"])
  func `older spellings of the names are understood`(style: String) throws {
    var tiny = TinyCheckpoint()
    let names = tiny.tensors.map(\.name)
    tiny.rename { name in
      let decoder = "model.language_model."
      if style == "head under model" { return name == "lm_head.weight" ? "model.lm_head.weight" : name }
      if style == "bare" { return name.hasPrefix("model.") ? String(name.dropFirst(6)) : name }
      let outer = style == "nested" ? "" : "model."
      if name == "lm_head.weight" { return outer + "language_model.lm_head.weight" }
      if name.hasPrefix(decoder) { return outer + "language_model.model." + name.dropFirst(decoder.count) }
      return outer + name.dropFirst("model.".count)
    }
    let directory = try tiny.write()
    let checkpoint = try directory.open()
    #expect(checkpoint.tensorNames == names.sorted())
    #expect(checkpoint.tensor("lm_head.weight")?.storedName == tiny.tensors[0].name)
    #expect(try checkpoint.bytes(of: #require(checkpoint.tensor(names[9]))) == tiny.tensors[9].bytes)
  }

  @Test func `a checkpoint without a head is tied, whatever the configuration says`() throws {
    var tiny = TinyCheckpoint()
    tiny.remove("lm_head.weight")
    tiny.set("tie_word_embeddings", false)
    let checkpoint = try tiny.write().open()
    #expect(checkpoint.configuration.text.tied)
    #expect(!checkpoint.configuration.requiredTensors.map(\.name).contains("lm_head.weight"))
  }

  @Test func `a pooling head and other unneeded tensors are ignored, even of unknown types`() throws {
    var tiny = TinyCheckpoint()
    let count = TinyCheckpoint().tensors.reduce(0) { $0 + $1.shape.reduce(1, *) }
    tiny.tensors += [
      TinyTensor("model.vision_tower.vision_model.head.probe", [1, 1, 4]),
      TinyTensor("model.vision_tower.vision_model.post_layernorm.weight", [4]),
      TinyTensor("vision_tower.vision_model.embeddings.position_ids", [1, 4], type: "I64"),
      TinyTensor("odd", [3], type: "MX9"),
    ]
    let checkpoint = try tiny.write().open()
    #expect(checkpoint.parameterCount == count + 4)
    #expect(CheckpointSummary(of: checkpoint).unused == ["model.vision_tower.vision_model.post_layernorm.weight"])
    #expect(throws: ModelFileError.self) { try checkpoint.require("odd", shape: [3]) }
  }

  @Test(arguments: [(2, -1, 2), (2, 1, 1), (2, -2, 1), (3, -2, 2)])
  func `the feature layer counts like hidden states`(stated: Int, feature: Int, run: Int) throws {
    var tiny = TinyCheckpoint()
    tiny.set("vision_config.num_hidden_layers", .integer(Int64(stated)))
    tiny.set("vision_feature_layer", .integer(Int64(feature)))
    #expect(try tiny.write().open().configuration.vision?.layerCount == run)
  }

  @Test(arguments: ["R", "Bee"])
  func `a sibling with a wider projector loads from its configuration and tensors`(type: String) throws {
    var tiny = TinyCheckpoint()
    tiny.set("model_type", .string(type))
    let root = "model.multi_modal_projector.linear_"
    tiny.tensors[tiny.position(of: root + "1.weight")] = TinyTensor(root + "1.weight", [32, 4])
    tiny.tensors[tiny.position(of: root + "1.bias")] = TinyTensor(root + "1.bias", [32])
    tiny.tensors[tiny.position(of: root + "2.weight")] = TinyTensor(root + "2.weight", [8, 32])
    let configuration = try tiny.write().open().configuration
    #expect(configuration.projectorSize == 32)
    #expect(configuration.requiredTensors.contains { $0.name == root + "2.weight" && $0.shape == [8, 32] })
  }

  @Test func `the links of the Hugging Face cache work`() throws {
    let tiny = TinyCheckpoint()
    let root = try TemporaryDirectory()
    try root.write("blobs/c0ffee", tiny.config.encoded)
    try root.write("blobs/bead", Array("{}".utf8))
    try root.write("blobs/f00d", tiny.safetensors(tiny.tensors))
    let snapshot = root.path + "/snapshots/main"
    try FileManager.default.createDirectory(atPath: snapshot, withIntermediateDirectories: true)
    for (name, blob) in [("config.json", "c0ffee"), ("tokenizer.json", "bead"), ("model.safetensors", "f00d")] {
      try FileManager.default.createSymbolicLink(
        atPath: snapshot + "/" + name, withDestinationPath: "../../blobs/" + blob)
    }
    #expect(try Checkpoint(directory: snapshot).tensorNames.count == tiny.tensors.count)
    // A directory that is itself a link is the operator's choice.
    try FileManager.default.createSymbolicLink(atPath: root.path + "/here", withDestinationPath: "snapshots/main")
    #expect(try Checkpoint(directory: root.path + "/here").tensorNames.count == tiny.tensors.count)
  }

  @Test func `the template comes from the newest of three files`() throws {
    var tiny = TinyCheckpoint()
    func template() throws -> String? { try tiny.write().open().chatTemplate }
    #expect(try template() == nil)
    tiny.file("tokenizer_config.json", #"{"chat_template": null}"#)
    #expect(try template() == nil)
    tiny.file("tokenizer_config.json", #"{"chat_template": "old"}"#)
    #expect(try template() == "old")
    tiny.file(
      "tokenizer_config.json",
      #"{"chat_template": [{"name": "tool_use", "template": "t"}, {"name": "default", "template": "d"}]}"#)
    #expect(try template() == "d")
    tiny.file("chat_template.json", #"{"chat_template": "newer"}"#)
    #expect(try template() == "newer")
    tiny.file("chat_template.jinja", "newest\n")
    #expect(try template() == "newest\n")
  }

  @Test func `a file that is truncated while open is an error, not a crash`() throws {
    let directory = try TinyCheckpoint().write()
    let checkpoint = try directory.open()
    let last = try #require(checkpoint.tensor("model.vision_tower.vision_model.embeddings.position_embedding.weight"))
    #expect(truncate(directory.path + "/model.safetensors", 900) == 0)
    let error = #expect(throws: ModelFileError.self) { try checkpoint.bytes(of: last) }
    #expect(error?.description.contains("position_embedding") == true)
    #expect(error?.description.contains("to the end of the file") == true)
  }
}

extension Checkpoint {
  func bytes(of tensor: TensorInfo, rows: Range<Int>? = nil) throws -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (rows?.count ?? tensor.rowCount) * tensor.rowByteCount)
    try bytes.withUnsafeMutableBytes { try read(tensor, rows: rows, into: $0) }
    return bytes
  }
}
