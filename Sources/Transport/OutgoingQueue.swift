// Outgoing bytes in the chunks in which they were queued.

/// A queue of byte chunks from which any number of bytes can be removed at the front. A pure value.
struct OutgoingQueue {
  /// The chunks. Those before `first` have been sent, and `offset` bytes of chunk `first`.
  private var chunks: [[UInt8]] = []
  private var first = 0
  private var offset = 0
  /// The number of bytes in the queue.
  private(set) var count = 0

  /// Chunks smaller than this are joined, so that a head and its small body leave in one segment.
  private static let joinBelow = 16 << 10

  /// The number of sent bytes of a chunk from which their memory is released before the chunk is complete.
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

  /// Calls `body` with the rest of the first chunk and whether other chunks follow. Returns nil if the queue is
  /// empty.
  func withNext<R>(_ body: (_ bytes: UnsafeRawBufferPointer, _ hasMore: Bool) -> R) -> R? {
    guard first < chunks.count else { return nil }
    return chunks[first].withUnsafeBytes {
      body(UnsafeRawBufferPointer(rebasing: $0[offset...]), first + 1 < chunks.count)
    }
  }

  /// Removes bytes from the first chunk, at most as many as are left in it.
  mutating func drop(_ bytes: Int) {
    offset += bytes
    count -= bytes
    guard offset == chunks[first].count else {
      // A reader that stops near the end of a large chunk must not keep all of it in memory.
      if offset >= Self.compactFrom, offset >= chunks[first].count / 2 {
        chunks[first] = Array(chunks[first][offset...])
        offset = 0
      }
      return
    }
    chunks[first] = []
    (first, offset) = (first + 1, 0)
    // Sent chunks are removed when they are half of the list, so that the cost per chunk is constant.
    guard first * 2 >= chunks.count else { return }
    chunks.removeFirst(first)
    first = 0
  }

  mutating func removeAll() { self = OutgoingQueue() }
}
