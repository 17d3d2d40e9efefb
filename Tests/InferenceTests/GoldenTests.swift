// Greedy replies to R-Tiny's golden prompts: ids, log-probabilities and P(think), as stored and in 8 bits.
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

@Suite struct GoldenTests {
  /// The reference has no cache. With f32, the difference is that of the arithmetic; otherwise it includes the rounding
  /// of the cache.
  @Test(arguments: [(KVCacheType.f32, 1e-3), (.f16, 1e-3), (.q8_0, 2e-2)])
  func `greedy replies of R-Tiny match the reference with every type of cache`(
    cacheType: KVCacheType, tolerance: Double
  ) throws {
    let worst = try check(RRunner(model: Expected.model("r-tiny"), cacheType: cacheType), tolerance: tolerance)
    print("largest difference of a log-probability with a cache of \(cacheType): \(worst)")
  }

  /// Rounding weights and inputs to 8 bits changes log-probabilities, but no reply.
  @Test func `greedy replies of R-Tiny in Q8_0 match the reference`() throws {
    let checkpoint = try Checkpoint(directory: Expected.directory("r-tiny"))
    _ = try check(RRunner(model: RModel(checkpoint: checkpoint, plan: plan(.q8_0))), tolerance: 0.15)
  }

  @Test func `greedy replies of R-Tiny from files in Q8_0 match the reference`() throws {
    let pair = try QuantizedPair(of: Checkpoint(directory: Expected.directory("r-tiny")), .q8_0)
    _ = try check(RRunner(model: RModel(checkpoint: pair.open())), tolerance: 0.15)
  }

  /// The largest difference of a log-probability.
  private func check(_ runner: RRunner, tolerance: Double) throws -> Double {
    let expected = try Expected.read()
    var worst = 0.0
    #expect(expected.goldens.count >= 8)
    for golden in expected.goldens {
      let features = try golden.image.map { try runner.encode(try $0.prepared()) }
      let sequence = try runner.makeSequence(capacity: 256)
      var logits = try runner.append(RRunner.inputs(golden.prompt, at: golden.at, features), to: sequence)
      let promptTokens = sequence.count
      #expect(promptTokens == golden.promptTokens)
      var reply: [TokenID] = []
      while reply.count < golden.reply.count {
        logits[Int(expected.marker)] = -.infinity
        let scores = logits[..<expected.tokenizerSize].map(Double.init)
        let top = scores.max() ?? 0
        let total = scores.reduce(0) { $0 + exp($1 - top) }
        if let pThink = golden.pThink, reply.isEmpty {
          let closing = expected.closing.reduce(0) { $0 + exp(scores[Int($1)] - top) }
          #expect(abs(1 - closing / total - pThink) < tolerance, "golden \(golden.number)")
        }
        let best = scores.firstIndex(of: top) ?? 0
        let error = abs(-log(total) - golden.logprobs[reply.count])
        #expect(error < tolerance, "golden \(golden.number)")
        worst = max(worst, error)
        reply.append(TokenID(best))
        logits = try runner.append([.tokens([TokenID(best)])], to: sequence)
      }
      #expect(reply == golden.reply, "golden \(golden.number)")
    }
    return worst
  }
}
