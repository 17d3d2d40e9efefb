// Computes the masks of parse states from cached masks of leaves and walks of the vocabulary.

import GenerationTypes

extension Grammar {
  /// Returns a parse state without what one token cannot distinguish.
  func key(_ parse: ParseState, longest: Int) -> ParseState {
    if case .counted(let text) = nodes[Int(parse.leaf)] {
      var key = parse
      key.count = text.key(parse.count, longest: longest)
      return key
    }
    guard case .text(let least, let most) = nodes[Int(parse.leaf)], least > 0 || most < .max else { return parse }
    let (missing, remaining) = Self.bounds(parse.count, least, most, longest)
    var key = parse
    // Packs two small numbers into one.
    key.count = missing * Int32(longest + 2) + remaining
    return key
  }

  /// Returns the missing and the remaining number of code points, both capped at what one token can add.
  private static func bounds(_ count: Int32, _ least: Int32, _ most: Int32, _ longest: Int) -> (
    missing: Int32, remaining: Int32
  ) {
    (min(max(least - count, 0), Int32(longest) + 1), min(most == .max ? .max : most - count, Int32(longest) + 1))
  }

  /// Returns the tokens that may follow `states`.
  func mask(of states: [ParseState], _ trie: TokenTrie) -> TokenMask {
    var mask = TokenMask(count: trie.vocabularySize)
    for parse in states {
      let leaf = tokens(of: parse, trie)
      mask.formUnion(leaf.inside)
      if leaf.exits.isEmpty { continue }
      if case .distinct = nodes[Int(parse.leaf)], let frame = parse.frame {
        // The continuation depends on the text that ends here.
        for exit in leaf.exits {
          var behind: [ParseState] = []
          var canEnd = false
          resume(frame.adding(parse.text + trie.path(to: exit)), &behind, &canEnd)
          if !behind.isEmpty { walk(trie, from: Int(exit), behind, &mask) }
        }
        continue
      }
      // After the leaf, the same parse states follow at every exit.
      var behind: [ParseState] = []
      var canEnd = false
      resume(parse.frame, &behind, &canEnd)
      if behind.isEmpty { continue }
      for exit in leaf.exits { walk(trie, from: Int(exit), behind, &mask) }
    }
    return mask
  }

  /// Returns the tokens of a leaf, from the cache or by a walk over the whole vocabulary.
  private func tokens(of parse: ParseState, _ trie: TokenTrie) -> MaskCache.LeafTokens {
    let leaf = nodes[Int(parse.leaf)]
    var key = MaskCache.LeafKey(leaf: parse.leaf, state: parse.state, missing: 0, remaining: .max)
    if case .text(let least, let most) = leaf {
      (key.missing, key.remaining) = Self.bounds(parse.count, least, most, trie.longest)
      // All free strings share their masks, apart from the remaining length.
      key.leaf = -1
    }
    if case .counted(let text) = leaf { key.missing = text.key(parse.count, longest: trie.longest) }
    if let known = cache.tokens(of: key) { return distinct(known, parse, leaf, trie) }
    let tokens: MaskCache.LeafTokens
    switch leaf {
    case .text:
      tokens = Self.tokens(trie, (state: parse.state, count: Int32(0))) { state, byte in
        let from = state.state
        state.state = StringAutomaton.free.next(from, byte)
        if state.state < 0 { return false }
        if from == StringAutomaton.content {
          if byte == 0x22 { return state.count >= key.missing }
          if state.count >= key.remaining { return false }
          state.count += 1
        }
        return true
      } isAccepting: {
        StringAutomaton.free.isAccepting($0.state)
      }
    case .counted(let text):
      tokens = Self.tokens(trie, (state: parse.state, count: parse.count)) { state, byte in
        text.step(&state.state, &state.count, byte)
      } isAccepting: {
        text.automaton.isAccepting($0.state)
      }
    case .scalar(let automaton), .distinct(let automaton, _):
      tokens = Self.tokens(trie, parse.state) { state, byte in
        state = automaton.next(state, byte)
        return state >= 0
      } isAccepting: {
        automaton.isAccepting($0)
      }
    default: tokens = MaskCache.LeafTokens(inside: TokenMask(count: trie.vocabularySize), exits: [])
    }
    cache.store(tokens, for: key)
    return distinct(tokens, parse, leaf, trie)
  }

  /// Removes tokens that would complete a text that was already used, or could only lead to such texts.
  private func distinct(
    _ tokens: MaskCache.LeafTokens, _ parse: ParseState, _ leaf: Node, _ trie: TokenTrie
  ) -> MaskCache.LeafTokens {
    guard case .distinct(let automaton, let texts) = leaf, let frame = parse.frame, !frame.used.isEmpty else {
      return tokens
    }
    var tokens = tokens
    var ends = Set<Int32>()
    for rival in frame.used where rival.starts(with: parse.text) {
      // Only tokens along this text are affected.
      var at = parse, node = 0
      for byte in rival[parse.text.count...] {
        guard let next = trie.child(of: node, byte) else { break }
        at.state = automaton.next(at.state, byte)
        if at.state < 0 { break }
        at.text.append(byte)
        node = next
        if !isOpen(at, automaton, texts) {
          for index in trie.firsts[node]..<trie.firsts[node + 1] { tokens.inside.remove(trie.tokens[Int(index)]) }
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
    // The ends of the subtrees around the current node, by depth.
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
            for index in firsts[node]..<firsts[node + 1] { inside.insert(trie.tokens[Int(index)]) }
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

  /// Adds the tokens below `node` whose remaining bytes `states` accept.
  private func walk(_ trie: TokenTrie, from node: Int, _ states: [ParseState], _ mask: inout TokenMask) {
    var levels: [(end: Int, states: [ParseState])] = [(Int(trie.ends[node]), states)]
    var at = node + 1
    while at < Int(trie.ends[node]) {
      while let last = levels.last, at >= last.end { levels.removeLast() }
      guard let level = levels.last else { return }
      let next = step(level.states, trie.labels[at])
      if next.states.isEmpty, !next.canEnd {
        at = Int(trie.ends[at])
        continue
      }
      for index in trie.firsts[at]..<trie.firsts[at + 1] { mask.insert(trie.tokens[Int(index)]) }
      levels.append((Int(trie.ends[at]), next.states))
      at += 1
    }
  }

  /// Computes the mask by trying every token separately: slow, for comparison in tests.
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
