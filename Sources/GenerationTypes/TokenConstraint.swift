// What keeps a reply's answer to a form: which tokens may come next, one token after another.

/// A set of token ids: bit `id % 64` of word `id / 64`. Ids beyond the last word are not in it.
package struct TokenMask: Sendable, Equatable {
  package var words: [UInt64]

  package init(words: [UInt64]) { self.words = words }

  /// An empty mask with room for `count` ids.
  package init(count: Int) { words = Array(repeating: 0, count: (max(count, 0) + 63) / 64) }

  package func contains(_ id: TokenID) -> Bool {
    let index = Int(id)
    return index >= 0 && index / 64 < words.count && words[index / 64] >> UInt64(index % 64) & 1 == 1
  }

  /// Adds `id`, which must be within the mask's room.
  package mutating func insert(_ id: TokenID) { words[Int(id) / 64] |= 1 << UInt64(Int(id) % 64) }

  /// Takes out `id`, which must be within the mask's room.
  package mutating func remove(_ id: TokenID) { words[Int(id) / 64] &= ~(1 << UInt64(Int(id) % 64)) }
}

/// The form of one answer, as a value that follows its tokens. It belongs to one reply and is used on the engine's thread.
package protocol TokenConstraint: Sendable {
  /// Whether the reply owes an answer of this form; else it may end without one, wherever it likes.
  var isOwed: Bool { get }
  /// The tokens that may come next, tokens that end the reply among them where it may end here. Never empty; nil allows all.
  mutating func allowed() -> TokenMask?
  /// Takes note of the token that came, one of those that were allowed.
  mutating func advance(past id: TokenID)
}

extension TokenConstraint {
  /// A form is owed unless it says otherwise.
  package var isOwed: Bool { true }
}
