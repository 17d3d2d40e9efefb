// The log-probabilities of a text, held against the rows of logits that one long prompt gives.
import Foundation
import GenerationTypes
import Inference
import Testing

@Suite struct `Scoring a text` {
  @Test func `gives each token of a window's second half its log-probability after all before it in the window`() throws
  {
    let runner = try RRunner(model: try Expected.model("r-tiny"))
    let tokens: [TokenID] = (0..<21).map { TokenID($0 * 37 % 600) }
    var places: [ScoredToken] = []
    try runner.score(tokens, window: 8, vocabulary: 625, alternatives: 3) { places.append($0) }
    // Two windows fit: places 5, 6, 7 of each, counted in the text.
    #expect(places.map(\.position) == [5, 6, 7, 13, 14, 15])
    var score = TextScore()
    for place in places {
      score.add(place)
      let sequence = try runner.makeSequence(capacity: 8)
      let start = place.position / 8 * 8
      let logits = try runner.append([.tokens(tokens[start..<place.position])], to: sequence)[..<625].map(Double.init)
      let top = try #require(logits.max())
      let total = top + log(logits.reduce(0) { $0 + exp($1 - top) })
      #expect(place.token.id == tokens[place.position])
      #expect(abs(Double(place.token.logprob) - (logits[Int(tokens[place.position])] - total)) < 1e-4)
      #expect(place.top.count == 3 && abs(Double(place.top[0].logprob) - (top - total)) < 1e-4)
    }
    let mean = places.reduce(0) { $0 + Double($1.token.logprob) } / 6
    #expect(score.count == 6 && abs(score.perplexity - exp(-mean)) < 1e-9 * score.perplexity)
  }

  @Test func `leaves out a text shorter than a window`() throws {
    let runner = try RRunner(model: try Expected.model("r-tiny"))
    try runner.score([1, 2, 3], window: 4, vocabulary: 625, alternatives: 1) { _ in Issue.record("scored") }
    #expect(TextScore().perplexity == 1)
  }
}
