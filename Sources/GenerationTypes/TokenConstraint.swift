// Constraints on the form of an answer: the tokens that may come next.

/// A set of token ids: bit `id % 64` of word `id / 64`. It does not contain ids beyond the last word.
package struct TokenMask: Sendable, Equatable {
  package var words: [UInt64]

  package init(words: [UInt64]) { self.words = words }

  /// An empty mask for ids below `count`.
  package init(count: Int) { words = Array(repeating: 0, count: (max(count, 0) + 63) / 64) }

  package func contains(_ id: TokenID) -> Bool {
    let index = Int(id)
    return index >= 0 && index / 64 < words.count && words[index / 64] >> UInt64(index % 64) & 1 == 1
  }

  /// Adds `id`, which must be below the capacity.
  package mutating func insert(_ id: TokenID) { words[Int(id) / 64] |= 1 << UInt64(Int(id) % 64) }

  /// Removes `id`, which must be below the capacity.
  package mutating func remove(_ id: TokenID) { words[Int(id) / 64] &= ~(1 << UInt64(Int(id) % 64)) }
}

/// The form of one answer, as a value that follows its tokens. It belongs to one reply and is used on the engine's
/// thread.
package protocol TokenConstraint: Sendable {
  /// Whether the reply must have an answer of this form; otherwise it may end anywhere.
  var isOwed: Bool { get }
  /// Returns the tokens that may come next, including those that end the reply if it may end here. Never empty; nil
  /// allows all.
  mutating func allowed() -> TokenMask?
  /// Takes the next token, which was allowed.
  mutating func advance(past id: TokenID)
}

extension TokenConstraint {
  /// A form is required by default.
  package var isOwed: Bool { true }
}
