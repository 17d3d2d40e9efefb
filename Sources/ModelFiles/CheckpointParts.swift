// The parts of a checkpoint, and how they are read from a directory in Hugging Face layout.

import Text

/// The parts of a checkpoint before its tensors are checked against its configuration.
struct CheckpointParts {
  var configuration: RConfiguration
  var preprocessor: PreprocessorConfiguration?
  var generation: GenerationConfiguration
  var tokenizer: TokenizerSource
  var chatTemplate: String?
  var namedTokens: [ExactString: String]
  var notes: [String] = []
  var store: TensorStore
  /// Returns the error for a layer count that the tensors contradict, at the key that states the count.
  var decoderLayers: (_ expected: String) -> ModelFileError
  var visionLayers: (_ expected: String) -> ModelFileError

  /// Reads a directory with `config.json`, `tokenizer.json` and safetensors.
  init(huggingFace path: String) throws(ModelFileError) {
    let directory = try ModelDirectory(path: path)
    guard let json = try Self.object("config.json", in: directory) else {
      throw ModelFileError(
        file: directory.path(of: "config.json"), expected: "the model's configuration", found: "no such file")
    }
    let (preprocessor, notes) = try Self.imageSettings(in: directory)
    configuration = try RConfiguration(reading: json, preprocessor: preprocessor)
    self.notes = configuration.vision == nil ? [] : notes
    if let tower = configuration.vision {
      self.preprocessor = try PreprocessorConfiguration(
        reading: preprocessor, side: tower.imageSize, pinpoints: configuration.imageGridPinpoints)
    }
    generation = try GenerationConfiguration(
      reading: try Self.object("generation_config.json", in: directory), configuration: json,
      vocabularySize: configuration.text.vocabularySize)
    let name = "tokenizer.json"
    guard let bytes = try directory.contents(of: name, limit: 64 << 20) else {
      throw ModelFileError(file: directory.path(of: name), expected: "the tokenizer", found: "no such file")
    }
    tokenizer = .json(bytes, path: directory.path(of: name))
    chatTemplate = try ModelFiles.chatTemplate(in: directory)
    namedTokens = try ModelFiles.namedTokens(in: directory)
    store = try TensorStore(in: directory)
    // A saved head is used, whatever tie_word_embeddings says.
    configuration.text.tied = store.tensors["lm_head.weight"] == nil && store.unreadable["lm_head.weight"] == nil
    if let first = store.tensors["model.multi_modal_projector.linear_1.weight"], first.shape.count == 2 {
      configuration.projectorSize = first.shape[0]
    }
    let (text, tower) = (configuration.text, configuration.vision)
    decoderLayers = { json.fault("text_config.num_hidden_layers", expected: $0, found: "\(text.layerCount)") }
    visionLayers = { json.fault("vision_feature_layer", expected: $0, found: "layer \(tower?.layerCount ?? 0)") }
  }

  /// Returns the image settings, and notes about their source. As in transformers, `image_processor` in
  /// `processor_config.json`, where version 5 writes it, has precedence over `preprocessor_config.json`.
  private static func imageSettings(in directory: borrowing ModelDirectory)
    throws(ModelFileError) -> (ConfigurationReader?, notes: [String])
  {
    let (newer, older) = ("processor_config.json", "preprocessor_config.json")
    let nested = try object(newer, in: directory)?.child("image_processor")
    let separate = try object(older, in: directory)
    switch (nested, separate) {
    case (let nested?, let separate?):
      if nested.agrees(with: separate, on: PreprocessorConfiguration.members) { return (nested, []) }
      return (
        nested,
        [
          "\(directory.path(of: newer)) and \(older) contain different image settings; those of \(newer) apply, as in transformers"
        ]
      )
    case (let found?, nil), (nil, let found?): return (found, [])
    case (nil, nil):
      return (
        nil,
        [
          "\(directory.path) has neither \(older) nor image_processor in \(newer); images are prepared with SigLIP's default values"
        ]
      )
    }
  }

  private static func object(_ name: String, in directory: borrowing ModelDirectory)
    throws(ModelFileError) -> ConfigurationReader?
  {
    guard let bytes = try directory.contents(of: name, limit: 4 << 20) else { return nil }
    return try ConfigurationReader(parsing: bytes, file: directory.path(of: name))
  }

  /// Checks the configuration against the tensors. The decoder must have exactly the stated number of layers, because a
  /// missing layer changes every reply. The tower may have more layers than are run, because R-4B stops before the
  /// last.
  func check() throws(ModelFileError) {
    let layers = store.layerCount(after: decoderLayerPrefix)
    guard layers <= configuration.text.layerCount else {
      throw decoderLayers("the checkpoint's \(layers) decoder layers")
    }
    if let tower = configuration.vision {
      let layers = store.layerCount(after: visionLayerPrefix)
      // Without any layer, the error for the first missing tensor says more.
      guard layers == 0 || tower.layerCount <= layers else {
        throw visionLayers("one of the checkpoint's \(layers) encoder layers")
      }
    }
    // Ignoring a bias would silently change every reply.
    for tensor in store.tensors.values where tensor.name.hasPrefix(decoderLayerPrefix) && tensor.name.hasSuffix(".bias")
    {
      throw ModelFileError(
        file: tensor.file, location: .tensor(tensor.storedName), expected: "no bias in decoder layers",
        found: "one of shape \(tensor.shape)")
    }
    for tensor in configuration.requiredTensors { _ = try store.require(tensor.name, shape: tensor.shape) }
  }
}
