// One reply to generate, and the service class it waits in.

/// The order in which requests are served: batch requests run while no interactive one does, shadow requests, which no
/// client waits for, while no other does.
package enum ServiceClass: Int, Sendable, Comparable {
  case shadow, batch, interactive

  package static func < (a: ServiceClass, b: ServiceClass) -> Bool { a.rawValue < b.rawValue }
}

/// One reply to generate.
package struct GenerationRequest: Sendable {
  package var prompt: Prompt
  package var sampling: SamplingParameters
  package var control: ControlTokens
  /// The largest number of generated tokens, thinking included.
  package var maxTokens: Int
  /// Whether the first token decides about thinking, so that P(think) is reported.
  package var decides: Bool
  /// Where the reply begins.
  package var start = ReplyStart.beforeThought
  package var thought = ThoughtRules()
  /// The form of the answer; nil for a free answer.
  package var constraint: (any TokenConstraint)?
  package var serviceClass = ServiceClass.interactive
  /// Whether a short reply is to be expected, so that it need not wait behind long thoughts.
  package var isShort = false
  /// Requests share cache entries only with requests of the same salt.
  package var salt = ""
  /// Slots are shared fairly between clients.
  package var client = ClientID.server
  /// The time at which the reply must have ended.
  package var deadline: ContinuousClock.Instant?
  package init(prompt: Prompt, sampling: SamplingParameters, control: ControlTokens, maxTokens: Int, decides: Bool) {
    (self.prompt, self.sampling, self.control) = (prompt, sampling, control)
    (self.maxTokens, self.decides) = (maxTokens, decides)
  }
}
