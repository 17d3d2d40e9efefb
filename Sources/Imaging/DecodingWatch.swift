// Ends a decode before its image is complete: when the client has left, or when the decode has used its processor time. Codecs
// ask at every line, or at every few hundred bytes where a line may take long.
import Glibc

/// Watches one decode. It belongs to the thread that decodes, whose processor time it reads.
final class DecodingWatch {
  private let limit: Double
  private let deadline: UInt64
  private let isCancelled: () -> Bool
  /// Why the decode was stopped; nil until then.
  private(set) var reason: ImageError?

  /// Starts the time of a decode that may take `seconds` of processor time.
  init(seconds: Double, isCancelled: @escaping () -> Bool) {
    (limit, self.isCancelled) = (seconds, isCancelled)
    deadline = Self.processorTime() + UInt64(max(0, seconds) * 1e9)
  }

  /// Whether the decode must end now.
  func shouldStop() -> Bool {
    if reason != nil { return true }
    if isCancelled() {
      reason = .cancelled
    } else if Self.processorTime() > deadline {
      reason = .tooSlow(limit: limit)
    }
    return reason != nil
  }

  /// Nanoseconds of processor time that this thread has used.
  private static func processorTime() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
  }
}
