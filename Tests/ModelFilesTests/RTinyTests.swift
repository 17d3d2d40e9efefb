import Foundation
import JSON
import ModelFiles
import Testing

/// The miniature that ships with the project.
private let rTiny = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
  .appendingPathComponent("../../Models/r-tiny").standardizedFileURL.path

@Suite struct `R-Tiny` {
  @Test func `opens with the configuration in its files`() throws {
    let checkpoint = try Checkpoint(directory: rTiny)
    let text = TextConfiguration(
      hiddenSize: 256, layerCount: 4, headCount: 8, kvHeadCount: 4, headDimension: 32, intermediateSize: 512,
      vocabularySize: 640, ropeTheta: 10000, rmsNormEpsilon: 1e-6, maxPositions: 2048, tied: false)
    let vision = VisionConfiguration(
      hiddenSize: 128, layerCount: 4, headCount: 4, intermediateSize: 512, imageSize: 56, patchSize: 14,
      channelCount: 3,
      layerNormEpsilon: 1e-6)
    #expect(
      checkpoint.configuration
        == RConfiguration(
          text: text, vision: vision, imageTokenIndex: 624, visionAspectRatio: .anyres(maxPatches: nil),
          imageGridPinpoints: RConfiguration.defaultPinpoints(imageSize: 56), maxPositions: 2048))
    #expect(checkpoint.preprocessor?.mean == [0.5, 0.5, 0.5])
    #expect(checkpoint.preprocessor?.resample == 2)
    #expect(checkpoint.preprocessor?.size == PixelSize(height: 56, width: 56))
    #expect(checkpoint.generation == GenerationConfiguration(endOfSequence: [621, 619], padding: 619))
    #expect(checkpoint.chatTemplate?.contains("thinking_mode") == true)
    #expect(try JSONValue(parsing: checkpoint.tokenizerBytes)["model"]?["type"] == "BPE")
  }

  @Test func `every value is where the header says`() throws {
    let checkpoint = try Checkpoint(directory: rTiny)
    let file = [UInt8](try Data(contentsOf: URL(fileURLWithPath: rTiny + "/model.safetensors")))
    // The header was written by the reference crate; Foundation's parser reads it for comparison.
    let length = file[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try #require(
      try JSONSerialization.jsonObject(with: Data(file[8..<8 + length])) as? [String: [String: Any]])
    var parameters = 0
    for (name, entry) in header where name != "__metadata__" {
      let tensor = try #require(checkpoint.tensor(name))
      let offsets = try #require(entry["data_offsets"] as? [Int])
      #expect(tensor.shape == entry["shape"] as? [Int])
      #expect(tensor.type == .bf16)
      var bytes = [UInt8](repeating: 0, count: tensor.byteCount)
      try bytes.withUnsafeMutableBytes { try checkpoint.read(tensor, into: $0) }
      #expect(bytes.elementsEqual(file[8 + length + offsets[0]..<8 + length + offsets[1]]))
      parameters += (offsets[1] - offsets[0]) / 2
    }
    #expect(checkpoint.parameterCount == parameters)
    #expect(checkpoint.tensorNames.count == header.count - 1)
  }

  @Test func `the summary counts every tensor once`() throws {
    let checkpoint = try Checkpoint(directory: rTiny)
    let summary = CheckpointSummary(of: checkpoint)
    #expect(
      summary.groups.map(\.name) == ["vision tower", "projector", "image newline", "embedding", "decoder", "head"])
    #expect(summary.tensorCount == checkpoint.tensorNames.count)
    #expect(summary.parameterCount == checkpoint.parameterCount)
    #expect(summary.byteCount == 2 * checkpoint.parameterCount)
    #expect(summary.groups.map { $0.types[.bf16] } == summary.groups.map(\.tensorCount))
    #expect(summary.unused == [])
  }
}

extension Checkpoint {
  /// The bytes of `tokenizer.json`; none for a vocabulary.
  fileprivate var tokenizerBytes: [UInt8] { if case .json(let bytes, _) = tokenizer { bytes } else { [] } }
}
