// The state of one reply in its grammar. A mask is composed of cached masks of leaves, which are the same wherever a
// leaf occurs, and of short walks for tokens that extend beyond a leaf.
import GenerationTypes
import Text

/// Follows one reply and computes which tokens may come next. A value: copies are independent.
package struct GrammarMatcher: TokenConstraint {
  private let grammar: Grammar
  private let trie: TokenTrie
  private let stop: TokenMask
  private let bytes: @Sendable (TokenID) -> [UInt8]
  private var states: [ParseState]
  /// Whether the text may end here.
  package private(set) var isComplete: Bool
  private var hasEnded = false

  /// Creates a matcher at the start of `grammar`. `bytes` returns a token's text; `stop` contains the tokens that end
  /// the reply.
  package init(
    _ grammar: Grammar, trie: TokenTrie, stop: Set<TokenID>, bytes: @escaping @Sendable (TokenID) -> [UInt8]
  ) {
    self.grammar = grammar
    self.trie = trie
    self.bytes = bytes
    var mask = TokenMask(count: trie.vocabularySize)
    for id in stop where id >= 0 && Int(id) < trie.vocabularySize { mask.insert(id) }
    self.stop = mask
    (states, isComplete) = grammar.initialStates
  }

  /// Returns the tokens that may come next; if nothing can follow, only those that end the reply.
  package mutating func allowed() -> TokenMask? {
    if hasEnded || states.isEmpty { return stop }
    let keys = states.map { grammar.key($0, longest: trie.longest) }
    var mask: TokenMask
    if let known = grammar.cache.mask(of: keys) {
      mask = known
    } else {
      mask = grammar.mask(of: states, trie)
      grammar.cache.store(mask, for: keys)
    }
    if isComplete { mask.formUnion(stop) }
    // The vocabulary may lack the required bytes. Then the reply can only end.
    return mask.isEmpty ? stop : mask
  }

  /// Advances past a token. After a token that cannot follow, only the end is allowed.
  package mutating func advance(past id: TokenID) {
    if stop.contains(id) {
      hasEnded = true
    } else {
      _ = advance(bytes: bytes(id))
    }
  }

  /// Advances past text. Returns false if it cannot follow.
  @discardableResult
  package mutating func advance(bytes: some Sequence<UInt8>) -> Bool {
    for byte in bytes { (states, isComplete) = grammar.step(states, byte) }
    return !states.isEmpty || isComplete
  }
}

extension TokenMask {
  package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

  /// Adds the ids of `other`, which must not be larger.
  package mutating func formUnion(_ other: TokenMask) {
    for index in other.words.indices where index < words.count { words[index] |= other.words[index] }
  }
}
