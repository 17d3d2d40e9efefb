// Stops a decode before its image is complete: when the client has left, or when the decode has used its processor
// time. Codecs check at every line, or every few hundred bytes if a line may take long.
import Glibc

/// Watches one decode. Must be used on the decoding thread, whose processor time it reads.
final class DecodingWatch {
  private let limit: Double
  private let deadline: UInt64
  private let isCancelled: () -> Bool
  /// The reason why the decode was stopped; nil until then.
  private(set) var reason: ImageError?

  /// Starts watching a decode that may take `seconds` of processor time.
  init(seconds: Double, isCancelled: @escaping () -> Bool) {
    (limit, self.isCancelled) = (seconds, isCancelled)
    deadline = Self.processorTime() + UInt64(max(0, seconds) * 1e9)
  }

  /// Whether the decode must stop now.
  func shouldStop() -> Bool {
    if reason != nil { return true }
    if isCancelled() {
      reason = .cancelled
    } else if Self.processorTime() > deadline {
      reason = .tooSlow(limit: limit)
    }
    return reason != nil
  }

  /// Returns the processor time of this thread in nanoseconds.
  private static func processorTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
