// Timelines of ended requests, kept so that a prompt that begins alike need not be computed again. What they share is held once
// (`ModelRunner.fork`), so many questions about one image cost the image once.
//
// Looked through from end to end: a few hundred timelines, nearly all of which differ within the first places. A request is
// matched only with timelines of its own salt (CVE-2025-46570: else the time to the first token tells what others asked).
import GenerationTypes

/// Ended timelines, the least recently used first to go.
struct PrefixCache<Sequence: AnyObject> {
  private struct Entry {
    let salt: String
    let places: Places
    let sequence: Sequence
    var used: UInt64
  }

  /// Positions' worth of memory that may be held; 0 keeps nothing.
  let capacity: Int
  private var entries: [Entry] = []
  private var time: UInt64 = 0
  /// Timelines at most: bounds the look-through.
  private static var most: Int { 256 }

  init(capacity: Int) { self.capacity = capacity }

  var isEmpty: Bool { entries.isEmpty }
  var sequences: [Sequence] { entries.map(\.sequence) }

  /// The timeline that begins with most of `places`, `limit` at most, and with how many. It counts as used.
  mutating func longest(_ places: Places, salt: String, limit: Int) -> (sequence: Sequence, count: Int)? {
    var best: (index: Int, count: Int)?
    for (index, entry) in entries.enumerated() where entry.salt == salt {
      let count = entry.places.common(with: places, limit: limit)
      // Of equals the newest: it is the last to go.
      if count > 0, count >= best?.count ?? 0 { best = (index, count) }
    }
    guard let best else { return nil }
    touch(best.index)
    return (entries[best.index].sequence, best.count)
  }

  /// Keeps a timeline that holds `places`. One that begins with all of another's places takes its place.
  mutating func insert(_ sequence: Sequence, _ places: Places, salt: String) {
    guard capacity > 0, places.count > 0 else { return }
    var kept: [Entry] = []
    for (index, entry) in entries.enumerated() {
      guard entry.salt == salt else {
        kept.append(entry)
        continue
      }
      let common = entry.places.common(with: places, limit: .max)
      if common == places.count, entry.places.count > common { return touch(index) }
      if common < entry.places.count { kept.append(entry) }
    }
    entries = kept
    time += 1
    entries.append(Entry(salt: salt, places: places, sequence: sequence, used: time))
    if entries.count > Self.most { _ = dropOldest() }
  }

  /// Lets the least recently used timeline go, `spared` excepted; false when there is none.
  mutating func dropOldest(sparing spared: Sequence? = nil) -> Bool {
    let candidates = entries.indices.filter { entries[$0].sequence !== spared }
    guard let oldest = candidates.min(by: { entries[$0].used < entries[$1].used }) else { return false }
    entries.remove(at: oldest)
    return true
  }

  private mutating func touch(_ index: Int) {
    time += 1
    entries[index].used = time
  }
}
