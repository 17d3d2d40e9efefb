// The generated tokens of a reply by kind.

/// Generated tokens by kind. Their sum is the number of tokens generated.
package struct TokenCounts: Sendable, Equatable, BitwiseCopyable {
  package var thinking = 0
  /// Tags, the white space that belongs to them, the end-of-turn token.
  package var control = 0
  package var answer = 0
  package var total: Int { thinking + control + answer }

  package init(thinking: Int = 0, control: Int = 0, answer: Int = 0) {
    (self.thinking, self.control, self.answer) = (thinking, control, answer)
  }

  /// Adds the counts of another reply.
  package static func += (sum: inout TokenCounts, other: TokenCounts) {
    sum.thinking += other.thinking
    sum.control += other.control
    sum.answer += other.answer
  }
}
