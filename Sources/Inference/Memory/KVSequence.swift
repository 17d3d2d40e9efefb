// One timeline of keys and values, in segments of positions that hold every layer and head. A timeline that begins as another one
// did shares that one's full segments and copies the rest, so whoever appends never writes what others read.
import CKernels

/// Memory of one segment. Pages are committed as positions are written, so room costs nothing until it is used.
final class KVSegment {
  let mapping: Mapping
  /// Positions written.
  var filled = 0

  /// `isFull` says that all positions may come to be written: a segment's first one commits all of its huge pages.
  init(shape: KVShape, isFull: Bool) throws(InferenceError) {
    mapping = try Mapping(byteCount: shape.segmentBytes, hugePages: isFull, purpose: "a KV cache")
  }
}

/// One timeline: its cache and how many positions it holds. Belongs to the runner's thread.
package final class KVSequence {
  /// Positions that can be held.
  package let capacity: Int
  /// Positions held.
  package private(set) var count = 0
  private(set) var segments: [KVSegment]
  /// Where the segments are, as the kernels read it.
  private let table: UnsafeMutablePointer<UnsafeMutableRawPointer>

  /// An empty timeline, or one that begins with full segments of another.
  init(shape: KVShape, capacity: Int, sharing shared: ArraySlice<KVSegment> = []) throws(InferenceError) {
    let size = KVShape.segment
    var segments = Array(shared)
    while segments.count * size < capacity {
      segments.append(try KVSegment(shape: shape, isFull: (segments.count + 1) * size <= capacity))
    }
    table = .allocate(capacity: segments.count)
    for (index, segment) in segments.enumerated() { (table + index).initialize(to: segment.mapping.base) }
    (self.capacity, self.segments, count) = (capacity, segments, shared.count * size)
  }

  deinit { table.deallocate() }

  var places: UnsafePointer<UnsafeMutableRawPointer> { UnsafePointer(table) }

  /// Notes that `added` positions were written behind those held.
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

  /// Lets go of the segments beyond the last position: room that will not be used.
  package func trim() {
    let used = (count + KVShape.segment - 1) / KVShape.segment
    segments.removeLast(segments.count - used)
  }
}
