// A one-level timer wheel. Slots are `tick` apart. A deadline beyond the horizon waits in the last slot and is moved
// on from there. Postponing a deadline is free, and ten thousand idle connections cost a few checks per second.

/// Sorts deadlines into slots. A pure value: times are arguments, in nanoseconds of a monotonic clock.
package struct TimerWheel {
  /// A movable deadline. Its owner keeps a reference, and the wheel keeps one until the deadline's slot has passed.
  package final class Deadline {
    /// The time to act, in nanoseconds; nil means never.
    package fileprivate(set) var due: UInt64?
    fileprivate var slot: UInt64?
    /// The action to run once the deadline has passed. The owner sets it to nil to release what it captures.
    package var action: (() -> Void)?

    package init() {}
  }

  /// The time between two slots in nanoseconds, which is also the maximum delay of a deadline.
  package let tick: UInt64
  private var slots: [[Deadline]]
  /// The number of the next slot to check. Slot `n` holds due times up to `n * tick`.
  private var next: UInt64
  /// The number of entries in all slots, including those of deadlines that have been moved.
  package private(set) var count = 0

  package init(tick: UInt64 = 50_000_000, slots: Int = 64, now: UInt64) {
    self.tick = tick
    self.slots = Array(repeating: [], count: slots)
    next = now / tick + 1
  }

  /// Sets or clears the time of `deadline`.
  package mutating func set(_ deadline: Deadline, to due: UInt64?, now: UInt64) {
    deadline.due = due
    guard let due else { return }
    if count == 0 { next = max(next, now / tick + 1) }
    insert(deadline, due)
  }

  private mutating func insert(_ deadline: Deadline, _ due: UInt64) {
    let wanted = due / tick + 1
    let slot = min(max(wanted, next), next + UInt64(slots.count) - 1)
    if let held = deadline.slot, held <= slot, held >= next { return }
    deadline.slot = slot
    slots[Int(slot % UInt64(slots.count))].append(deadline)
    count += 1
  }

  /// The time of the next occupied slot; nil if all slots are empty.
  package var nextLook: UInt64? {
    guard count > 0 else { return nil }
    for slot in next..<next + UInt64(slots.count) where !slots[Int(slot % UInt64(slots.count))].isEmpty {
      return slot * tick
    }
    return nil
  }

  /// Removes and returns the deadlines that have passed at `now`.
  package mutating func advance(to now: UInt64) -> [Deadline] {
    var passed: [Deadline] = []
    let last = now / tick
    guard last >= next else { return [] }
    // After a long sleep every slot is checked once.
    let first = last - next >= UInt64(slots.count) ? last - UInt64(slots.count) + 1 : next
    var waiting: [Deadline] = []
    for slot in first...last {
      let index = Int(slot % UInt64(slots.count))
      count -= slots[index].count
      for deadline in slots[index] where deadline.slot.map({ $0 <= last }) ?? false {
        deadline.slot = nil
        guard let due = deadline.due else { continue }
        if due <= now { passed.append(deadline) } else { waiting.append(deadline) }
      }
      slots[index].removeAll(keepingCapacity: slots[index].count < 256)
    }
    next = last + 1
    for deadline in waiting { if let due = deadline.due { insert(deadline, due) } }
    for deadline in passed { deadline.due = nil }
    return passed
  }
}
