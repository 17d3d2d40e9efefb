// R-Tiny as `r4b quantize` writes it: a text file and a vision file, and the tensors of both.
import Foundation
import Inference
import ModelFiles

/// A pair of GGUF files in a folder that is removed with the value.
final class QuantizedPair {
  private let folder: URL
  let type, visionType: FileType

  var path: String { folder.path + "/tiny.gguf" }
  var visionPath: String { folder.path + "/mmproj-tiny.gguf" }

  init(of checkpoint: Checkpoint, _ type: FileType) throws {
    visionType = type.suitsVision ? type : .q8_0
    self.type = type
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("pair-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    // The vocabulary does not matter here.
    let vocabulary = TokenizerVocabulary(
      tokens: GGUFStrings(["a", "<|im_end|>"]), kinds: [.normal, .control], merges: GGUFStrings(), preTokenizer: "qwen2"
    )
    let configuration = checkpoint.configuration
    let text = try QuantizedFile(
      path: path, type, metadata: checkpoint.textMetadata(name: "tiny", vocabulary: vocabulary),
      plan: configuration.textPlan(type))
    let vision = try QuantizedFile(
      path: visionPath, visionType, metadata: checkpoint.visionMetadata(name: "tiny") ?? GGUFMetadata(),
      plan: configuration.visionPlan(visionType))
    let quantizer = try Quantizer(checkpoint, into: [vision, text])
    _ = try quantizer.run(progress: { _ in }, isCancelled: { false })
    try quantizer.finish()
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  func open() throws -> Checkpoint { try Checkpoint(path: path) }

  /// The type of each tensor of `checkpoint` in the files.
  func plan(_ checkpoint: Checkpoint) -> (TensorInfo) -> ElementType {
    let planned = checkpoint.configuration.textPlan(type) + checkpoint.configuration.visionPlan(visionType)
    let types = Dictionary(planned.map { ($0.source, $0.written.type) }, uniquingKeysWith: { $1 })
    return { types[$0.name] ?? $0.type }
  }

  /// Swaps two tensors of one file and of the same size.
  func exchange(_ one: String, _ other: String, in path: String) throws {
    let gguf = try GGUFFile(path: path)
    guard let one = gguf.tensor(one), let other = gguf.tensor(other), one.byteCount == other.byteCount else {
      throw CocoaError(.fileReadCorruptFile)
    }
    var bytes = try Data(contentsOf: URL(filePath: path))
    let (first, second) = (
      one.offset..<one.offset + (one.byteCount ?? 0), other.offset..<other.offset + (other.byteCount ?? 0)
    )
    let (before, after) = (Data(bytes[first]), Data(bytes[second]))
    bytes.replaceSubrange(first, with: after)
    bytes.replaceSubrange(second, with: before)
    try bytes.write(to: URL(filePath: path))
  }
}
