// The memory budget for unsent response bytes of all connections. A response counts until the kernel has taken its
// bytes. When the budget is exhausted, slow readers are disconnected, slowest first. If that does not help, a
// response becomes 503 and a stream ends.

import Basics
import Synchronization

/// The memory budget for the unsent bytes of one server; used from every loop.
final class SendBudget: Sendable {
  private let capacity: Int
  private let used = Atomic<Int>(0)
  private let observer: (any HTTPObserver)?

  /// The largest response that may use the last eighth of the budget, in bytes. Large unread responses can therefore
  /// never block health checks and errors.
  static let smallResponse = 64 << 10

  init(capacity: Int, observer: (any HTTPObserver)?) { (self.capacity, self.observer) = (capacity, observer) }

  /// Whether `size` more bytes fit.
  func fits(_ size: Int) -> Bool {
    let limit = size <= Self.smallResponse ? capacity : capacity - capacity / 8
    return used.load(ordering: .relaxed) <= limit - size
  }

  /// Changes the number of unsent bytes by `count`.
  func change(by count: Int) {
    guard count != 0 else { return }
    used.add(count, ordering: .relaxed)
    observer?.unsentBytesChanged(by: count)
  }
}

/// The rate at which a peer reads the bytes that wait for it. A plain value; times are nanoseconds of
/// `DeadlineTimer.now`.
struct ReadRateMeter: Sendable, Equatable {
  /// The time since which bytes have been waiting without interruption.
  private(set) var since: UInt64
  /// The number of bytes that the kernel had taken at that time.
  private let takenBefore: Int
  private var takenLast: Int
  private var lastProgress: UInt64

  init(since now: UInt64, taken: Int) {
    since = now
    takenBefore = taken
    takenLast = taken
    lastProgress = now
  }

  /// Records that the kernel has taken `taken` bytes by now.
  mutating func record(_ now: UInt64, taken: Int) {
    guard taken > takenLast else { return }
    (takenLast, lastProgress) = (taken, now)
  }

  /// Returns the time at which the reader becomes too slow: `writeTimeout` after its last progress, or `writeTimeout`
  /// after falling behind the required mean rate.
  func deadline(_ limits: HTTPLimits) -> UInt64 {
    let timeout = limits.writeTimeout.nanoseconds
    let earned = UInt64(max(0, takenLast - takenBefore) / max(1, limits.sendBytesPerSecond)) * 1_000_000_000
    return min(lastProgress + timeout, since + timeout + earned)
  }

  /// Returns bytes per second since bytes began to wait, or nil if they have waited for less than `patience`.
  func rate(_ now: UInt64, patience: Duration) -> Double? {
    guard now > since, now - since >= patience.nanoseconds else { return nil }
    return Double(takenLast - takenBefore) / (Double(now - since) / 1e9)
  }
}
