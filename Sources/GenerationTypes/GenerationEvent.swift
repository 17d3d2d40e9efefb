// The events of a running request.

/// A token with its log-probability in the model's own distribution (before temperature, penalties and bias).
package struct TokenLogprob: Sendable, Equatable {
  package var id: TokenID
  package var logprob: Float
  package init(id: TokenID, logprob: Float) { (self.id, self.logprob) = (id, logprob) }
}

/// One token of a reply.
package struct GeneratedToken: Sendable, Equatable {
  package var id: TokenID
  /// Set if log-probabilities were requested.
  package var logprob: Float?
  /// The most probable alternatives, best first, as many as requested.
  package var top: [TokenLogprob] = []
  /// P(think), on the first token of a reply that decides about thinking.
  package var thinkProbability: Float?
  /// Why the server closed the thought, on the first token that it wrote for this.
  package var thoughtEnd: ThoughtEnd?
  package init(id: TokenID, logprob: Float? = nil, top: [TokenLogprob] = [], thinkProbability: Float? = nil) {
    (self.id, self.logprob, self.top, self.thinkProbability) = (id, logprob, top, thinkProbability)
  }
}

/// Why the engine ended a reply.
package enum FinishReason: String, Sendable {
  /// The model ended its turn, or a stop string was found.
  case stop
  /// The token limit was reached.
  case length
}

/// The parts of the time from the submission of a request to its first token.
package struct GenerationTimings: Sendable, Equatable {
  /// Waiting for a slot.
  package var queue = Duration.zero
  /// Encoding images.
  package var image = Duration.zero
  package var prefill = Duration.zero
  package init() {}
}

/// An event of a running request, in this order: progress, one `prefilled`, tokens, one `finished`.
package enum GenerationEvent: Sendable {
  /// The number of prompt positions processed so far; those of an image count once they are filled.
  case prefill(done: Int, total: Int)
  /// The progress of encoding an image: blocks of the vision tower over all of its views.
  case encoding(image: Int, done: Int, total: Int)
  /// The prompt is processed and the first token follows. The prefix cache held `cachedTokens` of the prompt.
  case prefilled(GenerationTimings, cachedTokens: Int)
  case token(GeneratedToken)
  case finished(FinishReason)
}
