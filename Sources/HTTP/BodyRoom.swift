// How many bytes the bodies of all connections may take together. A body takes room as it arrives, not as it is announced: a
// length that is only promised costs nothing and keeps nobody out. Nothing ever waits for room, so bodies in part cannot wait for
// each other: what does not fit is refused with 503 and may come again.

import Synchronization

/// The room for request bodies of one server; used from every loop and from handlers' tasks.
final class BodyRoom: Sendable {
  private let capacity: Int
  private let used = Atomic<Int>(0)
  private let observer: (any HTTPObserver)?

  /// An eighth of the room is kept for bodies up to this size: images that fill it do not keep texts out.
  static let smallBody = 64 << 10

  init(capacity: Int, observer: (any HTTPObserver)?) { (self.capacity, self.observer) = (capacity, observer) }

  /// What may be in use after a body has come to `size` bytes.
  private func limit(size: Int) -> Int { size <= Self.smallBody ? capacity : capacity - capacity / 8 }

  /// Whether a body announced with `size` bytes would fit now.
  func hasRoom(for size: Int) -> Bool { used.load(ordering: .relaxed) <= limit(size: size) - size }

  /// Takes `count` more bytes for a body that comes to `size` with them; false if there is no room.
  fileprivate func take(_ count: Int, size: Int) -> Bool {
    let now = used.wrappingAdd(count, ordering: .relaxed).newValue
    guard now <= limit(size: size) else {
      used.wrappingSubtract(count, ordering: .relaxed)
      return false
    }
    observer?.bodyBytesChanged(by: count)
    return true
  }

  fileprivate func giveBack(_ count: Int) {
    used.wrappingSubtract(count, ordering: .relaxed)
    observer?.bodyBytesChanged(by: -count)
  }
}

/// What one body holds of the room, until the last who holds the body lets go of this: its connection, then its handler.
final class BodyShare: Sendable {
  private let room: BodyRoom
  private let count = Atomic<Int>(0)

  init(_ room: BodyRoom) { self.room = room }

  deinit { room.giveBack(count.load(ordering: .relaxed)) }

  /// Takes room for a body that has come to `size` bytes; false, and nothing is taken, if there is none.
  func grow(to size: Int) -> Bool {
    let more = size - count.load(ordering: .relaxed)
    guard more > 0 else { return true }
    guard room.take(more, size: size) else { return false }
    count.wrappingAdd(more, ordering: .relaxed)
    return true
  }
}
