// How many bytes of responses may wait for their readers, over all connections. A response takes room while the kernel has not taken
// it. Where there is none, readers that have been slow give up their connection, slowest first; a response that finds none even then
// is 503, and a stream ends.

import Synchronization

/// The room for unsent bytes of one server; used from every loop.
final class SendRoom: Sendable {
  private let capacity: Int
  private let used = Atomic<Int>(0)
  private let observer: (any HTTPObserver)?

  /// An eighth of the room is kept for responses up to this size: documents that nobody reads do not keep health checks and errors out.
  static let smallResponse = 64 << 10

  init(capacity: Int, observer: (any HTTPObserver)?) { (self.capacity, self.observer) = (capacity, observer) }

  /// Whether `size` more bytes may wait.
  func hasRoom(for size: Int) -> Bool {
    let limit = size <= Self.smallResponse ? capacity : capacity - capacity / 8
    return used.load(ordering: .relaxed) <= limit - size
  }

  /// Counts so many bytes more or less.
  func change(by count: Int) {
    guard count != 0 else { return }
    used.add(count, ordering: .relaxed)
    observer?.unsentBytesChanged(by: count)
  }
}

/// How long a connection's bytes have waited for its reader, and how much of them it has taken meanwhile. A plain value; times are
/// nanoseconds of `DeadlineTimer.now`.
struct ReaderPace: Sendable, Equatable {
  /// Since when bytes have waited without a pause.
  private(set) var since: UInt64
  /// Bytes that the kernel had taken then.
  private let takenBefore: Int
  private var takenLast: Int
  private var lastProgress: UInt64

  init(since now: UInt64, taken: Int) { (since, takenBefore, takenLast, lastProgress) = (now, taken, taken, now) }

  /// Notes that the kernel has taken `taken` bytes by now.
  mutating func note(_ now: UInt64, taken: Int) {
    guard taken > takenLast else { return }
    (takenLast, lastProgress) = (taken, now)
  }

  /// When the reader is too slow: after `writeTimeout` without progress, and after as long behind the mean rate that it has to keep.
  func deadline(_ limits: HTTPLimits) -> UInt64 {
    let timeout = limits.writeTimeout.nanoseconds
    let earned = UInt64(max(0, takenLast - takenBefore) / max(1, limits.sendBytesPerSecond)) * 1_000_000_000
    return min(lastProgress + timeout, since + timeout + earned)
  }

  /// Bytes a second since bytes have waited; nil for a reader that has not been given `patience` yet.
  func rate(_ now: UInt64, patience: Duration) -> Double? {
    guard now > since, now - since >= patience.nanoseconds else { return nil }
    return Double(takenLast - takenBefore) / (Double(now - since) / 1e9)
  }
}
