// Byte pair encoding of one piece: start with the tokens of its bytes and merge the neighbours of lowest rank,
// leftmost first, until none merge. Short pieces scan for the lowest rank. Long ones keep candidates in a binary
// heap, which costs O(n log n) for n bytes; a candidate is checked when popped, because its neighbours may have
// merged.

import GenerationTypes

/// The encoding rules. Immutable and shared by all threads.
struct BytePairEncoder {
  var merges: MergeTable
  /// The token of each byte, or -1 if the vocabulary lacks it. Such bytes are dropped, as in the reference without
  /// `unk_token`.
  var byteTokens: [TokenID]
  /// Whether a piece that is itself a token is encoded as that token without merging.
  var ignoreMerges: Bool

  /// The number of tokens up to which a piece is merged by scanning.
  private static let scanLimit = 24

  /// Appends the tokens of `text[piece]` to `ids`. Returns false and appends nothing if `shouldStop` returns true.
  func encode(
    _ text: [UInt8], _ piece: Range<Int>, vocabulary: Vocabulary, with work: inout Workspace,
    into ids: inout [TokenID], shouldStop: () -> Bool = { false }
  ) -> Bool {
    if ignoreMerges {
      work.written.removeAll(keepingCapacity: true)
      for byte in text[piece] { ByteLevelAlphabet.write(byte, into: &work.written) }
      if let whole = vocabulary.id(of: work.written) {
        ids.append(whole)
        return true
      }
    }
    work.tokens.removeAll(keepingCapacity: true)
    for position in piece {
      let token = byteTokens[Int(text[position])]
      if token >= 0 { work.tokens.append(token) }
    }
    if work.tokens.count <= Self.scanLimit {
      scan(&work)
    } else if !heap(&work, shouldStop) {
      return false
    }
    ids += work.tokens
    return true
  }

  private func scan(_ work: inout Workspace) {
    var count = work.tokens.count
    if count < 2 { return }
    work.ranks.removeAll(keepingCapacity: true)
    for position in 1..<count { work.ranks.append(merges.rank(work.tokens[position - 1], work.tokens[position])) }
    while count > 1 {
      var lowest = MergeTable.none
      var at = 0
      for position in 0..<count - 1 where work.ranks[position] < lowest {
        lowest = work.ranks[position]
        at = position
      }
      if lowest == MergeTable.none { break }
      work.tokens[at] = merges.products[Int(lowest)]
      count -= 1
      for position in at + 1..<max(at + 1, count) {
        work.tokens[position] = work.tokens[position + 1]
        work.ranks[position - 1] = work.ranks[position]
      }
      if at > 0 { work.ranks[at - 1] = merges.rank(work.tokens[at - 1], work.tokens[at]) }
      if at + 1 < count { work.ranks[at] = merges.rank(work.tokens[at], work.tokens[at + 1]) }
    }
    work.tokens.removeSubrange(count...)
  }

  private func heap(_ work: inout Workspace, _ shouldStop: () -> Bool) -> Bool {
    let count = work.tokens.count
    work.previous.removeAll(keepingCapacity: true)
    work.next.removeAll(keepingCapacity: true)
    for position in 0..<count {
      work.previous.append(Int32(truncatingIfNeeded: position - 1))
      work.next.append(Int32(truncatingIfNeeded: position + 1))
    }
    var candidates = MinimumHeap(storage: work.heap)
    work.heap = []
    for position in 1..<count {
      let rank = merges.rank(work.tokens[position - 1], work.tokens[position])
      if rank != MergeTable.none { candidates.add(UInt64(rank) << 32 | UInt64(position - 1)) }
    }
    candidates.order()
    var steps = 0
    while let candidate = candidates.pop() {
      steps += 1
      if steps & 0xFFF == 0, shouldStop() { return false }
      let left = Int(candidate & 0xFFFF_FFFF)
      let rank = UInt32(candidate >> 32)
      let right = Int(work.next[left])
      guard work.tokens[left] >= 0, right < count, merges.rank(work.tokens[left], work.tokens[right]) == rank else {
        continue
      }
      work.tokens[left] = merges.products[Int(rank)]
      work.tokens[right] = -1
      let after = Int(work.next[right])
      work.next[left] = Int32(truncatingIfNeeded: after)
      if after < count {
        work.previous[after] = Int32(truncatingIfNeeded: left)
        let rank = merges.rank(work.tokens[left], work.tokens[after])
        if rank != MergeTable.none { candidates.push(UInt64(rank) << 32 | UInt64(left)) }
      }
      let before = Int(work.previous[left])
      if before >= 0 {
        let rank = merges.rank(work.tokens[before], work.tokens[left])
        if rank != MergeTable.none { candidates.push(UInt64(rank) << 32 | UInt64(before)) }
      }
    }
    work.heap = candidates.storage
    work.tokens.removeAll { $0 < 0 }
    return true
  }

  /// Buffers that calls reuse, one call at a time.
  struct Workspace {
    var tokens: [TokenID] = []
    var ranks: [UInt32] = []
    /// The neighbours of each position in a long piece; -1 and `count` mark the ends.
    var previous: [Int32] = []
    var next: [Int32] = []
    var heap: [UInt64] = []
    var written: [UInt8] = []

    /// Releases the memory that an unusually long piece required.
    mutating func trim() {
      if tokens.capacity > 1 << 16 { self = Workspace() }
    }
  }
}

/// A binary heap of integers, smallest first.
private struct MinimumHeap {
  private(set) var storage: [UInt64]

  init(storage: [UInt64]) {
    self.storage = storage
    self.storage.removeAll(keepingCapacity: true)
  }

  /// Adds a value without restoring the order. `order()` must follow.
  mutating func add(_ value: UInt64) { storage.append(value) }

  mutating func order() {
    for position in stride(from: storage.count / 2 - 1, through: 0, by: -1) { sink(position) }
  }

  mutating func push(_ value: UInt64) {
    storage.append(value)
    var child = storage.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      if storage[parent] <= value { break }
      storage[child] = storage[parent]
      child = parent
    }
    storage[child] = value
  }

  mutating func pop() -> UInt64? {
    guard let last = storage.popLast() else { return nil }
    guard let first = storage.first else { return last }
    storage[0] = last
    sink(0)
    return first
  }

  private mutating func sink(_ start: Int) {
    let value = storage[start]
    var parent = start
    while 2 * parent + 1 < storage.count {
      var child = 2 * parent + 1
      if child + 1 < storage.count, storage[child + 1] < storage[child] { child += 1 }
      if storage[child] >= value { break }
      storage[parent] = storage[child]
      parent = child
    }
    storage[parent] = value
  }
}
