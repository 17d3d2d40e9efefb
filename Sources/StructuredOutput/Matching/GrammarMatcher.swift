// One reply's place in its grammar. The mask of a place is put together from what its leaves do with the vocabulary, which is the
// same wherever a leaf occurs, and from short walks where a token goes on beyond a leaf.
import GenerationTypes
import Text

/// Follows one reply and says which tokens may come next. A value: copies are independent.
package struct GrammarMatcher: TokenConstraint {
  private let grammar: Grammar
  private let trie: TokenTrie
  private let stop: TokenMask
  private let bytes: @Sendable (TokenID) -> [UInt8]
  private var threads: [Reading]
  /// Whether the text may end here.
  package private(set) var isComplete: Bool
  private var hasEnded = false

  /// The beginning of `grammar`. `bytes` gives a token's text; `stop` ends the reply where the grammar allows it.
  package init(
    _ grammar: Grammar, trie: TokenTrie, stop: Set<TokenID>, bytes: @escaping @Sendable (TokenID) -> [UInt8]
  ) {
    (self.grammar, self.trie, self.bytes) = (grammar, trie, bytes)
    var mask = TokenMask(count: trie.vocabularySize)
    for id in stop where id >= 0 && Int(id) < trie.vocabularySize { mask.insert(id) }
    self.stop = mask
    (threads, isComplete) = grammar.beginnings
  }

  /// The tokens that may come next; where nothing can follow, only those that end the reply.
  package mutating func allowed() -> TokenMask? {
    if hasEnded || threads.isEmpty { return stop }
    let keys = threads.map { grammar.key($0, longest: trie.longest) }
    var mask: TokenMask
    if let known = grammar.cache.mask(of: keys) {
      mask = known
    } else {
      mask = grammar.mask(of: threads, trie)
      grammar.cache.keep(mask, for: keys)
    }
    if isComplete { mask.formUnion(stop) }
    // A vocabulary may lack the bytes that must follow: then the reply can only end.
    return mask.isEmpty ? stop : mask
  }

  /// Takes note of a token; one that cannot follow leaves nothing but the end.
  package mutating func advance(past id: TokenID) {
    if stop.contains(id) {
      hasEnded = true
    } else {
      _ = advance(bytes: bytes(id))
    }
  }

  /// Takes note of text; false where it cannot follow.
  @discardableResult
  package mutating func advance(bytes: some Sequence<UInt8>) -> Bool {
    for byte in bytes { (threads, isComplete) = grammar.step(threads, byte) }
    return !threads.isEmpty || isComplete
  }
}

extension TokenMask {
  package var isEmpty: Bool { words.allSatisfy { $0 == 0 } }

  /// Adds what `other` holds, which has room for no more ids.
  package mutating func formUnion(_ other: TokenMask) {
    for index in other.words.indices where index < words.count { words[index] |= other.words[index] }
  }
}

extension Grammar {
  /// A thread as far as one token can tell it from others.
  func key(_ thread: Reading, longest: Int) -> Reading {
    if case .counted(let text) = nodes[Int(thread.leaf)] {
      var key = thread
      key.count = text.key(thread.count, longest: longest)
      return key
    }
    guard case .text(let least, let most) = nodes[Int(thread.leaf)], least > 0 || most < .max else { return thread }
    let (missing, room) = Self.bounds(thread.count, least, most, longest)
    var key = thread
    // Two small numbers in one.
    key.count = missing * Int32(longest + 2) + room
    return key
  }

  /// Code points that are missing and that may still come, neither more than one token can bring.
  private static func bounds(_ count: Int32, _ least: Int32, _ most: Int32, _ longest: Int) -> (
    missing: Int32, room: Int32
  ) {
    (min(max(least - count, 0), Int32(longest) + 1), min(most == .max ? .max : most - count, Int32(longest) + 1))
  }

  /// The tokens that may follow `threads`.
  func mask(of threads: [Reading], _ trie: TokenTrie) -> TokenMask {
    var mask = TokenMask(count: trie.vocabularySize)
    for thread in threads {
      let leaf = tokens(of: thread, trie)
      mask.formUnion(leaf.inside)
      if leaf.exits.isEmpty { continue }
      if case .distinct = nodes[Int(thread.leaf)], let frame = thread.frame {
        // What may follow depends on the text that ends here.
        for exit in leaf.exits {
          var behind: [Reading] = []
          var canEnd = false
          resume(frame.adding(thread.text + trie.path(to: exit)), &behind, &canEnd)
          if !behind.isEmpty { walk(trie, from: Int(exit), behind, &mask) }
        }
        continue
      }
      // Behind the leaf the same readings follow at every exit.
      var behind: [Reading] = []
      var canEnd = false
      resume(thread.frame, &behind, &canEnd)
      if behind.isEmpty { continue }
      for exit in leaf.exits { walk(trie, from: Int(exit), behind, &mask) }
    }
    return mask
  }

  /// The tokens of a leaf, from the cache or by a walk over the whole vocabulary.
  private func tokens(of thread: Reading, _ trie: TokenTrie) -> MaskCache.LeafTokens {
    let leaf = nodes[Int(thread.leaf)]
    var key = MaskCache.LeafKey(leaf: thread.leaf, state: thread.state, missing: 0, room: .max)
    if case .text(let least, let most) = leaf {
      (key.missing, key.room) = Self.bounds(thread.count, least, most, trie.longest)
      // All free strings are alike but for what may still come.
      key.leaf = -1
    }
    if case .counted(let text) = leaf { key.missing = text.key(thread.count, longest: trie.longest) }
    if let known = cache.tokens(of: key) { return distinct(known, thread, leaf, trie) }
    let tokens: MaskCache.LeafTokens
    switch leaf {
    case .text:
      tokens = Self.tokens(trie, (state: thread.state, count: Int32(0))) { state, byte in
        let from = state.state
        state.state = StringForm.free.next(from, byte)
        if state.state < 0 { return false }
        if from == StringForm.content {
          if byte == 0x22 { return state.count >= key.missing }
          if state.count >= key.room { return false }
          state.count += 1
        }
        return true
      } isAccepting: {
        StringForm.free.isAccepting($0.state)
      }
    case .counted(let text):
      tokens = Self.tokens(trie, (state: thread.state, count: thread.count)) { state, byte in
        text.step(&state.state, &state.count, byte)
      } isAccepting: {
        text.automaton.isAccepting($0.state)
      }
    case .scalar(let automaton), .distinct(let automaton, _):
      tokens = Self.tokens(trie, thread.state) { state, byte in
        state = automaton.next(state, byte)
        return state >= 0
      } isAccepting: {
        automaton.isAccepting($0)
      }
    default: tokens = MaskCache.LeafTokens(inside: TokenMask(count: trie.vocabularySize), exits: [])
    }
    cache.keep(tokens, for: key)
    return distinct(tokens, thread, leaf, trie)
  }

  /// `tokens` without those that would make the text of a leaf one that was seen, or leave it nothing else to become.
  private func distinct(
    _ tokens: MaskCache.LeafTokens, _ thread: Reading, _ leaf: Node, _ trie: TokenTrie
  ) -> MaskCache.LeafTokens {
    guard case .distinct(let automaton, let texts) = leaf, let frame = thread.frame, !frame.seen.isEmpty else {
      return tokens
    }
    var tokens = tokens
    var ends = Set<Int32>()
    for rival in frame.seen where rival.starts(with: thread.text) {
      // Only tokens along this text are in question.
      var at = thread, node = 0
      for byte in rival[thread.text.count...] {
        guard let next = trie.child(of: node, byte) else { break }
        at.state = automaton.next(at.state, byte)
        if at.state < 0 { break }
        at.text.append(byte)
        node = next
        if !isOpen(at, automaton, texts) {
          for place in trie.firsts[node]..<trie.firsts[node + 1] { tokens.inside.remove(trie.tokens[Int(place)]) }
        }
        if at.text.count == rival.count { ends.insert(Int32(node)) }
      }
    }
    if !ends.isEmpty { tokens.exits.removeAll { ends.contains($0) } }
    return tokens
  }

  /// Walks the vocabulary from `start`.
  @inline(__always)
  private static func tokens<State>(
    _ trie: TokenTrie, _ start: State, step: (inout State, UInt8) -> Bool, isAccepting: (State) -> Bool
  ) -> MaskCache.LeafTokens {
    var inside = TokenMask(count: trie.vocabularySize)
    var exits: [Int32] = []
    var states = Array(repeating: start, count: trie.longest + 1)
    // Ends of the subtrees that the walk is in, by depth.
    var ends = Array(repeating: Int32(trie.labels.count), count: trie.longest + 1)
    trie.labels.withUnsafeBufferPointer { labels in
      trie.ends.withUnsafeBufferPointer { subtrees in
        trie.firsts.withUnsafeBufferPointer { firsts in
          var node = 1
          var depth = 0
          while node < labels.count {
            while depth > 0, node >= Int(ends[depth]) { depth -= 1 }
            var state = states[depth]
            guard step(&state, labels[node]) else {
              node = Int(subtrees[node])
              continue
            }
            for place in firsts[node]..<firsts[node + 1] { inside.insert(trie.tokens[Int(place)]) }
            if isAccepting(state), subtrees[node] > Int32(node) + 1 { exits.append(Int32(node)) }
            depth += 1
            states[depth] = state
            ends[depth] = subtrees[node]
            node += 1
          }
        }
      }
    }
    return MaskCache.LeafTokens(inside: inside, exits: exits)
  }

  /// Adds the tokens below `node` whose rest `threads` can take.
  private func walk(_ trie: TokenTrie, from node: Int, _ threads: [Reading], _ mask: inout TokenMask) {
    var levels: [(end: Int, threads: [Reading])] = [(Int(trie.ends[node]), threads)]
    var at = node + 1
    while at < Int(trie.ends[node]) {
      while let last = levels.last, at >= last.end { levels.removeLast() }
      guard let level = levels.last else { return }
      let next = step(level.threads, trie.labels[at])
      if next.threads.isEmpty, !next.canEnd {
        at = Int(trie.ends[at])
        continue
      }
      for place in trie.firsts[at]..<trie.firsts[at + 1] { mask.insert(trie.tokens[Int(place)]) }
      levels.append((Int(trie.ends[at]), next.threads))
      at += 1
    }
  }

  /// The mask by trying every token by itself: slow, for comparison.
  package func slowMask(_ matcher: GrammarMatcher, vocabularySize: Int, bytes: (TokenID) -> [UInt8]) -> TokenMask {
    var mask = TokenMask(count: vocabularySize)
    for id in 0..<TokenID(vocabularySize) {
      let text = bytes(id)
      var copy = matcher
      if !text.isEmpty, copy.advance(bytes: text) { mask.insert(id) }
    }
    return mask
  }
}
