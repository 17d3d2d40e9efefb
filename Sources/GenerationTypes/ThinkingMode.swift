// The mode that a request asks for and the mode that its reply came to.

/// How the client wants the model to think.
package enum ThinkingMode: String, Sendable, CaseIterable { case auto, long, short }

/// What the model did: a property of the reply, not of the request.
package enum ThinkingOutcome: String, Sendable, CaseIterable {
  case thinking
  case nonThinking = "non_thinking"
}
