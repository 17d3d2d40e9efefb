// The memory budget for the request bodies of all connections. A body reserves memory as it arrives, not when its
// length is announced: an announced length alone costs nothing. No body ever waits for memory, so partial bodies
// cannot deadlock: a body that does not fit is rejected with 503, and the client may retry.

import Synchronization

/// The memory budget for the request bodies of one server; used from every loop and from handler tasks.
final class BodyBudget: Sendable {
  private let capacity: Int
  private let used = Atomic<Int>(0)
  private let observer: (any HTTPObserver)?

  /// The largest body that may use the last eighth of the budget, in bytes. Images can therefore never lock out text
  /// requests.
  static let smallBody = 64 << 10

  init(capacity: Int, observer: (any HTTPObserver)?) { (self.capacity, self.observer) = (capacity, observer) }

  /// Returns the limit on the bytes in use once a body has grown to `size` bytes.
  private func limit(size: Int) -> Int { size <= Self.smallBody ? capacity : capacity - capacity / 8 }

  /// Whether an announced body of `size` bytes fits now.
  func fits(_ size: Int) -> Bool { used.load(ordering: .relaxed) <= limit(size: size) - size }

  /// Reserves `count` more bytes for a body that grows to `size` bytes with them. Returns false if they do not fit.
  fileprivate func reserve(_ count: Int, size: Int) -> Bool {
    let now = used.wrappingAdd(count, ordering: .relaxed).newValue
    guard now <= limit(size: size) else {
      used.wrappingSubtract(count, ordering: .relaxed)
      return false
    }
    observer?.bodyBytesChanged(by: count)
    return true
  }

  fileprivate func release(_ count: Int) {
    used.wrappingSubtract(count, ordering: .relaxed)
    observer?.bodyBytesChanged(by: -count)
  }
}

/// The memory that one body has reserved. Deinitialisation releases it: after the connection and then the handler
/// drop their references.
final class BodyReservation: Sendable {
  private let budget: BodyBudget
  private let count = Atomic<Int>(0)

  init(_ budget: BodyBudget) { self.budget = budget }

  deinit { budget.release(count.load(ordering: .relaxed)) }

  /// Extends the reservation to a body of `size` bytes. Returns false and reserves nothing if they do not fit.
  func grow(to size: Int) -> Bool {
    let more = size - count.load(ordering: .relaxed)
    guard more > 0 else { return true }
    guard budget.reserve(more, size: size) else { return false }
    count.wrappingAdd(more, ordering: .relaxed)
    return true
  }
}
