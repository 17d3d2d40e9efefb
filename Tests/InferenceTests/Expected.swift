// The reference outputs that scripts/fixtures/inference.py wrote.
import Foundation
import GenerationTypes
import Inference
import ModelFiles

struct Expected: Decodable {
  struct Image: Decodable {
    var views: String
    var viewCount, side, patchesPerSide, tileRows, tileColumns, tokenCount: Int
    var rows, columns: [Int]

    func prepared() throws -> PreparedImage {
      let grid = ImageLayout.Grid(
        tileRows: tileRows, tileColumns: tileColumns, rows: rows[0]..<rows[1], columns: columns[0]..<columns[1])
      return PreparedImage(
        views: [UInt8](try Data(contentsOf: URL(filePath: Expected.fixtures + views))), viewCount: viewCount,
        side: side,
        layout: ImageLayout(patchesPerSide: patchesPerSide, grid: grid, tokenCount: tokenCount), width: 1, height: 1)
    }
  }

  /// An activation of the reference: its size, root mean square and some of its values.
  struct Activation: Decodable {
    var count: Int
    var rms: Double
    var probes: [Float]

    /// The root mean square difference at the probes relative to `rms`, or infinity if the counts differ.
    func error(of values: [Float]) -> Double {
      guard values.count == count else { return .infinity }
      let squares = probes.enumerated().map { index, probe in
        let difference = Double(values[(index * 7919 + 13) % count]) - Double(probe)
        return difference * difference
      }
      return (squares.reduce(0, +) / Double(probes.count)).squareRoot() / rms
    }
  }

  struct Case: Decodable {
    var checkpoint: String
    var ids: [TokenID]
    var at: Int
    var image: Image?
    var activations: [String: Activation]
    var logits: [Float]
  }

  struct Golden: Decodable {
    var number: Int
    var prompt: [TokenID]
    var at, promptTokens: Int
    var image: Image?
    var reply: [TokenID]
    var logprobs: [Double]
    var pThink: Double?
  }

  struct Shrink: Decodable {
    var rows, columns, toRows, toColumns: Int
    var map, out: [Float]
  }

  var cases: [Case]
  var goldens: [Golden]
  var marker: TokenID
  var closing: [TokenID]
  var tokenizerSize: Int
  var shrink: [Shrink]

  private static let tests = URL(filePath: #filePath).deletingLastPathComponent().path
  static let fixtures = tests + "/Fixtures/"

  static func read() throws -> Expected {
    try JSONDecoder().decode(Expected.self, from: Data(contentsOf: URL(filePath: fixtures + "expected.json")))
  }

  static let checkpoints = ["one-layer", "five-layers-tied", "odd-f32", "mixed-types", "wide-group", "r-tiny"]

  static func directory(_ name: String) -> String {
    name == "r-tiny" ? tests + "/../../Models/r-tiny" : fixtures + name
  }

  static func model(_ name: String) throws -> RModel {
    try RModel(checkpoint: try Checkpoint(directory: directory(name)))
  }
}

extension RRunner {
  /// The inputs of a prompt: ids, with the features of an image between them.
  static func inputs(_ ids: [TokenID], at: Int, _ features: ImageFeatures?) -> [BatchInput] {
    guard let features else { return [.tokens(ids[...])] }
    return [.tokens(ids[..<at]), .features(features, 0..<features.rows), .tokens(ids[at...])]
  }

  /// Appends `inputs` to `sequence` and returns the logits after the last position.
  func append(_ inputs: [BatchInput], to sequence: KVSequence) throws -> [Float] {
    var out: [Float] = []
    try step(Batch(entries: [.init(sequence: sequence, inputs: inputs, logitRows: 1)])) { _, logits in
      out = Array(logits)
    }
    return out
  }
}

extension [BatchInput] {
  /// The same positions in runs of at most `size`.
  func chunks(of size: Int) -> [BatchInput] {
    flatMap { input -> [BatchInput] in
      switch input {
      case .tokens(let tokens):
        return stride(from: tokens.startIndex, to: tokens.endIndex, by: size).map {
          .tokens(tokens[$0..<Swift.min($0 + size, tokens.endIndex)])
        }
      case .features(let features, let rows):
        return stride(from: rows.lowerBound, to: rows.upperBound, by: size).map {
          .features(features, $0..<Swift.min($0 + size, rows.upperBound))
        }
      }
    }
  }
}
