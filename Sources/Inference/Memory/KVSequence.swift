// The KV cache of one sequence, in segments of positions that hold every layer and head. A sequence that begins as
// another one shares the other's full segments and copies the rest. Appending therefore never writes to memory that
// others read.
import CKernels

/// The memory of one segment. Pages are committed when positions are written, so unused capacity costs nothing.
final class KVSegment {
  let mapping: Mapping
  /// The number of positions written.
  var filled = 0

  /// `isFull` means that all positions may be written. Only such a segment uses huge pages, which one write commits
  /// whole.
  init(shape: KVShape, isFull: Bool) throws(InferenceError) {
    mapping = try Mapping(byteCount: shape.segmentBytes, hugePages: isFull, purpose: "the KV cache")
  }
}

/// One sequence: its KV cache and its number of positions. Belongs to the runner's thread.
package final class KVSequence {
  /// The largest number of positions.
  package let capacity: Int
  /// The number of positions.
  package private(set) var count: Int
  private(set) var segments: [KVSegment]
  /// The addresses of the segments, as the kernels read them.
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>

  /// An empty sequence, or one that begins with full segments of another.
  init(shape: KVShape, capacity: Int, sharing shared: ArraySlice<KVSegment> = []) throws(InferenceError) {
    let size = KVShape.segment
    var segments = Array(shared)
    while segments.count * size < capacity {
      segments.append(try KVSegment(shape: shape, isFull: (segments.count + 1) * size <= capacity))
    }
    table = .allocate(capacity: segments.count)
    for (index, segment) in segments.enumerated() { (table + index).initialize(to: segment.mapping.base) }
    self.capacity = capacity
    self.segments = segments
    count = shared.count * size
  }

  deinit { table.deallocate() }

  var segmentTable: UnsafePointer<UnsafeMutableRawPointer> { UnsafePointer(table) }

  /// Counts `added` positions that were written behind the last one.
  func advance(by added: Int) {
    precondition(added >= 0 && added <= capacity - count)
    let size = KVShape.segment
    for index in count / size..<(count + added + size - 1) / size {
      segments[index].filled = max(segments[index].filled, min(count + added - index * size, size))
    }
    count += added
  }

  /// Removes the positions from `count` on; the next step overwrites them. No other sequence may share their segments.
  package func truncate(to count: Int) {
    precondition((0...self.count).contains(count))
    let size = KVShape.segment
    for index in count / size..<max(count / size, (self.count + size - 1) / size) {
      precondition(isKnownUniquelyReferenced(&segments[index]), "another sequence shares these positions")
      segments[index].filled = max(0, count - index * size)
    }
    self.count = count
  }

  /// Frees the segments beyond the last position, which will not be used.
  package func trim() {
    let used = (count + KVShape.segment - 1) / KVShape.segment
    segments.removeLast(segments.count - used)
  }
}
