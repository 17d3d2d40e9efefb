// Compares llama's decoder from a GGUF file with transformers: no head norms, neighbouring pairs rotated, a tied output
// matrix, no vision tower.
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct `The llama architecture` {
  private struct Reference: Decodable {
    var ids: [TokenID]
    /// The values of the last position after the first layers.
    var layers: [[Float]]
    var logits: [Float]

    static func read() throws -> Reference {
      let file = URL(filePath: Expected.fixtures + "llama/expected.json")
      return try JSONDecoder().decode(Reference.self, from: Data(contentsOf: file))
    }
  }

  private func model() throws -> RModel {
    try RModel(checkpoint: try Checkpoint(path: Expected.fixtures + "llama/llama.gguf"))
  }

  private func error(of values: [Float], beside expected: [Float]) -> Double {
    let squares = zip(values, expected).reduce(0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    return (squares / expected.reduce(0) { $0 + Double($1) * Double($1) }).squareRoot()
  }

  @Test func `layers and logits are within 1e-5 of transformers, with any chunk size`() throws {
    let reference = try Reference.read(), model = try model()
    for (chunk, threads) in [(100, 1), (1, 2), (7, 2)] {
      let runner = try RRunner(model: model, threads: threads, cacheType: .f32)
      var last: [String: [Float]] = [:]
      runner.tap = { last[$0] = Array($1) }
      let sequence = try runner.makeSequence(capacity: 64)
      var logits: [Float] = []
      for input in [BatchInput.tokens(reference.ids[...])].chunks(of: chunk) {
        logits = try runner.append([input], to: sequence)
      }
      #expect(logits.count == reference.logits.count && reference.layers.count == 2)
      #expect(error(of: logits, beside: reference.logits) < 1e-5)
      for (index, layer) in reference.layers.enumerated() {
        let values = (last["text.layer.\(index)"] ?? []).suffix(layer.count)
        #expect(values.count == layer.count)
        #expect(error(of: Array(values), beside: layer) < 1e-5)
      }
    }
  }

  @Test func `an image is rejected with the reason`() throws {
    let runner = try RRunner(model: try model(), threads: 1)
    let layout = ImageLayout(patchesPerSide: 2, grid: nil, tokenCount: 4)
    let image = PreparedImage(
      views: [UInt8](repeating: 0, count: 28 * 28 * 3), viewCount: 1, side: 28, layout: layout, width: 1, height: 1)
    #expect(throws: InferenceError.invalidImage("the model takes text only")) { try runner.encode(image) }
  }
}
