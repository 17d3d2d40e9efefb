// The mode that a request asks for, and the mode that happened.

/// The requested mode.
package enum ThinkingMode: String, Sendable, CaseIterable { case auto, long, short }

/// The mode that happened: a property of the reply, not of the request.
package enum ThinkingOutcome: String, Sendable, CaseIterable {
  case thinking
  case nonThinking = "non_thinking"
}
