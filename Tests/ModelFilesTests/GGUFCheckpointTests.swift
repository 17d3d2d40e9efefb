import Basics
import Foundation
import JSON
import ModelFiles
import Testing

@Suite struct `Checkpoints from GGUF` {
  @Test func `a pair is the same model as its directory`() throws {
    let tiny = TinyCheckpoint()
    let original = try tiny.write().open()
    var pair = TinyPair()
    pair.vision.set("r4b.image_token_index", UInt32(9))
    let directory = try pair.write()
    let paths = [directory.path, directory.path + "/model.gguf"]
    for path in paths {
      let checkpoint = try Checkpoint(path: path)
      var expected = original.configuration
      expected.maxPositions = 64
      #expect(checkpoint.configuration == expected)
      #expect(checkpoint.preprocessor == original.preprocessor)
      #expect(checkpoint.notes.isEmpty)
      #expect(checkpoint.tensorNames == original.tensorNames)
      for stored in tiny.tensors {
        let tensor = try checkpoint.require(stored.name, shape: stored.shape)
        #expect(try checkpoint.bytes(of: tensor) == stored.bytes)
      }
      let query = try #require(checkpoint.tensor("model.language_model.layers.1.self_attn.q_proj.weight"))
      #expect(query.storedName == "blk.1.attn_q.weight")
      #expect(try checkpoint.bytes(of: query, rows: 1..<3).count == 2 * 8 * 4)
    }
  }

  @Test func `the keys that quantize adds to a vision file are used`() throws {
    var pair = TinyPair()
    pair.vision.set("r4b.vision_aspect_ratio", "anyres_max_9")
    pair.vision.set("r4b.image_grid_pinpoints", [10, 15, 5, 50] as [Int32])
    pair.vision.set("r4b.resample", UInt32(3))
    pair.vision.put("r4b.rescale_factor", 12, GGUFBytes.number(Double(0.25).bitPattern))
    let floats = [0.5, 0.25, 0.125].flatMap { GGUFBytes.number(Float($0).bitPattern) }
    pair.vision.put("clip.vision.image_mean", 9, GGUFBytes.number(UInt32(6)) + GGUFBytes.number(UInt64(3)) + floats)
    let checkpoint = try pair.open()
    let pinpoints = [PixelSize(height: 10, width: 15), PixelSize(height: 5, width: 50)]
    #expect(checkpoint.configuration.visionAspectRatio == .anyres(maxPatches: 9))
    #expect(checkpoint.configuration.imageGridPinpoints == pinpoints)
    #expect(
      checkpoint.preprocessor
        == PreprocessorConfiguration(
          mean: [0.5, 0.25, 0.125], std: [0.5, 0.5, 0.5], rescaleFactor: 0.25, resample: 3,
          size: PixelSize(height: 5, width: 5), pinpoints: pinpoints))
  }

  @Test func `the image settings of a directory survive a vision file`() throws {
    var tiny = TinyCheckpoint()
    tiny.set("vision_aspect_ratio", "anyres_max_9")
    tiny.file(
      "preprocessor_config.json",
      #"{"image_mean": [0.125, 0.25, 0.375], "image_std": [1, 2, 3], "rescale_factor": 0.0123, "resample": 3,"#
        + #" "image_grid_pinpoints": [[10, 15], [5, 50]]}"#)
    let original = try tiny.write().open()
    let directory = try TinyPair().write(vision: false)
    let plans = original.configuration.visionPlan(.bf16).map(\.written)
    let metadata = try #require(original.visionMetadata(name: "model"))
    let writer = try GGUFWriter(path: directory.path + "/mmproj-model.gguf", metadata: metadata, tensors: plans)
    for plan in plans {
      try [UInt8](repeating: 0, count: plan.byteCount).withUnsafeBytes { try writer.write($0) }
    }
    try writer.finish()
    let pair = try Checkpoint(path: directory.path)
    #expect(pair.preprocessor == original.preprocessor && pair.preprocessor?.rescaleFactor == 0.0123)
    #expect(pair.configuration.vision == original.configuration.vision)
    #expect(pair.configuration.visionAspectRatio == .anyres(maxPatches: 9))
    #expect(pair.configuration.imageGridPinpoints == original.configuration.imageGridPinpoints)
    #expect(pair.configuration.imageTokenIndex == 9)
  }

  @Test func `a pair without a newline has only the base view, with a note`() throws {
    var pair = TinyPair()
    pair.vision.tensors.removeAll { $0.name == "model.image_newline" }
    let norm = GGUFBytes.Tensor(name: "v.post_ln.weight", dimensions: [4], bytes: [UInt8](repeating: 0, count: 16))
    pair.vision.tensors.append(norm)
    let checkpoint = try pair.open()
    #expect(checkpoint.configuration.visionAspectRatio == .baseView)
    #expect(checkpoint.configuration.imageGridPinpoints.isEmpty)
    #expect(checkpoint.notes.count == 1 && checkpoint.notes[0].contains("no model.image_newline"))
    #expect(CheckpointSummary(of: checkpoint).unused == ["model.vision_tower.vision_model.post_layernorm.weight"])
  }

  @Test func `the older names of the tower's MLP are recognised by their shapes`() throws {
    let good = try TinyPair().open()
    var pair = TinyPair()
    for index in pair.vision.tensors.indices {
      let name = pair.vision.tensors[index].name
      pair.vision.tensors[index].name =
        name.contains("ffn_up")
        ? name.replacing("ffn_up", with: "ffn_down") : name.replacing("ffn_down", with: "ffn_up")
    }
    let old = try pair.open()
    for name in good.tensorNames {
      #expect(try old.bytes(of: #require(old.tensor(name))) == good.bytes(of: #require(good.tensor(name))), "\(name)")
    }
  }

  @Test func `special ids that mean none are no tokens, others beyond the vocabulary are errors`() throws {
    for key in ["padding", "bos", "eos", "eot"] {
      var pair = TinyPair()
      pair.text.set("tokenizer.ggml.\(key)_token_id", UInt32.max)
      #expect(throws: Never.self) { try pair.open() }
      pair.text.put("tokenizer.ggml.\(key)_token_id", 5, GGUFBytes.number(Int32(-1)))
      #expect(throws: Never.self) { try pair.open() }
      pair.text.set("tokenizer.ggml.\(key)_token_id", UInt32(1_000_000))
      let error = #expect(throws: ModelFileError.self) { try pair.open() }
      #expect(error.map { "\($0)".contains("tokenizer.ggml.\(key)_token_id") } == true)
    }
  }

  @Test func `a padding id that means none is not written`() throws {
    var pair = TinyPair()
    pair.text.set("tokenizer.ggml.padding_token_id", UInt32.max)
    #expect(try pair.open().generation.padding == nil)
  }

  @Test func `a file without a pre-tokenizer gets a note`() throws {
    var pair = TinyPair()
    let before = try pair.open().notes
    pair.text.keys.removeAll { $0.name == "tokenizer.ggml.pre" }
    for _ in 0..<2 {
      let checkpoint = try pair.open()
      #expect(checkpoint.notes.count == before.count + 1)
      #expect(checkpoint.notes.contains { $0.contains("tokenizer.ggml.pre") && $0.contains("convert the model again") })
      guard case .vocabulary(let vocabulary) = checkpoint.tokenizer else { Issue.record("no vocabulary"); return }
      #expect(vocabulary.preTokenizer == "default")
      pair.text.set("tokenizer.ggml.pre", "")
    }
  }

  @Test func `a projector of another width is recognised by its tensors`() throws {
    var pair = TinyPair()
    func set(_ name: String, _ dimensions: [UInt64]) {
      guard let index = pair.vision.tensors.firstIndex(where: { $0.name == name }) else { return }
      let count = Int(dimensions.reduce(4, *))
      pair.vision.tensors[index] = .init(
        name: name, dimensions: dimensions, bytes: [UInt8](repeating: 1, count: count))
    }
    set("mm.1.weight", [4, 32])
    set("mm.1.bias", [32])
    set("mm.2.weight", [32, 8])
    #expect(try pair.open().configuration.projectorSize == 32)
  }

  @Test func `text alone is a model without vision`() throws {
    let directory = try TinyPair().write(vision: false)
    let checkpoint = try Checkpoint(path: directory.path + "/model.gguf")
    #expect(checkpoint.configuration.vision == nil)
    #expect(checkpoint.preprocessor == nil)
    #expect(checkpoint.configuration.text.headNorms)
    #expect(checkpoint.notes.count == 1 && checkpoint.notes[0].contains("requests with images are rejected"))
    #expect(checkpoint.generation.endOfSequence == [8, 5])
  }

  @Test func `llama's files have no head norms, rotate adjacent values and often have no head`() throws {
    var pair = TinyPair(architecture: "llama")
    pair.text.tensors.removeAll { $0.name == "output.weight" }
    pair.text.keys.removeAll { $0.name.hasSuffix("key_length") || $0.name.hasSuffix("value_length") }
    // 8 / 2 values per head.
    for index in pair.text.tensors.indices {
      for (part, rows) in [("attn_q.", 8), ("attn_k.", 4), ("attn_v.", 4)] as [(String, UInt64)]
      where pair.text.tensors[index].name.contains(part) {
        pair.text.tensors[index].dimensions = [8, rows]
        pair.text.tensors[index].bytes = [UInt8](repeating: 0, count: Int(rows) * 32)
      }
      if pair.text.tensors[index].name.contains("attn_output") {
        pair.text.tensors[index].dimensions = [8, 8]
        pair.text.tensors[index].bytes = [UInt8](repeating: 0, count: 256)
      }
    }
    let text = try pair.open(vision: false).configuration.text
    #expect(!text.headNorms && text.rotation == .neighbours && text.tied)
    #expect(text.headDimension == 4 && text.kvHeadCount == 1)
  }

  /// A change to a good pair, and words of the error.
  struct Damage: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let words: [String]
    let apply: @Sendable (inout TinyPair) -> Void
    init(_ name: String, _ words: String..., apply: @escaping @Sendable (inout TinyPair) -> Void) {
      (testDescription, self.words, self.apply) = (name, words, apply)
    }
  }

  @Test(
    arguments: [
      Damage("another architecture", "general.architecture", #""qwen3" or "llama""#, #"found "gemma3""#) {
        $0.text.set("general.architecture", "gemma3")
      },
      Damage("a missing key", "qwen3.block_count", "found nothing") {
        $0.text.keys.removeAll { $0.name == "qwen3.block_count" }
      },
      Damage("a layer too many", "qwen3.block_count", "the checkpoint's 2 decoder layers", "found 1") {
        $0.text.set("qwen3.block_count", UInt32(1))
      },
      Damage("a missing layer", #"tensor "blk.2.attn_norm.weight""#, "no such tensor") {
        $0.text.set("qwen3.block_count", UInt32(3))
      },
      Damage("scaled positions", "qwen3.rope.scaling.type", #"found "yarn""#) {
        $0.text.set("qwen3.rope.scaling.type", "yarn")
      },
      Damage("scaled frequencies", #"tensor "rope_freqs.weight""#, "an unknown tensor") {
        $0.text.tensors.append(
          .init(name: "rope_freqs.weight", dimensions: [3], bytes: [UInt8](repeating: 0, count: 12)))
      },
      Damage("experts", "qwen3.expert_count", "found 8") { $0.text.set("qwen3.expert_count", UInt32(8)) },
      Damage("a sliding window", "qwen3.attention.sliding_window") {
        $0.text.set("qwen3.attention.sliding_window", UInt32(512))
      },
      Damage("an odd head", "qwen3.attention.key_length", "an even number", "found 5") {
        $0.text.set("qwen3.attention.key_length", UInt32(5))
      },
      Damage("values of another length", "qwen3.attention.value_length", "found 4") {
        $0.text.set("qwen3.attention.value_length", UInt32(4))
      },
      Damage("a bias", #"attn_q.bias"#, "no bias in decoder layers") {
        $0.text.tensors.append(
          .init(name: "blk.0.attn_q.bias", dimensions: [12], bytes: [UInt8](repeating: 0, count: 48)))
      },
      Damage("a type that is not read", #"tensor "blk.0.ffn_up.weight""#, "Q5_K or Q6_K", "IQ4_XS") { pair in
        guard let index = pair.text.tensors.firstIndex(where: { $0.name == "blk.0.ffn_up.weight" }) else { return }
        pair.text.tensors[index].type = 23
      },
      Damage("a vector in blocks", #"tensor "blk.0.attn_norm.weight""#, "for a vector", "found Q8_0") { pair in
        guard let index = pair.text.tensors.firstIndex(where: { $0.name == "blk.0.attn_norm.weight" }) else { return }
        let bytes = [UInt8](repeating: 0, count: 34)
        pair.text.tensors[index] = .init(name: "blk.0.attn_norm.weight", dimensions: [32], type: 8, bytes: bytes)
      },
      Damage("a SentencePiece vocabulary", "tokenizer.ggml.model", "SentencePiece") {
        $0.text.set("tokenizer.ggml.model", "llama")
      },
      Damage("more tokens than rows", "tokenizer.ggml.tokens", "1 to 10 strings") {
        $0.text.set("tokenizer.ggml.tokens", (0..<11).map(String.init))
      },
      Damage("kinds of too few tokens", "tokenizer.ggml.token_type", "10 numbers") {
        $0.text.set("tokenizer.ggml.token_type", [1, 1] as [Int32])
      },
      Damage("a kind that is none", "tokenizer.ggml.token_type[0]", "found 9") {
        $0.text.set("tokenizer.ggml.token_type", [Int32](repeating: 9, count: 10))
      },
      Damage("an end beyond the vocabulary", "tokenizer.ggml.eos_token_id", "found 10") {
        $0.text.set("tokenizer.ggml.eos_token_id", UInt32(10))
      },
      Damage("no merges", "tokenizer.ggml.merges", "found nothing") {
        $0.text.keys.removeAll { $0.name == "tokenizer.ggml.merges" }
      },
      Damage("another projector", "mmproj-model.gguf: clip.projector_type", #""lfm2""#, #"found "ldp""#) {
        $0.vision.set("clip.projector_type", "ldp")
      },
      Damage("merged patches", "clip.vision.projector.scale_factor", "found 2") {
        $0.vision.set("clip.vision.projector.scale_factor", UInt32(2))
      },
      Damage("a tower for another decoder", "clip.vision.projection_dim", "8", "found 16") {
        $0.vision.set("clip.vision.projection_dim", UInt32(16))
      },
      Damage("a missing tensor of the tower", #"mmproj-model.gguf: tensor "mm.2.bias""#, "no such tensor") {
        $0.vision.tensors.removeAll { $0.name == "mm.2.bias" }
      },
      Damage("a class embedding", #"tensor "v.class_embd""#, "an unknown tensor") {
        $0.vision.tensors.append(.init(name: "v.class_embd", dimensions: [4], bytes: [UInt8](repeating: 0, count: 16)))
      },
      Damage("pinpoints off the grid", "r4b.image_grid_pinpoints", "multiples of the image size 5", "[7, 5]") {
        $0.vision.set("r4b.image_grid_pinpoints", [7, 5] as [Int32])
      },
    ] as [Damage])
  func `an unsupported model is an error that names the reason`(damage: Damage) throws {
    var pair = TinyPair()
    damage.apply(&pair)
    let message = try pair.failure()
    for words in ["expected ", "found "] + damage.words { #expect(message.contains(words), "\(message)") }
  }

  @Test func `a pair with flipped bits opens completely or not at all`() throws {
    let good = TinyPair()
    let (text, vision) = (good.text.file, good.vision.file)
    let headers = [good.text.header.count, good.vision.header.count]
    let directory = try TemporaryDirectory()
    var random = SplitMix64(seed: 20_251_124)
    var opened = 0
    for run in 0..<200 {
      var files = [text, vision]
      for _ in 0...random.next() % 2 {
        let at = Int(random.next() % UInt64(headers[run % 2]))
        files[run % 2][at] ^= 1 << UInt8(random.next() % 8)
      }
      try directory.write("model.gguf", files[0])
      try directory.write("mmproj-model.gguf", files[1])
      guard let checkpoint = try? Checkpoint(path: directory.path) else { continue }
      opened += 1
      for tensor in checkpoint.configuration.requiredTensors {
        let info = try checkpoint.require(tensor.name, shape: tensor.shape)
        #expect(try checkpoint.bytes(of: info).count == info.byteCount)
      }
    }
    // A flipped bit in a token's text, say, changes nothing that is checked.
    #expect((1..<150).contains(opened), "\(opened)")
  }

  @Test func `a directory with several models is an error`() throws {
    let pair = TinyPair()
    let directory = try pair.write()
    try directory.write("other.gguf", pair.text.file)
    var error = #expect(throws: ModelFileError.self) { try Checkpoint(path: directory.path) }
    #expect(
      error?.description.hasSuffix(
        #"one GGUF text file (the model path may name one of several), found "model.gguf", "other.gguf""#) == true)
    // The named file has no vision file beside it; `mmproj` may name one.
    #expect(try Checkpoint(path: directory.path + "/other.gguf").configuration.vision == nil)
    let given = try Checkpoint(path: directory.path + "/other.gguf", mmproj: directory.path + "/mmproj-model.gguf")
    #expect(given.configuration.vision != nil)
    // The only vision file in a directory with one model belongs to it.
    let community = try TemporaryDirectory()
    try community.write("R-4B-Q4_K_M.gguf", pair.text.file)
    try community.write("mmproj-R-4b-F16.gguf", pair.vision.file)
    #expect(try Checkpoint(path: community.path).configuration.vision != nil)
    error = #expect(throws: ModelFileError.self) {
      try Checkpoint(path: community.path + "/mmproj-R-4b-F16.gguf")
    }
    #expect(error?.description.contains("a vision file (pass it as --mmproj") == true)
    error = #expect(throws: ModelFileError.self) { try Checkpoint(path: community.path + "/none.gguf") }
    #expect(error?.description.contains("No such file") == true)
  }

  @Test func `a directory with safetensors is one in Hugging Face layout, whatever else is in it`() throws {
    let directory = try TinyCheckpoint().write()
    try directory.write("model.gguf", TinyPair().text.file)
    #expect(try Checkpoint(path: directory.path).generation.endOfSequence == [])
    #expect(throws: ModelFileError.self) { try Checkpoint(path: directory.path, mmproj: "x.gguf") }
  }
}
