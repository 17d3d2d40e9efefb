// The KV cache in numbers: which sequence holds how many positions, in which segments, and how many it may still take.
//
// Models what the runner does. A sequence consists of segments of `segmentSize` positions. A fork shares the full
// segments of its beginning and copies the rest, so a shared segment is always full. A segment counts once, however
// many sequences hold it. Sequences are running or cached; running ones have a reservation, which they may grow to.

/// Account of a KV cache of limited size.
package struct KVBudget: Sendable {
  private struct Segment {
    /// Positions written.
    var filled = 0
    /// The running and cached sequences that hold it.
    var running = 0, cached = 0
  }

  private struct Sequence {
    var segments: [Int] = []
    var count = 0
    var reserved = 0
    var isRunning = true
    /// Positions reserved and not held.
    var growth: Int { max(reserved - count, 0) }
  }

  /// The largest number of positions of all sequences together.
  package let capacity: Int
  /// Positions of a segment.
  package let segmentSize: Int
  /// Positions in memory: of all sequences, of running ones and of cached ones. Shared positions count once in each.
  package private(set) var held = 0, runningHeld = 0, cachedHeld = 0
  /// Positions that running sequences have reserved and do not hold yet.
  package private(set) var growth = 0
  private var segments: [Segment] = []
  /// Indices in `segments` that are not in use.
  private var unused: [Int] = []
  private var sequences: [SequenceID: Sequence] = [:]

  package init(capacity: Int, segmentSize: Int) { (self.capacity, self.segmentSize) = (capacity, max(segmentSize, 1)) }

  /// Positions that running sequences hold or have reserved.
  package var committed: Int { runningHeld + growth }
  /// Positions that further reservations may take; cached prefixes make way for them.
  package var available: Int { capacity - committed }

  package var sequenceIDs: Set<SequenceID> { Set(sequences.keys) }

  /// The positions in a sequence.
  package func count(of id: SequenceID) -> Int { sequences[id]?.count ?? 0 }

  /// The positions that a running sequence may grow by before it needs a larger reservation.
  package func growth(of id: SequenceID) -> Int { sequences[id]?.growth ?? 0 }

  /// The positions that a sequence beginning with `count` positions of `source` shares with running sequences.
  package func sharedWithRunning(_ source: SequenceID, count: Int) -> Int {
    guard let sequence = sequences[source] else { return 0 }
    return sequence.segments.prefix(count / segmentSize).count { segments[$0].running > 0 } * segmentSize
  }
}

// MARK: - Changes

extension KVBudget {
  /// Adds an empty running sequence that may grow to `reserved` positions.
  package mutating func open(_ id: SequenceID, reserved: Int) {
    sequences[id] = Sequence(reserved: reserved)
    growth += max(reserved, 0)
  }

  /// Adds a running sequence that begins with `count` positions of another.
  package mutating func fork(_ source: SequenceID, at count: Int, as id: SequenceID, reserved: Int) {
    open(id, reserved: reserved)
    guard let other = sequences[source], let index = sequences.index(forKey: id) else { return }
    let shared = other.segments.prefix(min(count, other.count) / segmentSize)
    for segment in shared {
      if segments[segment].running == 0 { runningHeld += segments[segment].filled }
      segments[segment].running += 1
    }
    let before = sequences.values[index].growth
    sequences.values[index].segments = Array(shared)
    sequences.values[index].count = shared.count * segmentSize
    growth += sequences.values[index].growth - before
    append(min(count, other.count) - shared.count * segmentSize, to: id)
  }

  /// Extends a running sequence.
  package mutating func append(_ added: Int, to id: SequenceID) {
    guard added > 0, let index = sequences.index(forKey: id) else { return }
    let before = sequences.values[index].growth
    var position = sequences.values[index].count
    let end = position + added
    while position < end {
      let slot = position / segmentSize
      if slot == sequences.values[index].segments.count { sequences.values[index].segments.append(makeSegment()) }
      let next = min(end, (slot + 1) * segmentSize)
      setFilled(next - slot * segmentSize, of: sequences.values[index].segments[slot])
      position = next
    }
    sequences.values[index].count = end
    growth += sequences.values[index].growth - before
  }

  /// Removes the positions of a running sequence from `count` on, which no other sequence shares.
  package mutating func truncate(_ id: SequenceID, to count: Int) {
    guard let index = sequences.index(forKey: id), count < sequences.values[index].count else { return }
    let before = sequences.values[index].growth
    for slot in count / segmentSize..<sequences.values[index].segments.count {
      setFilled(max(count - slot * segmentSize, 0), of: sequences.values[index].segments[slot])
    }
    removeEmptySegments(at: index, count)
    sequences.values[index].count = count
    growth += sequences.values[index].growth - before
  }

  /// Enlarges the reservation of a running sequence.
  package mutating func reserve(_ more: Int, for id: SequenceID) {
    guard let index = sequences.index(forKey: id) else { return }
    growth -= sequences.values[index].growth
    sequences.values[index].reserved += more
    growth += sequences.values[index].growth
  }

  /// Makes a running sequence a cached one, which does not grow.
  package mutating func cache(_ id: SequenceID) {
    guard let index = sequences.index(forKey: id), sequences.values[index].isRunning else { return }
    growth -= sequences.values[index].growth
    (sequences.values[index].reserved, sequences.values[index].isRunning) = (0, false)
    for segment in sequences.values[index].segments {
      if segments[segment].cached == 0 { cachedHeld += segments[segment].filled }
      segments[segment].cached += 1
      dropRunning(segment)
    }
  }

  /// Removes a sequence.
  package mutating func release(_ id: SequenceID) {
    guard let sequence = sequences.removeValue(forKey: id) else { return }
    growth -= sequence.isRunning ? sequence.growth : 0
    for segment in sequence.segments {
      if sequence.isRunning { dropRunning(segment) } else { dropCached(segment) }
    }
  }

  private mutating func makeSegment() -> Int {
    if let index = unused.popLast() {
      segments[index] = Segment(running: 1)
      return index
    }
    segments.append(Segment(running: 1))
    return segments.count - 1
  }

  private mutating func setFilled(_ filled: Int, of segment: Int) {
    let change = filled - segments[segment].filled
    segments[segment].filled = filled
    held += change
    if segments[segment].running > 0 { runningHeld += change }
    if segments[segment].cached > 0 { cachedHeld += change }
  }

  private mutating func removeEmptySegments(at index: Dictionary<SequenceID, Sequence>.Index, _ count: Int) {
    while let last = sequences.values[index].segments.last,
      (sequences.values[index].segments.count - 1) * segmentSize >= count
    {
      sequences.values[index].segments.removeLast()
      dropRunning(last)
    }
  }

  private mutating func dropRunning(_ segment: Int) {
    segments[segment].running -= 1
    if segments[segment].running == 0 { runningHeld -= segments[segment].filled }
    free(segment)
  }

  private mutating func dropCached(_ segment: Int) {
    segments[segment].cached -= 1
    if segments[segment].cached == 0 { cachedHeld -= segments[segment].filled }
    free(segment)
  }

  private mutating func free(_ segment: Int) {
    guard segments[segment].running == 0, segments[segment].cached == 0 else { return }
    held -= segments[segment].filled
    segments[segment].filled = 0
    unused.append(segment)
  }
}
