// Greedy continuation of R-Tiny's goldens: ids, log-probabilities and P(think).
import Foundation
import GenerationTypes
import Inference
import Testing

@Suite struct GoldenTests {
  @Test func `greedy replies of R-Tiny are the reference's`() throws {
    let expected = try Expected.read()
    let runner = try RRunner(model: try Expected.model("r-tiny"))
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
          #expect(abs(1 - closing / total - pThink) < 1e-3, "golden \(golden.number)")
        }
        let best = scores.firstIndex(of: top) ?? 0
        #expect(abs(-log(total) - golden.logprobs[reply.count]) < 1e-3, "golden \(golden.number)")
        reply.append(TokenID(best))
        logits = try runner.append([.tokens([TokenID(best)])], to: sequence)
      }
      #expect(reply == golden.reply, "golden \(golden.number)")
    }
  }
}
