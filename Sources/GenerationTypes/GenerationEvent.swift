// What a running request reports: tokens, timings and how it finished.

/// A token with its log-probability in the model's own distribution (before temperature, penalties and bias).
package struct TokenLogprob: Sendable, Equatable {
  package var id: TokenID
  package var logprob: Float
  package init(id: TokenID, logprob: Float) { (self.id, self.logprob) = (id, logprob) }
}

package struct GeneratedToken: Sendable, Equatable {
  package var id: TokenID
  /// Set when log-probabilities were asked for.
  package var logprob: Float?
  /// The most probable alternatives, best first, as many as were asked for.
  package var top: [TokenLogprob] = []
  /// P(think), on the first token of a reply that decides.
  package var thinkProbability: Float?
  /// Why the thought was closed, on the first token that was written for the model to close it.
  package var thoughtEnd: ThoughtEnd?
  package init(id: TokenID, logprob: Float? = nil, top: [TokenLogprob] = [], thinkProbability: Float? = nil) {
    (self.id, self.logprob, self.top, self.thinkProbability) = (id, logprob, top, thinkProbability)
  }
}

package enum FinishReason: String, Sendable {
  /// The model ended its turn, or a stop string was found.
  case stop
  /// The token limit was reached.
  case length
}

/// Where the time from a request's submission to its first token went; the three add up to it.
package struct GenerationTimings: Sendable, Equatable {
  /// Waiting for a seat.
  package var queue = Duration.zero
  /// Encoding images.
  package var image = Duration.zero
  package var prefill = Duration.zero
  package init() {}
}

/// What a running request reports, in order: progress, one `prefilled`, tokens, one `finished`. A reader that stops early has
/// all but the end.
package enum GenerationEvent: Sendable {
  /// Prompt places processed so far; image encoding counts when its places are filled.
  case prefill(done: Int, total: Int)
  /// How far the encoding of an image of the prompt is: blocks of the tower over all of its views.
  case encoding(image: Int, done: Int, total: Int)
  /// The prompt is processed and the first token follows; `cachedTokens` of the prompt were not computed again.
  case prefilled(GenerationTimings, cachedTokens: Int)
  case token(GeneratedToken)
  case finished(FinishReason)
}
