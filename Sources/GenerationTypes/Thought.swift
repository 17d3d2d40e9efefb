// Where a thought begins, what bounds it, and why it ends.

/// Where a reply begins; read from the last tokens of the prompt.
package enum ReplyStart: Sendable, Equatable {
  /// The prompt ends with `<think>` and possibly white space.
  case insideThought
  /// The prompt closed the thought.
  case answer
  /// The prompt ends without a tag; the model may open a thought itself.
  case beforeThought
  /// A raw completion: no turns, no thoughts, and tags are plain text.
  case plainText
}

/// Why a thought ended.
package enum ThoughtEnd: String, Sendable, CaseIterable, BitwiseCopyable {
  /// The model closed it, or ended its turn.
  case natural
  /// It reached its token budget.
  case budget
  /// It repeated itself.
  case loop
  /// The reply's token limit: the thought was closed to leave room for the answer, or cut off.
  case length
}

/// How one reply's thought is decided and bounded.
package struct ThoughtRules: Sendable, Equatable {
  /// The think bias: logits added to the tokens that decide against thinking, at the deciding token only.
  package var bias: Float = 0
  /// The think threshold: think if P(think) is at least this, instead of sampling the decision.
  package var threshold: Float?
  /// The largest number of thinking tokens; 5 % more may finish a sentence.
  package var budget: Int?
  /// Tokens of the reply's limit that are reserved for the answer; with 0 the thought may use them all.
  package var answerReserve = 0
  /// Whether a thought that repeats itself is closed.
  package var stopsLoops = false

  package init() {}
}
