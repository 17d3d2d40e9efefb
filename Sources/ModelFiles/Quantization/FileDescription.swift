// The metadata of the files that `r4b quantize` writes: what llama.cpp's converter writes for a Qwen3 decoder and a SigLIP tower
// with LFM2's projector, and under `r4b.` what else R-4B needs.

extension Checkpoint {
  /// Metadata of the text file. `vocabulary` is that of the checkpoint's tokenizer.
  package func textMetadata(_ fileType: FileType, name: String, vocabulary: TokenizerVocabulary) -> GGUFMetadata {
    let text = configuration.text, architecture = text.headNorms ? TextArchitecture.qwen3 : .llama
    var metadata = GGUFMetadata()
    func key(_ name: String) -> String { "\(architecture.rawValue).\(name)" }
    metadata["general.architecture"] = .text(architecture.rawValue)
    metadata["general.type"] = .text("model")
    metadata["general.name"] = .text(name)
    metadata["general.file_type"] = .uint32(fileType.code)
    metadata["general.quantization_version"] = .uint32(2)
    for (name, value) in [
      ("block_count", text.layerCount), ("context_length", configuration.maxPositions),
      ("embedding_length", text.hiddenSize), ("feed_forward_length", text.intermediateSize),
      ("attention.head_count", text.headCount), ("attention.head_count_kv", text.kvHeadCount),
      ("attention.key_length", text.headDimension), ("attention.value_length", text.headDimension),
    ] { metadata[key(name)] = .uint32(UInt32(value)) }
    metadata[key("rope.freq_base")] = .float32(Float(text.ropeTheta))
    metadata[key("attention.layer_norm_rms_epsilon")] = .float32(Float(text.rmsNormEpsilon))
    if architecture == .llama {
      metadata[key("rope.dimension_count")] = .uint32(UInt32(text.headDimension))
      metadata[key("vocab_size")] = .uint32(UInt32(text.vocabularySize))
    }
    complete(vocabulary).write(into: &metadata)
    if let chatTemplate { metadata["tokenizer.chat_template"] = .text(chatTemplate) }
    generation.write(into: &metadata)
    return metadata
  }

  /// The vocabulary with the ids that are stated beside a `tokenizer.json`, and a token for every row of the tables.
  private func complete(_ vocabulary: TokenizerVocabulary) -> TokenizerVocabulary {
    var whole = vocabulary
    func id(_ name: String) -> Int? { namedTokens[name].flatMap { vocabulary.tokens.firstIndex(of: $0) } }
    whole.beginning = whole.beginning ?? id("bos_token")
    whole.end = whole.end ?? id("eos_token") ?? generation.endOfSequence.first
    whole.padding = whole.padding ?? id("pad_token") ?? generation.padding
    whole.stops = generation.endOfSequence
    whole.pad(to: configuration.text.vocabularySize)
    return whole
  }

  /// Metadata of the vision file; nil for a model of text alone.
  package func visionMetadata(_ fileType: FileType, name: String) -> GGUFMetadata? {
    guard let tower = configuration.vision, let preprocessor else { return nil }
    var metadata = GGUFMetadata()
    func key(_ name: String) -> String { "clip.vision.\(name)" }
    metadata["general.architecture"] = .text("clip")
    metadata["general.type"] = .text("mmproj")
    metadata["general.name"] = .text(name)
    metadata["general.file_type"] = .uint32(fileType.code)
    metadata["general.quantization_version"] = .uint32(2)
    metadata["clip.has_vision_encoder"] = .bool(true)
    metadata["clip.projector_type"] = .text("lfm2")
    metadata["clip.use_gelu"] = .bool(true)
    for (name, value) in [
      ("image_size", tower.imageSize), ("patch_size", tower.patchSize), ("embedding_length", tower.hiddenSize),
      ("feed_forward_length", tower.intermediateSize), ("block_count", tower.layerCount),
      ("attention.head_count", tower.headCount), ("projection_dim", configuration.text.hiddenSize),
      ("projector.scale_factor", 1),
    ] { metadata[key(name)] = .uint32(UInt32(value)) }
    metadata[key("attention.layer_norm_epsilon")] = .float32(Float(tower.layerNormEpsilon))
    metadata[key("image_mean")] = .numbers(GGUFNumbers(preprocessor.mean.map(Float.init)))
    metadata[key("image_std")] = .numbers(GGUFNumbers(preprocessor.std.map(Float.init)))
    if let ratio = configuration.visionAspectRatio.text {
      let sides = preprocessor.pinpoints.flatMap { [Int32($0.height), Int32($0.width)] }
      metadata["r4b.vision_aspect_ratio"] = .text(ratio)
      metadata["r4b.image_grid_pinpoints"] = .numbers(GGUFNumbers(sides))
    }
    metadata["r4b.resample"] = .uint32(UInt32(preprocessor.resample))
    metadata["r4b.rescale_factor"] = .float64(preprocessor.rescaleFactor)
    if let index = configuration.imageTokenIndex { metadata["r4b.image_token_index"] = .uint32(UInt32(index)) }
    return metadata
  }
}
