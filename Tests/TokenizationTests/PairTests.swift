import Foundation
import ModelFiles
import Testing
import Tokenization

@Suite struct `GGUF file pairs` {
  /// Writes the tensors of `checkpoint` for which `names` has a name.
  private static func write(
    _ checkpoint: Checkpoint, _ names: GGUFTensorNames, _ metadata: GGUFMetadata, _ path: String
  ) throws {
    let tensors = checkpoint.tensorNames.compactMap { name in names.stored(name).map { (stored: $0, name: name) } }
    var plans: [GGUFTensorPlan] = []
    for tensor in tensors {
      let info = try #require(checkpoint.tensor(tensor.name))
      plans.append(GGUFTensorPlan(name: tensor.stored, type: info.type, shape: info.shape))
    }
    let writer = try GGUFWriter(path: path, metadata: metadata, tensors: plans)
    for tensor in tensors {
      let bytes = try bytes(of: tensor.name, in: checkpoint)
      try bytes.withUnsafeBytes { try writer.write($0) }
    }
    try writer.finish()
  }

  private static func bytes(of name: String, in checkpoint: Checkpoint) throws -> [UInt8] {
    let tensor = try #require(checkpoint.tensor(name))
    var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
    try bytes.withUnsafeMutableBytes { try checkpoint.read(tensor, into: $0) }
    return bytes
  }

  /// If R4B_GGUF_OUT names a directory, the pair is written there, for other implementations to read.
  @Test func `R-Tiny loads as the same model from a GGUF pair and from its directory`() throws {
    let given = ProcessInfo.processInfo.environment["R4B_GGUF_OUT"]
    let directory =
      given ?? FileManager.default.temporaryDirectory.appendingPathComponent("pair-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { if given == nil { try? FileManager.default.removeItem(atPath: directory) } }
    let original = try Checkpoint(path: Fixtures.root.appending(path: "Models/r-tiny").path())
    let vocabulary = try TokenizerVocabulary(tokenizerJSON: try Fixtures.tinyFile())
    try Self.write(
      original, .text, original.textMetadata(name: "R-Tiny", vocabulary: vocabulary), directory + "/r-tiny.gguf")
    try Self.write(
      original, .vision, try #require(original.visionMetadata(name: "R-Tiny")), directory + "/mmproj-r-tiny.gguf")
    let pair = try Checkpoint(path: directory + "/r-tiny.gguf")
    #expect(pair.configuration == original.configuration)
    #expect(pair.preprocessor == original.preprocessor)
    #expect(pair.generation == original.generation)
    #expect(pair.chatTemplate == original.chatTemplate)
    #expect(pair.namedTokens == original.namedTokens)
    #expect(pair.tensorNames == original.tensorNames)
    #expect(pair.notes.isEmpty)
    for name in original.tensorNames {
      #expect(try Self.bytes(of: name, in: pair) == Self.bytes(of: name, in: original), "\(name)")
    }
  }
}
