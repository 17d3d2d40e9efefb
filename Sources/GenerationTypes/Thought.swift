// Where a thought begins, how it is steered and bounded, and why it ended.

/// Where a reply begins, read from the prompt's last tokens.
package enum ReplyStart: Sendable, Equatable {
  /// The prompt opened a thought: `<think>` and perhaps white space.
  case insideThought
  /// The prompt closed the thought.
  case answer
  /// No tag in sight; the model may open a thought itself.
  case beforeThought
  /// There are no thoughts and no turns: everything is text, as it is.
  case plainText
}

/// Why the thought ended.
package enum ThoughtEnd: String, Sendable, CaseIterable {
  /// The model closed it, or ended its turn.
  case natural
  /// It had the tokens it was given.
  case budget
  /// It repeated itself.
  case loop
  /// The reply's token limit: it was closed to leave room for the answer, or cut off.
  case length
}

/// What a token's text looks like, as far as the end of a sentence is told from it.
package struct TokenShape: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// White space and nothing else.
  package static let white = TokenShape(rawValue: 1)
  package static let beginsWithSpace = TokenShape(rawValue: 2)
  /// Ends with a full stop, a question or an exclamation mark, closing quotes and brackets aside.
  package static let endsSentence = TokenShape(rawValue: 4)
  /// Ends with a line feed.
  package static let endsLine = TokenShape(rawValue: 8)
}

/// How the vocabulary writes thoughts.
package struct ThinkingTokens: Sendable {
  /// Ids of the tags; nil where the vocabulary has none.
  package var open, close: TokenID?
  /// What is written before the closing tag: of a thought whose line is open, and of one that never began.
  package var lineEnd: [TokenID] = []
  package var emptyThought: [TokenID] = []
  /// What is written after the closing tag.
  package var answerGap: [TokenID] = []
  /// By id.
  package var shapes: [TokenShape] = []

  package init(open: TokenID? = nil, close: TokenID? = nil) { (self.open, self.close) = (open, close) }

  package func shape(of id: TokenID) -> TokenShape { shapes.indices.contains(Int(id)) ? shapes[Int(id)] : [] }
}

/// How one reply's thought is steered and bounded.
package struct ThoughtRules: Sendable, Equatable {
  /// Logits added to the ids that decide against thinking, at the token that decides.
  package var bias: Float = 0
  /// Think exactly when P(think) is at least this, instead of drawing.
  package var threshold: Float?
  /// Thinking tokens at most, but for the grace in which a sentence may end.
  package var budget: Int?
  /// Tokens of the reply's limit that are kept for the answer; 0 lets the thought take them all.
  package var answerReserve = 0
  /// Whether a thought that repeats itself is closed.
  package var stopsLoops = false

  package init() {}
}
