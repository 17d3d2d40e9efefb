// Compares the log-probabilities of a text with the rows of logits of one long prompt.
import Foundation
import GenerationTypes
import Inference
import Testing

@Suite struct `Scoring a text` {
  @Test func `gives the log-probability of each token in the second half of a window`() throws {
    let runner = try RRunner(model: try Expected.model("r-tiny"))
    let tokens: [TokenID] = (0..<21).map { TokenID($0 * 37 % 600) }
    var scored: [ScoredToken] = []
    try runner.score(tokens, window: 8, vocabulary: 625, alternatives: 3) { scored.append($0) }
    // Two windows fit: positions 5, 6, 7 of each, counted in the text.
    #expect(scored.map(\.position) == [5, 6, 7, 13, 14, 15])
    var score = TextScore()
    for token in scored {
      score.add(token)
      let sequence = try runner.makeSequence(capacity: 8)
      let start = token.position / 8 * 8
      let logits = try runner.append([.tokens(tokens[start..<token.position])], to: sequence)[..<625].map(Double.init)
      let top = try #require(logits.max())
      let total = top + log(logits.reduce(0) { $0 + exp($1 - top) })
      #expect(token.token.id == tokens[token.position])
      #expect(abs(Double(token.token.logprob) - (logits[Int(tokens[token.position])] - total)) < 1e-4)
      #expect(token.top.count == 3 && abs(Double(token.top[0].logprob) - (top - total)) < 1e-4)
    }
    let mean = scored.reduce(0) { $0 + Double($1.token.logprob) } / 6
    #expect(score.count == 6 && abs(score.perplexity - exp(-mean)) < 1e-9 * score.perplexity)
  }

  @Test func `skips a text that is shorter than a window`() throws {
    let runner = try RRunner(model: try Expected.model("r-tiny"))
    try runner.score([1, 2, 3], window: 4, vocabulary: 625, alternatives: 1) { _ in Issue.record("scored") }
    #expect(TextScore().perplexity == 1)
  }
}
