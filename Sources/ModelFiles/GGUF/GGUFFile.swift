// One open GGUF file: its checked header, and its tensors' bytes by position.
import Glibc
import Text

/// A GGUF file. Immutable, so any thread may read.
package final class GGUFFile: Sendable {
  package let header: GGUFHeader
  let file: ModelFile
  private let positions: [ExactString: Int]

  /// Opens `path` and checks its header. The path is the operator's choice: links are followed.
  package convenience init(path: String) throws(ModelFileError) {
    // O_NONBLOCK, so that opening a FIFO does not wait for a writer.
    let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else {
      throw ModelFileError(file: path, expected: "a readable GGUF file", found: systemError(errno))
    }
    try self.init(try ModelFile(path: path, owning: descriptor))
  }

  /// Checks the header of `file`.
  init(_ file: ModelFile) throws(ModelFileError) {
    self.file = file
    header = try GGUFHeader(of: file)
    if let count = try header.metadata.integer("split.count", in: 0...65535), count > 1 {
      throw header.metadata.fault("split.count", expected: "a whole file (llama-gguf-split --merge joins parts)")
    }
    positions = Dictionary(
      header.tensors.enumerated().map { ($1.name.exact, $0) }, uniquingKeysWith: { first, _ in first })
  }

  package var path: String { file.path }
  package var metadata: GGUFMetadata { header.metadata }
  package var tensors: [GGUFTensor] { header.tensors }

  package func tensor(_ name: String) -> GGUFTensor? { positions[name.exact].map { header.tensors[$0] } }

  /// Copies `buffer.count` bytes of a tensor as stored, from byte `offset` of it on, into `buffer`. Throws when the
  /// file has become too short or cannot be read.
  package func read(_ tensor: GGUFTensor, from offset: Int = 0, into buffer: UnsafeMutableRawBufferPointer)
    throws(ModelFileError)
  {
    precondition(
      offset >= 0 && offset + buffer.count <= tensor.byteCount ?? 0, "bytes outside of tensor \(tensor.name)")
    try file.read(at: tensor.offset + offset, into: buffer, location: .tensor(tensor.name))
  }
}
