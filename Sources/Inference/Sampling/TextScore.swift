// The log-probability of each token of a given text, given the tokens before it.
import Foundation
import GenerationTypes

/// One token of a text with its log-probability.
package struct ScoredToken: Sendable, Equatable {
  /// Its position in the text, counted from 0.
  package var position: Int
  /// The token and its log-probability in the model's own distribution.
  package var token: TokenLogprob
  /// The most probable tokens at this position, best first.
  package var top: [TokenLogprob]
}

/// The sum of the log-probabilities of a text.
package struct TextScore: Sendable {
  package private(set) var count = 0
  private var sum = 0.0

  package init() {}
  package mutating func add(_ token: ScoredToken) {
    count += 1
    sum -= Double(token.token.logprob)
  }

  /// exp of the mean negative log-probability; 1 for an empty text.
  package var perplexity: Double { exp(sum / Double(max(1, count))) }
}

extension ModelRunner {
  /// Scores `tokens` in windows of `window` tokens, each from an empty context as llama-perplexity does, and reports
  /// the second half of each window. An incomplete last window is omitted. `vocabulary` is the number of columns that
  /// are tokens; `alternatives` of them are listed. It decodes one token a step, so that only one row of logits exists
  /// at a time.
  package func score(
    _ tokens: [TokenID], window: Int, vocabulary: Int, alternatives: Int, report: (ScoredToken) -> Void
  ) throws {
    for start in stride(from: 0, through: tokens.count - window, by: window) {
      let sequence = try makeSequence(capacity: window)
      for position in start..<start + window - 1 {
        let isScored = position >= start + window / 2
        let entry = Batch.Entry(
          sequence: sequence, inputs: [.tokens(tokens[position...position])], logitRows: isScored ? 1 : 0)
        var scored: ScoredToken?
        var failure: SamplingError?
        try step(Batch(entries: [entry])) { _, values in
          do throws(SamplingError) {
            let row = LogitsRow(values, count: vocabulary)
            let total = row.logSumExp(largest: try row.largest().logit), next = tokens[position + 1]
            guard row.contains(next) else { return }
            scored = ScoredToken(
              position: position + 1, token: TokenLogprob(id: next, logprob: Float(Double(values[Int(next)]) - total)),
              top: row.alternatives(alternatives, logSumExp: total))
          } catch { failure = error }
        }
        if let failure { throw failure }
        if let scored { report(scored) }
      }
    }
  }
}
