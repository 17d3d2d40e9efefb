// Bytes on their way out, in the chunks they came in.

/// A queue of byte chunks that is emptied from the front, a part of a chunk at a time. A pure value.
struct OutgoingQueue {
  /// Chunks before `first` are gone; of the first, `offset` bytes.
  private var chunks: [[UInt8]] = []
  private var first = 0
  private var offset = 0
  /// Bytes in the queue.
  private(set) var count = 0

  /// Chunks below this size are joined, so that a head and its small body leave in one segment.
  private static let joinBelow = 16 << 10

  /// Sent bytes of a chunk from which on they are given back before the chunk's end.
  private static let compactFrom = 256 << 10

  var isEmpty: Bool { count == 0 }

  mutating func append(_ bytes: [UInt8]) {
    guard !bytes.isEmpty else { return }
    count += bytes.count
    if let last = chunks.indices.last, last >= first, chunks[last].count + bytes.count <= Self.joinBelow {
      chunks[last] += bytes
    } else {
      chunks.append(bytes)
    }
  }

  /// Calls `body` with the rest of the first chunk and whether others follow; nil when there is nothing.
  func withNext<R>(_ body: (_ bytes: UnsafeRawBufferPointer, _ hasMore: Bool) -> R) -> R? {
    guard first < chunks.count else { return nil }
    return chunks[first].withUnsafeBytes {
      body(UnsafeRawBufferPointer(rebasing: $0[offset...]), first + 1 < chunks.count)
    }
  }

  /// Takes bytes off the first chunk, at most what is left of it.
  mutating func drop(_ bytes: Int) {
    offset += bytes
    count -= bytes
    guard offset == chunks[first].count else {
      // A reader that stops near the end of a large chunk does not hold all of it.
      if offset >= Self.compactFrom, offset >= chunks[first].count / 2 {
        chunks[first] = Array(chunks[first][offset...])
        offset = 0
      }
      return
    }
    chunks[first] = []
    (first, offset) = (first + 1, 0)
    // What is gone leaves when it is half of the list, so that a chunk costs the same however many wait.
    guard first * 2 >= chunks.count else { return }
    chunks.removeFirst(first)
    first = 0
  }

  mutating func removeAll() { self = OutgoingQueue() }
}
