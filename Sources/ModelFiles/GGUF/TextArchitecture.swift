// The decoder of a GGUF file: its shape from the metadata, and errors for unsupported options.

import Text

/// The supported decoders of GGUF files.
package enum TextArchitecture: String, Sendable, CaseIterable {
  /// With head norms; rotary embedding rotates values half a head apart.
  case qwen3
  /// Without head norms; the rows of queries and keys are ordered so that rotary embedding rotates adjacent values.
  case llama

  /// Reads `general.architecture`.
  init(reading metadata: GGUFMetadata) throws(ModelFileError) {
    let key = "general.architecture"
    guard let name = try metadata.text(key), let architecture = TextArchitecture(exactly: name) else {
      let isVision = metadata[key]?.text == "clip"
      throw metadata.fault(
        key, expected: "\"qwen3\" or \"llama\"",
        found: isVision ? "\"clip\", a vision file (pass it as --mmproj, with its text file as the model)" : nil)
    }
    self = architecture
  }
}

extension TextConfiguration {
  /// Reads the shape of the decoder in `gguf`.
  init(reading gguf: GGUFFile, _ architecture: TextArchitecture) throws(ModelFileError) {
    let metadata = gguf.metadata
    func key(_ name: String) -> String { "\(architecture.rawValue).\(name)" }
    try Self.rejectUnsupportedOptions(metadata, architecture)

    hiddenSize = try metadata.required(key("embedding_length"), in: 1...65536)
    layerCount = try metadata.required(key("block_count"), in: 1...1024)
    headCount = try metadata.required(key("attention.head_count"), in: 1...1024)
    kvHeadCount = try metadata.integer(key("attention.head_count_kv"), in: 1...1024) ?? headCount
    guard headCount % kvHeadCount == 0 else {
      throw metadata.fault(
        key("attention.head_count_kv"), expected: "a divisor of attention.head_count, \(headCount)")
    }
    headDimension = try metadata.integer(key("attention.key_length"), in: 2...1024) ?? hiddenSize / headCount
    guard headDimension >= 2, headDimension % 2 == 0 else {
      throw metadata.fault(
        key("attention.key_length"), expected: "an even number, because rotary embedding rotates pairs",
        found: "\(headDimension)")
    }
    for name in ["attention.value_length", "rope.dimension_count"] {
      if let length = try metadata.integer(key(name), in: 1...65536), length != headDimension {
        throw metadata.fault(key(name), expected: "the key length, \(headDimension)")
      }
    }
    intermediateSize = try metadata.required(key("feed_forward_length"), in: 1...1 << 20)
    ropeTheta = try metadata.number(key("rope.freq_base"), in: 1...1e12) ?? 10_000
    rmsNormEpsilon = Self.asWritten(
      try metadata.number(key("attention.layer_norm_rms_epsilon"), in: 0...0.1) ?? 1e-6)
    maxPositions = try metadata.required(key("context_length"), in: 1...1 << 24)
    guard let table = gguf.tensor("token_embd.weight"), table.shape.count == 2 else {
      throw ModelFileError(
        file: gguf.path, location: .tensor("token_embd.weight"), expected: "[vocabulary, \(hiddenSize)]",
        found: gguf.tensor("token_embd.weight").map { "\($0.shape)" } ?? "no such tensor")
    }
    vocabularySize = table.shape[0]
    guard vocabularySize <= 1 << 22 else {
      throw ModelFileError(
        file: gguf.path, location: .tensor(table.name), expected: "at most \(1 << 22) rows", found: "\(vocabularySize)")
    }
    tied = gguf.tensor("output.weight") == nil
    (headNorms, rotation) = architecture == .qwen3 ? (true, .halves) : (false, .neighbours)
  }

  /// Returns the shortest decimal that rounds to the file's float32: 1e-6 rather than 9.99999997e-7.
  private static func asWritten(_ value: Double) -> Double { Double("\(Float(value))") ?? value }

  /// Throws for unsupported options that change the arithmetic.
  private static func rejectUnsupportedOptions(_ metadata: GGUFMetadata, _ architecture: TextArchitecture)
    throws(ModelFileError)
  {
    func key(_ name: String) -> String { "\(architecture.rawValue).\(name)" }
    let scaling = key("rope.scaling.type")
    if let type = try metadata.text(scaling), type != "none" {
      throw metadata.fault(scaling, expected: "\"none\", the only supported value")
    }
    for name in ["rope.scaling.factor", "rope.scale_linear", "logit_scale", "residual_scale", "embedding_scale"] {
      guard let value = metadata[key(name)], value.double != 1 else { continue }
      // Converters write a factor of 0 for no scaling.
      if name.hasPrefix("rope"), value.double == 0 { continue }
      throw metadata.fault(key(name), expected: "1, the only supported value")
    }
    for name in [
      "expert_count", "attention.scale", "attention.sliding_window", "attn_logit_softcapping",
      "final_logit_softcapping", "attention.clamp_kqv", "attention.max_alibi_bias",
    ] {
      guard let value = metadata[key(name)], value.double != 0 else { continue }
      throw metadata.fault(key(name), expected: "0, the only supported value")
    }
    if try metadata.flag(key("attention.causal")) == false {
      throw metadata.fault(key("attention.causal"), expected: "true, the only supported value")
    }
  }
}
