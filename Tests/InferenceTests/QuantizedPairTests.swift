// A checkpoint through `quantize` and back: compares every activation of the files with the PyTorch reference. The
// tolerance is the effect of rounding the weights and, for quantised weights, of rounding the inputs.
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct `Quantised files` {
  /// The tolerance for rounding the inputs of products to 8 bits; the largest measured effect is 0.0075. Inputs of
  /// products with plain weights are not rounded.
  private func inputs(_ type: FileType) -> Double { type.element.isQuantized ? 0.02 : 1e-4 }

  private func run(_ model: RModel, _ expected: Expected.Case) throws -> [String: [Float]] {
    let runner = try RRunner(model: model, cacheType: .f32)
    var activations: [String: [Float]] = [:]
    runner.tap = { activations[$0, default: []] += $1 }
    let features = try expected.image.map { try runner.encode(try $0.prepared()) }
    let sequence = try runner.makeSequence(capacity: runner.contextLength)
    _ = try runner.append(RRunner.inputs(expected.ids, at: expected.at, features), to: sequence)
    return activations
  }

  /// For each activation the pair's error, and the error of its weights in f32, which is the quantisation's own.
  private func errors(_ pair: QuantizedPair, _ source: Checkpoint) throws -> [(
    name: String, error: Double, own: Double
  )] {
    let widened = try Dequantized(of: source, in: URL(filePath: Expected.directory("r-tiny")), plan: pair.plan(source))
    let own = try RModel(checkpoint: Checkpoint(directory: widened.directory.path))
    let model = try RModel(checkpoint: pair.open())
    var errors: [(name: String, error: Double, own: Double)] = []
    for expected in try Expected.read().cases where expected.checkpoint == "r-tiny" {
      let got = try run(model, expected), rounded = try run(own, expected)
      for (name, reference) in expected.activations {
        errors.append((name, reference.error(of: got[name] ?? []), reference.error(of: rounded[name] ?? [])))
      }
    }
    return errors
  }

  @Test(arguments: FileType.allCases)
  func `every activation matches the reference output within the quantisation's own error`(type: FileType) throws {
    let source = try Checkpoint(directory: Expected.directory("r-tiny"))
    let pair = try QuantizedPair(of: source, type)
    let errors = try errors(pair, source)
    #expect(errors.count > 10)
    for (name, error, own) in errors { #expect(error < own + inputs(type), "\(name): \(error), rounded \(own)") }
    let most = errors.max { $0.error < $1.error }, own = errors.map(\.own).max() ?? 0
    let beyond = errors.map { $0.error - $0.own }.max() ?? 0
    print("\(type): \(most?.error ?? 0) at \(most?.name ?? ""), \(own) by its weights alone, at most \(beyond) more")
    // The accuracy of each type. If the rounding itself were wrong, both errors would exceed it.
    let worth: [FileType: Double] = [.q8_0: 0.01, .q6K: 0.03, .q5KM: 0.07, .q4KM: 0.15, .q4_0: 0.15]
    #expect(own < worth[type] ?? 1e-4, "\(own)")
  }

  /// Shows that the test above can fail: swaps two tensors of one shape.
  @Test(arguments: [
    (FileType.q8_0, "blk.0.attn_q_norm.weight", "blk.0.attn_k_norm.weight"),
    (.q8_0, "blk.1.attn_norm.weight", "blk.1.ffn_norm.weight"), (.q8_0, "blk.2.ffn_gate.weight", "blk.2.ffn_up.weight"),
    (.q8_0, "blk.3.attn_k.weight", "blk.2.attn_k.weight"), (.q8_0, "v.blk.0.ln1.weight", "v.blk.0.ln2.weight"),
    (.q8_0, "v.blk.1.attn_q.weight", "v.blk.1.attn_k.weight"), (.q8_0, "mm.2.bias", "model.image_newline"),
    (.f16, "v.blk.3.attn_v.bias", "v.blk.3.attn_out.bias"),
  ])
  func `swapped tensors exceed the tolerance`(type: FileType, one: String, other: String) throws {
    let source = try Checkpoint(directory: Expected.directory("r-tiny"))
    let pair = try QuantizedPair(of: source, type)
    let isVision = one.hasPrefix("v.") || one.hasPrefix("mm.")
    try pair.exchange(one, other, in: isVision ? pair.visionPath : pair.path)
    let worst = try errors(pair, source).map { $0.error - $0.own }.max() ?? 0
    #expect(worst > inputs(type), "\(one) for \(other): \(worst)")
  }

  /// Bee's projector is four times as wide: here R-Tiny's four times side by side, each with a quarter of the weight.
  @Test(arguments: ["Bee", "bee"])
  func `a sibling's projector of four times the width gives the reference output`(name: String) throws {
    let folder = URL(filePath: Expected.directory("r-tiny"))
    let widened = try Dequantized(of: Checkpoint(directory: folder.path), in: folder) { tensor, values in
      switch tensor.name {
      case "model.multi_modal_projector.linear_1.weight", "model.multi_modal_projector.linear_1.bias":
        return ([4 * tensor.shape[0]] + tensor.shape.dropFirst(), values + values + values + values)
      case "model.multi_modal_projector.linear_2.weight":
        let width = tensor.shape[1]
        let rows = stride(from: 0, to: values.count, by: width).flatMap { start in
          let row = values[start..<start + width].map { $0 / 4 }
          return row + row + row + row
        }
        return ([tensor.shape[0], 4 * width], rows)
      default: return (tensor.shape, values)
      }
    }
    let file = widened.directory.appendingPathComponent("config.json")
    let text = try String(contentsOf: file, encoding: .utf8)
    let renamed = text.replacing(#/"model_type": *"R"/#, with: "\"model_type\": \"\(name)\"")
    #expect(renamed != text)
    try renamed.write(to: file, atomically: true, encoding: .utf8)
    let model = try RModel(checkpoint: Checkpoint(path: widened.directory.path))
    for expected in try Expected.read().cases where expected.checkpoint == "r-tiny" {
      let activations = try run(model, expected)
      for (name, reference) in expected.activations {
        #expect(reference.error(of: activations[name] ?? []) < 1e-4, "\(name)")
      }
    }
  }
}
