// A checkpoint from a GGUF text file, or from a text and a vision file.

extension CheckpointParts {
  /// Reads `text` and, if given, `vision`.
  init(text: GGUFFile, vision: GGUFFile?) throws(ModelFileError) {
    let metadata = text.metadata
    let architecture = try TextArchitecture(reading: metadata)
    let decoder = try TextConfiguration(reading: text, architecture)
    let tower: VisionMetadata? =
      if let vision { try VisionMetadata(reading: vision, hiddenSize: decoder.hiddenSize) } else { nil }
    configuration = RConfiguration(
      text: decoder, vision: tower?.tower, projectorSize: tower?.projectorSize,
      imageTokenIndex: tower?.imageTokenIndex, visionAspectRatio: tower?.aspectRatio ?? .anyres(maxPatches: nil),
      imageGridPinpoints: tower?.preprocessor.pinpoints ?? [], maxPositions: decoder.maxPositions)
    preprocessor = tower?.preprocessor
    let vocabulary = try TokenizerVocabulary(reading: metadata, rows: decoder.vocabularySize)
    tokenizer = .vocabulary(vocabulary)
    namedTokens = vocabulary.namedTokens
    generation = try GenerationConfiguration(reading: metadata, vocabulary)
    chatTemplate = try metadata.text("tokenizer.chat_template")
    store = try TensorStore(text: text, vision: vision)
    if (try metadata.text("tokenizer.ggml.pre") ?? "").isEmpty {
      notes.append(
        "\(text.path) has no tokenizer.ggml.pre: the pre-tokenizer is unknown, and \"default\" is used as in llama.cpp. "
          + "Replies may be worse; convert the model again with a current converter")
    }
    if vision == nil, vocabulary.tokens.contains("<image>") {
      notes.append(
        "\(text.path) has an image token, but no mmproj file was found beside it: requests with images are rejected")
    }
    if let vision, tower?.aspectRatio == .baseView {
      notes.append(
        "\(vision.path) has no model.image_newline: an image becomes one base view of \(tower?.tower.patchCount ?? 0) "
          + "tokens, without tiles")
    }
    decoderLayers = { metadata.fault("\(architecture.rawValue).block_count", expected: $0) }
    visionLayers = { (vision ?? text).metadata.fault("clip.vision.block_count", expected: $0) }
  }
}

extension GenerationConfiguration {
  /// Reads the values that converters keep from `generation_config.json`. A temperature above 0 turns sampling on.
  init(reading metadata: GGUFMetadata, _ vocabulary: TokenizerVocabulary) throws(ModelFileError) {
    self.init(endOfSequence: vocabulary.stopTokens, padding: vocabulary.padding)
    func key(_ name: String) -> String { "general.sampling.\(name)" }
    temperature = try metadata.number(key("temp"), in: 0...100)
    doSample = temperature.map { $0 > 0 }
    topK = try metadata.integer(key("top_k"), in: 0...1 << 22)
    topP = try metadata.number(key("top_p"), in: 0...1)
    minP = try metadata.number(key("min_p"), in: 0...1)
    repetitionPenalty = try metadata.number(key("penalty_repeat"), in: 1e-3...1e3)
  }

  /// Adds the sampling defaults to the metadata of a file to be written.
  package func write(into metadata: inout GGUFMetadata) {
    func key(_ name: String) -> String { "general.sampling.\(name)" }
    if let repetitionPenalty { metadata[key("penalty_repeat")] = .float32(Float(repetitionPenalty)) }
    guard doSample == true else { return }
    metadata[key("temp")] = .float32(Float(temperature ?? 1))
    metadata[key("top_k")] = (topK ?? 50) >= 0 ? .uint32(UInt32(topK ?? 50)) : nil
    if let topP { metadata[key("top_p")] = .float32(Float(topP)) }
    if let minP { metadata[key("min_p")] = .float32(Float(minP)) }
  }
}
