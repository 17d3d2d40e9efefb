// A one-level timer wheel. Slots are `tick` apart; a deadline beyond the horizon waits in the last slot and is looked at again
// there, so moving a deadline later costs nothing and ten thousand idle connections cost a few looks a second.

/// Sorts deadlines into slots. A pure value: time comes in as nanoseconds of a monotonic clock.
package struct DeadlineWheel {
  /// One deadline that can be moved; its owner keeps it and the wheel holds it until its slot has passed.
  package final class Deadline {
    /// When to act, in nanoseconds; nil: never.
    package fileprivate(set) var due: UInt64?
    fileprivate var slot: UInt64?
    /// Called once the deadline has passed; the owner clears it to let go.
    package var action: (() -> Void)?

    package init() {}
  }

  /// The distance of two slots in nanoseconds: a deadline is noticed at most this much late.
  package let tick: UInt64
  private var slots: [[Deadline]]
  /// The number of the next slot to look at; slot `n` covers due times up to `n * tick`.
  private var next: UInt64
  /// Entries in all slots, those moved away included.
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
    place(deadline, due)
  }

  private mutating func place(_ deadline: Deadline, _ due: UInt64) {
    let wanted = due / tick + 1
    let slot = min(max(wanted, next), next + UInt64(slots.count) - 1)
    if let held = deadline.slot, held <= slot, held >= next { return }
    deadline.slot = slot
    slots[Int(slot % UInt64(slots.count))].append(deadline)
    count += 1
  }

  /// The time of the next slot that holds something; nil: nothing waits.
  package var nextLook: UInt64? {
    guard count > 0 else { return nil }
    for slot in next..<next + UInt64(slots.count) where !slots[Int(slot % UInt64(slots.count))].isEmpty {
      return slot * tick
    }
    return nil
  }

  /// Takes out the deadlines that have passed at `now`.
  package mutating func advance(to now: UInt64) -> [Deadline] {
    var passed: [Deadline] = []
    let last = now / tick
    guard last >= next else { return [] }
    // After a long sleep every slot is looked at once.
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
    for deadline in waiting { if let due = deadline.due { place(deadline, due) } }
    for deadline in passed { deadline.due = nil }
    return passed
  }
}
