// The read bandwidth of this machine. Decoding cannot be faster than reading the weights and the KV cache.
import Basics
import Dispatch
import Glibc

package enum ReadBandwidth {
  /// Returns the bytes per second that `threads` threads together read from a block of `byteCount` bytes, the best of
  /// `passes`, or nil if the block cannot be allocated. The block should be much larger than the last-level cache.
  package static func measure(threads: Int, byteCount: Int = 512 << 20, passes: Int = 5) -> Double? {
    let threads = max(1, threads), vectors = max(1, byteCount / threads / stride)
    let size = vectors * threads * stride
    guard let base = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), base != MAP_FAILED
    else { return nil }
    defer { munmap(base, size) }
    madvise(base, size, MADV_HUGEPAGE)
    // Untouched pages share one page of zeros, which stays in the cache.
    memset(base, 1, size)
    let block = Block(base: base.assumingMemoryBound(to: Vector.self), vectors: vectors)
    var best = 0.0
    for _ in 0..<max(1, passes) {
      let start = ContinuousClock.now
      DispatchQueue.concurrentPerform(iterations: threads) { block.read(part: $0) }
      best = max(best, Double(size) / ((ContinuousClock.now - start).seconds))
    }
    return best
  }

  private typealias Vector = SIMD8<UInt64>
  private static let stride = MemoryLayout<Vector>.stride

  /// Memory that all threads read and none writes. `@unchecked Sendable` for that reason.
  private struct Block: @unchecked Sendable {
    let base: UnsafePointer<Vector>
    let vectors: Int

    /// Sums one thread's part. All bytes are 1, so the sum is known and the compiler cannot remove the loop.
    func read(part: Int) {
      let from = base + part * vectors
      var first = Vector(), second = Vector()
      for index in Swift.stride(from: 0, to: vectors & ~1, by: 2) {
        first &+= from[index]
        second &+= from[index + 1]
      }
      let expected = Vector(repeating: 0x0101_0101_0101_0101 &* UInt64(vectors & ~1))
      precondition(first &+ second == expected)
    }
  }
}
