// A model's files, checked as a whole when they are opened: after `init` every tensor that the configuration calls for is there,
// with its shape, in a range its file has. They are a directory in Hugging Face layout, a GGUF file of text, or a pair of GGUF
// files. Immutable and read by position, so any thread may read from it.

import Text

/// An opened checkpoint: what its files say, and its tensors by name.
package final class Checkpoint: Sendable {
  /// As given to `init`.
  package let path: String
  package let configuration: RConfiguration
  /// nil exactly where the configuration has no vision.
  package let preprocessor: PreprocessorConfiguration?
  package let generation: GenerationConfiguration
  package let tokenizer: TokenizerSource
  /// Jinja text; nil when there is none, and the prompt is then built without one.
  package let chatTemplate: String?
  /// Texts of the tokens that a template may name: `bos_token`, `eos_token` and so on.
  package let namedTokens: [ExactString: String]
  /// Sentences for the operator: what is served other than one might think.
  package let notes: [String]
  private let store: TensorStore

  /// Opens and checks the model at `path`: a GGUF file, or a directory of either kind. `mmproj` names the vision file of a GGUF
  /// file of text; without it, it is looked for beside it. Throws at the first file, key or tensor that is missing, out of range
  /// or contradictory.
  package convenience init(path: String, mmproj: String? = nil) throws(ModelFileError) {
    switch try CheckpointLocation(path: path, mmproj: mmproj) {
    case .directory: try self.init(path: path, parts: CheckpointParts(huggingFace: path))
    case .gguf(let text, let vision):
      let vision: GGUFFile? = if let vision { try GGUFFile(path: vision) } else { nil }
      try self.init(path: path, parts: CheckpointParts(text: try GGUFFile(path: text), vision: vision))
    }
  }

  /// Opens and checks a directory in Hugging Face layout.
  package convenience init(directory: String) throws(ModelFileError) {
    try self.init(path: directory, parts: CheckpointParts(huggingFace: directory))
  }

  private init(path: String, parts: CheckpointParts) throws(ModelFileError) {
    try parts.check()
    self.path = path
    (configuration, preprocessor, generation) = (parts.configuration, parts.preprocessor, parts.generation)
    (tokenizer, chatTemplate, namedTokens) = (parts.tokenizer, parts.chatTemplate, parts.namedTokens)
    (notes, store) = (parts.notes, parts.store)
  }

  /// Canonical names in alphabetical order, those that the model does not use included.
  package var tensorNames: [String] { store.tensors.keys.sorted().map(\.string) }

  /// Values in all readable tensors; the tower's pooling head is not counted.
  package var parameterCount: Int { store.tensors.values.reduce(0) { $0 + $1.elementCount } }

  var tensors: some Collection<TensorInfo> { store.tensors.values }

  /// The tensor of that canonical name.
  package func tensor(_ name: String) -> TensorInfo? { store.tensors[name.exact] }

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
}
