// How a vocabulary writes thoughts: tags, white space, ends of sentences.

/// Properties of a token's text that show where a thought may end.
package struct TokenShape: OptionSet, Sendable {
  package let rawValue: UInt8
  package init(rawValue: UInt8) { self.rawValue = rawValue }

  /// White space only.
  package static let white = TokenShape(rawValue: 1)
  package static let beginsWithSpace = TokenShape(rawValue: 2)
  /// Ends with a full stop, question mark or exclamation mark; closing quotes and brackets may follow it.
  package static let endsSentence = TokenShape(rawValue: 4)
  /// Ends with a line feed.
  package static let endsLine = TokenShape(rawValue: 8)
}

/// The tokens that open, close and surround a thought.
package struct ThinkingTokens: Sendable {
  /// Ids of the tags; nil if the vocabulary has none.
  package var open, close: TokenID?
  /// The tokens before a closing tag: after an unfinished line, and directly after the opening tag.
  package var lineEnd: [TokenID] = []
  package var emptyThought: [TokenID] = []
  /// The tokens after the closing tag.
  package var answerGap: [TokenID] = []
  /// The shape of every token, by id.
  package var shapes: [TokenShape] = []

  package init(open: TokenID? = nil, close: TokenID? = nil) { (self.open, self.close) = (open, close) }

  /// The shape of token `id`; empty for an id outside the vocabulary.
  package func shape(of id: TokenID) -> TokenShape { shapes.indices.contains(Int(id)) ? shapes[Int(id)] : [] }
}
