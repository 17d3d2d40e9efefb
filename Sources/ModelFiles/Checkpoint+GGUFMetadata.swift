// The GGUF metadata of a checkpoint, the inverse of `CheckpointParts+GGUF`: files that are written with it open as the
// same model, with the same template, sampling and stop tokens.

import Text

extension Checkpoint {
  /// Returns the metadata of the text file without its file type. `vocabulary` is the checkpoint's own; unused tokens
  /// for the remaining embedding rows are added, and the special ids from the checkpoint's other files.
  package func textMetadata(name: String, vocabulary: TokenizerVocabulary) -> GGUFMetadata {
    let text = configuration.text
    let architecture = text.headNorms ? TextArchitecture.qwen3 : .llama
    func key(_ name: String) -> String { "\(architecture.rawValue).\(name)" }
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .text(architecture.rawValue)
    metadata["general.type"] = .text("model")
    metadata["general.name"] = .text(name)
    for (name, value) in [
      ("vocab_size", text.vocabularySize), ("context_length", configuration.maxPositions),
      ("embedding_length", text.hiddenSize), ("block_count", text.layerCount),
      ("feed_forward_length", text.intermediateSize), ("attention.head_count", text.headCount),
      ("attention.head_count_kv", text.kvHeadCount), ("attention.key_length", text.headDimension),
      ("attention.value_length", text.headDimension), ("rope.dimension_count", text.headDimension),
    ] { metadata[key(name)] = .uint32(UInt32(value)) }
    metadata[key("rope.freq_base")] = .float32(Float(text.ropeTheta))
    metadata[key("attention.layer_norm_rms_epsilon")] = .float32(Float(text.rmsNormEpsilon))
    completed(vocabulary).write(into: &metadata)
    metadata["tokenizer.chat_template"] = chatTemplate.map { .text($0) }
    generation.write(into: &metadata)
    return metadata
  }

  private func completed(_ vocabulary: TokenizerVocabulary) -> TokenizerVocabulary {
    var vocabulary = vocabulary
    vocabulary.pad(to: configuration.text.vocabularySize)
    vocabulary.stops = generation.endOfSequence
    vocabulary.end = generation.endOfSequence.first ?? vocabulary.end
    vocabulary.padding = generation.padding ?? vocabulary.padding
    if let text = namedTokens["bos_token"], vocabulary.beginning == nil {
      vocabulary.beginning = vocabulary.tokens.firstIndex(of: text)
    }
    return vocabulary
  }

  /// Returns the metadata of the vision file without its file type; nil for a text-only model.
  package func visionMetadata(name: String) -> GGUFMetadata? {
    guard let tower = configuration.vision, let preprocessor else { return nil }
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .text("clip")
    metadata["general.type"] = .text("mmproj")
    metadata["general.name"] = .text(name)
    metadata["clip.has_vision_encoder"] = .bool(true)
    metadata["clip.projector_type"] = .text("lfm2")
    metadata["clip.use_gelu"] = .bool(true)
    for (name, value) in [
      ("image_size", tower.imageSize), ("patch_size", tower.patchSize), ("embedding_length", tower.hiddenSize),
      ("feed_forward_length", tower.intermediateSize), ("block_count", tower.layerCount),
      ("attention.head_count", tower.headCount), ("projection_dim", configuration.text.hiddenSize),
      ("projector.scale_factor", 1),
    ] { metadata["clip.vision.\(name)"] = .uint32(UInt32(value)) }
    metadata["clip.vision.attention.layer_norm_epsilon"] = .float32(Float(tower.layerNormEpsilon))
    metadata["clip.vision.image_mean"] = .numbers(GGUFNumbers(preprocessor.mean.map(Float.init)))
    metadata["clip.vision.image_std"] = .numbers(GGUFNumbers(preprocessor.std.map(Float.init)))
    let sides = preprocessor.pinpoints.flatMap { [Int32($0.height), Int32($0.width)] }
    if !sides.isEmpty { metadata["r4b.image_grid_pinpoints"] = .numbers(GGUFNumbers(sides)) }
    metadata["r4b.vision_aspect_ratio"] = configuration.visionAspectRatio.text.map { .text($0) }
    metadata["r4b.resample"] = .uint32(UInt32(preprocessor.resample))
    metadata["r4b.rescale_factor"] = .float64(preprocessor.rescaleFactor)
    metadata["r4b.image_token_index"] = configuration.imageTokenIndex.map { .uint32(UInt32($0)) }
    return metadata
  }
}
