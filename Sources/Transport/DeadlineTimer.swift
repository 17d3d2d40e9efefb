// One Dispatch timer for all deadlines of a loop. It is armed for the wheel's next occupied slot and idle while there
// is none. Not Sendable: used on its loop's queue, like the connections.

import Dispatch

/// The deadlines of one event loop.
package final class DeadlineTimer {
  private var wheel: TimerWheel
  private let source: any DispatchSourceTimer
  private var armed: UInt64?

  package init(queue: DispatchQueue) {
    wheel = TimerWheel(now: Self.now)
    source = DispatchSource.makeTimerSource(queue: queue)
    source.setEventHandler { [weak self] in self?.fire() }
    source.activate()
  }

  deinit { source.cancel() }

  /// The current time of the monotonic clock on which deadlines are set, in nanoseconds.
  package static var now: UInt64 { DispatchTime.now().uptimeNanoseconds }

  /// Moves `deadline`. Its action runs on the loop's queue at most 50 ms after `due`.
  package func set(_ deadline: TimerWheel.Deadline, to due: UInt64?) {
    if due == nil && deadline.due == nil { return }
    wheel.set(deadline, to: due, now: Self.now)
    guard let due else { return }
    // The timer fires earlier and will be armed again then.
    if let armed, armed <= due { return }
    arm()
  }

  private func arm() {
    guard let look = wheel.nextLook else { return armed = nil }
    if let armed, armed <= look { return }
    armed = look
    source.schedule(deadline: DispatchTime(uptimeNanoseconds: look), leeway: .milliseconds(5))
  }

  private func fire() {
    armed = nil
    for deadline in wheel.advance(to: Self.now) { deadline.action?() }
    arm()
  }
}
