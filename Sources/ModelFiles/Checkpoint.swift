// A model directory in Hugging Face layout, checked as a whole when it is opened: after `init` every tensor that the
// configuration calls for is there, with its shape, in a range its file has. Immutable and read by position, so any thread
// may read from it.

/// An opened checkpoint: what its files say, and its tensors by name.
package final class Checkpoint: Sendable {
  /// As given to `init`.
  package let directory: String
  package let configuration: RConfiguration
  /// nil exactly where the configuration has no vision.
  package let preprocessor: PreprocessorConfiguration?
  package let generation: GenerationConfiguration
  /// The bytes of `tokenizer.json`.
  package let tokenizerJSON: [UInt8]
  /// Jinja text; nil when the directory has none, and the prompt is then built without one.
  package let chatTemplate: String?
  /// Texts of the tokens that a template may name: `bos_token`, `eos_token` and so on.
  package let namedTokens: [String: String]
  private let store: TensorStore

  /// Opens and checks `directory`. Throws at the first file, key or tensor that is missing, out of range or contradictory.
  package init(directory path: String) throws(ModelFileError) {
    let directory = try ModelDirectory(path: path)
    self.directory = path
    guard let json = try Self.object("config.json", in: directory) else {
      throw ModelFileError(
        file: directory.path(of: "config.json"), expected: "the model's configuration", found: "no such file")
    }
    let preprocessor = try Self.object("preprocessor_config.json", in: directory)
    var configuration = try RConfiguration(reading: json, preprocessor: preprocessor)
    self.preprocessor = try configuration.vision.map { vision throws(ModelFileError) in
      try PreprocessorConfiguration(
        reading: preprocessor, side: vision.imageSize, pinpoints: configuration.imageGridPinpoints)
    }
    generation = try GenerationConfiguration(
      reading: try Self.object("generation_config.json", in: directory), configuration: json,
      vocabularySize: configuration.text.vocabularySize)
    guard let tokenizer = try directory.contents(of: "tokenizer.json", limit: 64 << 20) else {
      throw ModelFileError(file: directory.path(of: "tokenizer.json"), expected: "the tokenizer", found: "no such file")
    }
    tokenizerJSON = tokenizer
    chatTemplate = try ModelFiles.chatTemplate(in: directory)
    namedTokens = try ModelFiles.namedTokens(in: directory)
    store = try TensorStore(in: directory)
    // Whatever tie_word_embeddings says: a head that was saved is used.
    configuration.text.tied = store.tensors["lm_head.weight"] == nil && store.unreadable["lm_head.weight"] == nil
    if let linear = store.tensors["model.multi_modal_projector.linear_1.weight"] {
      configuration.projectorSize = linear.rowCount
    }
    self.configuration = configuration
    try Self.check(configuration, json, store)
  }

  /// Canonical names in alphabetical order, those that the model does not use included.
  package var tensorNames: [String] { store.tensors.keys.sorted() }

  /// Values in all readable tensors; the tower's pooling head is not counted.
  package var parameterCount: Int { store.tensors.values.reduce(0) { $0 + $1.elementCount } }

  var tensors: some Collection<TensorInfo> { store.tensors.values }

  /// The tensor of that canonical name.
  package func tensor(_ name: String) -> TensorInfo? { store.tensors[name] }

  /// The tensor of that canonical name, of exactly that shape.
  package func require(_ name: String, shape: [Int]) throws(ModelFileError) -> TensorInfo {
    try store.require(name, shape: shape)
  }

  /// Copies a tensor's bytes as stored, or those of `rows` of its outermost dimension, into `buffer`, which must have exactly
  /// their size. Throws when the file has become too short or cannot be read.
  package func read(_ tensor: TensorInfo, rows: Range<Int>? = nil, into buffer: UnsafeMutableRawBufferPointer)
    throws(ModelFileError)
  {
    let rows = rows ?? 0..<tensor.rowCount
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rowCount, "rows \(rows) of \(tensor.rowCount)")
    precondition(buffer.count == rows.count * tensor.rowByteCount, "a buffer of the wrong size for \(tensor.name)")
    try store.files[tensor.fileIndex].read(
      at: tensor.offset + rows.lowerBound * tensor.rowByteCount, into: buffer, place: .tensor(tensor.name))
  }

  private static func object(_ name: String, in directory: borrowing ModelDirectory)
    throws(ModelFileError) -> ConfigurationReader?
  {
    guard let bytes = try directory.contents(of: name, limit: 4 << 20) else { return nil }
    return try ConfigurationReader(parsing: bytes, file: directory.path(of: name))
  }

  /// Holds the configuration against the tensors. Decoder layers must be as many as stated, for one left out changes every
  /// reply; tower layers may be more than run, since R-4B stops before the last.
  private static func check(_ configuration: RConfiguration, _ json: ConfigurationReader, _ store: TensorStore)
    throws(ModelFileError)
  {
    let decoderLayers = store.layerCount(after: decoderLayerPrefix)
    guard decoderLayers <= configuration.text.layerCount else {
      throw json.fault(
        "text_config.num_hidden_layers", expected: "the checkpoint's \(decoderLayers) decoder layers",
        found: "\(configuration.text.layerCount)")
    }
    let visionLayers = store.layerCount(after: visionLayerPrefix)
    // Without any, the first missing tensor says more.
    if let vision = configuration.vision, visionLayers > 0, vision.layerCount > visionLayers {
      throw json.fault(
        "vision_feature_layer", expected: "one of the checkpoint's \(visionLayers) encoder layers",
        found: "layer \(vision.layerCount)")
    }
    // A bias left unread would change every reply without a sign.
    for tensor in store.tensors.values where tensor.name.hasPrefix(decoderLayerPrefix) && tensor.name.hasSuffix(".bias")
    {
      throw ModelFileError(
        file: tensor.file, place: .tensor(tensor.name), expected: "decoder layers without bias",
        found: "\(tensor.shape)")
    }
    for tensor in configuration.requiredTensors { _ = try store.require(tensor.name, shape: tensor.shape) }
  }
}
