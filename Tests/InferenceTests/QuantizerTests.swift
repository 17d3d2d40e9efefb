// Rounds a checkpoint into a pair of files: their contents, and the files that remain when it ends early.
import Foundation
import Glibc
import Inference
import ModelFiles
import Testing

@Suite struct QuantizerTests {
  let folder: String

  init() throws {
    let url = FileManager.default.temporaryDirectory.appending(path: "quantizer-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    folder = url.path
  }

  private func left() throws -> [String] { try FileManager.default.contentsOfDirectory(atPath: folder).sorted() }

  private static let tiny = URL(filePath: #filePath).appending(path: "../../../Models/r-tiny").standardized.path

  /// A vision file and a text file that are being written. The vocabulary does not matter here.
  private func files(_ checkpoint: Checkpoint, _ type: FileType, _ visionType: FileType) throws -> [QuantizedFile] {
    let vocabulary = TokenizerVocabulary(
      tokens: GGUFStrings(["a", "<|im_end|>"]), kinds: [.normal, .control], merges: GGUFStrings(), preTokenizer: "qwen2"
    )
    return [
      try QuantizedFile(
        path: folder + "/mmproj-tiny.gguf", visionType, metadata: #require(checkpoint.visionMetadata(name: "tiny")),
        plan: checkpoint.configuration.visionPlan(visionType)),
      try QuantizedFile(
        path: folder + "/tiny.gguf", type, metadata: checkpoint.textMetadata(name: "tiny", vocabulary: vocabulary),
        plan: checkpoint.configuration.textPlan(type)),
    ]
  }

  @Test func `a pair has the checkpoint's configuration and tensors when it is read back`() throws {
    let checkpoint = try Checkpoint(path: Self.tiny)
    try {
      let files = try files(checkpoint, .f16, .f16)
      let quantizer = try Quantizer(checkpoint, into: files)
      var reported: [Int] = []
      #expect(try quantizer.run(progress: { reported.append($0) }, isCancelled: { false }))
      #expect(reported == reported.sorted() && reported.last == quantizer.parameterCount)
      #expect(try left() == ["mmproj-tiny.gguf.partial", "tiny.gguf.partial"])
      try quantizer.finish()
    }()
    #expect(try left() == ["mmproj-tiny.gguf", "tiny.gguf"])
    let pair = try Checkpoint(path: folder + "/tiny.gguf")
    #expect(pair.preprocessor == checkpoint.preprocessor)
    #expect(pair.generation.endOfSequence == checkpoint.generation.endOfSequence)
    #expect(pair.chatTemplate == checkpoint.chatTemplate)
    var expected = checkpoint.configuration
    expected.text.maxPositions = expected.maxPositions
    #expect(pair.configuration == expected)
    for tensor in checkpoint.configuration.requiredTensors {
      _ = try pair.require(tensor.name, shape: tensor.shape)
    }
  }

  @Test func `a cancelled run leaves no files`() throws {
    let checkpoint = try Checkpoint(path: Self.tiny)
    try {
      let quantizer = try Quantizer(checkpoint, into: try files(checkpoint, .q8_0, .q8_0))
      var done = 0
      #expect(try !quantizer.run(progress: { done = $0 }, isCancelled: { done > quantizer.parameterCount / 2 }))
      #expect(done > 0 && done < quantizer.parameterCount)
    }()
    #expect(try left() == [])
  }

  @Test func `if the text file cannot get its name, the vision file loses its own`() throws {
    let checkpoint = try Checkpoint(path: Self.tiny)
    try {
      let quantizer = try Quantizer(checkpoint, into: try files(checkpoint, .q4_0, .q8_0))
      #expect(try quantizer.run(progress: { _ in }, isCancelled: { false }))
      try FileManager.default.createDirectory(atPath: folder + "/tiny.gguf", withIntermediateDirectories: false)
      #expect(throws: ModelFileError.self) { try quantizer.finish() }
    }()
    #expect(try left() == ["tiny.gguf"])
  }
}
