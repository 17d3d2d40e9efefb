// The prefix cache: sequences of ended and preempted requests, kept so that a prompt that begins alike is not computed
// again.
//
// Searched from end to end: at most a few hundred sequences, nearly all of which differ within the first positions. A
// request matches only sequences of its own salt; otherwise its time to first token reveals other clients' prompts
// (CVE-2025-46570).
import GenerationTypes

/// Index of cached sequences. The least recently used is dropped first.
package struct PrefixCache: Sendable {
  private struct Entry {
    let salt: String
    let tokens: SequenceTokens
    let sequence: SequenceID
    var used: UInt64
  }

  /// The largest number of positions that cached sequences may hold; 0 disables the cache.
  package let capacity: Int
  private var entries: [Entry] = []
  private var time: UInt64 = 0
  /// The largest number of sequences: bounds the search.
  private static var maxEntries: Int { 256 }

  init(capacity: Int) { self.capacity = max(capacity, 0) }

  package var sequences: [SequenceID] { entries.map(\.sequence) }

  /// Returns the sequence with the longest common beginning, at most `limit`, and its length. It counts as used.
  mutating func longestPrefix(of tokens: SequenceTokens, salt: String, limit: Int) -> Schedule.Start.Prefix? {
    var best: (index: Int, count: Int)?
    for (index, entry) in entries.enumerated() where entry.salt == salt {
      let count = entry.tokens.commonPrefix(with: tokens, limit: limit)
      // Of equally long ones the newest: it is dropped last.
      if count > 0, count >= best?.count ?? 0 { best = (index, count) }
    }
    guard let best else { return nil }
    touch(best.index)
    return .init(sequence: entries[best.index].sequence, count: best.count)
  }

  /// Adds a sequence and returns those to drop: shorter ones that it begins with, or itself when one begins with it.
  mutating func insert(_ sequence: SequenceID, _ tokens: SequenceTokens, salt: String) -> [SequenceID] {
    var kept: [Entry] = []
    var dropped: [SequenceID] = []
    for (index, entry) in entries.enumerated() {
      guard entry.salt == salt else {
        kept.append(entry)
        continue
      }
      let common = entry.tokens.commonPrefix(with: tokens, limit: .max)
      if common == tokens.count, entry.tokens.count > common {
        touch(index)
        return [sequence]
      }
      if common < entry.tokens.count { kept.append(entry) } else { dropped.append(entry.sequence) }
    }
    entries = kept
    time += 1
    entries.append(Entry(salt: salt, tokens: tokens, sequence: sequence, used: time))
    if entries.count > Self.maxEntries, let oldest = removeOldest() { dropped.append(oldest) }
    return dropped
  }

  /// Removes the least recently used sequence, except `spared`; nil when there is none.
  mutating func removeOldest(sparing spared: SequenceID? = nil) -> SequenceID? {
    let candidates = entries.indices.filter { entries[$0].sequence != spared }
    guard let oldest = candidates.min(by: { entries[$0].used < entries[$1].used }) else { return nil }
    return entries.remove(at: oldest).sequence
  }

  private mutating func touch(_ index: Int) {
    time += 1
    entries[index].used = time
  }
}
