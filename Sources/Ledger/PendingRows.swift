// Rows that wait for the file, in chunks of one transaction each. A chunk stays here until it is committed, so that
// accepted = committed + waiting at every moment.

/// A row of either table.
enum LedgerEntry: Sendable, Equatable {
  case request(LedgerRow)
  case shadow(ShadowRow)
}

/// A bounded queue of chunks.
struct PendingRows {
  /// Rows in a full chunk.
  static let chunk = 1_000

  private var chunks: [[LedgerEntry]] = []
  /// Whether the first chunk is being written and must not grow.
  private var isFirstTaken = false
  /// The number of waiting rows, including those being written.
  private(set) var count = 0

  /// Appends one row.
  mutating func append(_ entry: LedgerEntry) {
    let isOpen = chunks.count > (isFirstTaken ? 1 : 0) && chunks[chunks.count - 1].count < Self.chunk
    if !isOpen {
      chunks.append([])
      chunks[chunks.count - 1].reserveCapacity(64)
    }
    chunks[chunks.count - 1].append(entry)
    count += 1
  }

  /// Returns the oldest chunk, which stays until `removeFirst`; empty if no row waits.
  mutating func takeFirst() -> [LedgerEntry] {
    guard let first = chunks.first else { return [] }
    isFirstTaken = true
    return first
  }

  /// Removes the chunk that `takeFirst` returned, because it is committed.
  mutating func removeFirst() {
    guard isFirstTaken else { return }
    isFirstTaken = false
    count -= chunks.removeFirst().count
  }
}
