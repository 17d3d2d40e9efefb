// An opened model: a directory in Hugging Face layout, a GGUF text file, or a GGUF text and vision file. `init` checks
// the files as a whole: every tensor that the configuration requires exists with its shape, in a range inside its file.
// Immutable and read by position, so any thread may read.

import Text

/// An opened checkpoint: its configuration, its tokenizer and its tensors by name.
package final class Checkpoint: Sendable {
  /// As given to `init`.
  package let path: String
  package let configuration: RConfiguration
  /// nil if and only if the configuration has no vision tower.
  package let preprocessor: PreprocessorConfiguration?
  package let generation: GenerationConfiguration
  package let tokenizer: TokenizerSource
  /// The Jinja source of the chat template; nil when the files have none.
  package let chatTemplate: String?
  /// The texts of tokens that a template may name: `bos_token`, `eos_token` and so on.
  package let namedTokens: [ExactString: String]
  /// Notes for the operator about assumptions, one sentence each.
  package let notes: [String]
  private let store: TensorStore

  /// Opens and checks the model at `path`: a GGUF file, or a directory of either kind. `mmproj` names the vision file
  /// of a GGUF text file; nil looks for it beside that file. Throws at the first file, key or tensor that is missing,
  /// out of range or contradictory.
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

  /// All canonical names in alphabetical order, including tensors that the model does not use.
  package var tensorNames: [String] { store.tensors.keys.sorted().map(\.string) }

  /// The number of values in all readable tensors, without the vision tower's pooling head.
  package var parameterCount: Int { store.tensors.values.reduce(0) { $0 + $1.elementCount } }

  var tensors: some Collection<TensorInfo> { store.tensors.values }

  /// Returns the tensor with this canonical name.
  package func tensor(_ name: String) -> TensorInfo? { store.tensors[name.exact] }

  /// Returns the tensor with this canonical name; throws when it is missing or has another shape.
  package func require(_ name: String, shape: [Int]) throws(ModelFileError) -> TensorInfo {
    try store.require(name, shape: shape)
  }

  /// Copies the stored bytes of a tensor, or of `rows` of its outermost dimension, into `buffer`, which must have
  /// exactly that size. Throws when the file was truncated or cannot be read.
  package func read(_ tensor: TensorInfo, rows: Range<Int>? = nil, into buffer: UnsafeMutableRawBufferPointer)
    throws(ModelFileError)
  {
    let rows = rows ?? 0..<tensor.rowCount
    precondition(rows.lowerBound >= 0 && rows.upperBound <= tensor.rowCount, "rows \(rows) of \(tensor.rowCount)")
    precondition(buffer.count == rows.count * tensor.rowByteCount, "a buffer of the wrong size for \(tensor.name)")
    try store.files[tensor.fileIndex].read(
      at: tensor.offset + rows.lowerBound * tensor.rowByteCount, into: buffer, location: .tensor(tensor.name))
  }
}
