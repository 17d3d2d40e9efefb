// The timer, read buffer and date of one event loop.

import Glibc
import Transport

/// The resources that the connections of one loop share. Not Sendable: belongs to the loop's actor.
final class HTTPLoopResources {
  let events: EventLoop
  let timer: DeadlineTimer
  let scratch = Connection.ReadBuffer()
  private var dateSecond = 0
  private var dateBytes: [UInt8] = []

  init(events: EventLoop) {
    self.events = events
    timer = DeadlineTimer(queue: events.queue)
  }

  /// The value of the Date field, updated once per second.
  var date: [UInt8] {
    let second = time(nil)
    if second != dateSecond { (dateSecond, dateBytes) = (second, Array(HTTPDate.text(second).utf8)) }
    return dateBytes
  }
}
