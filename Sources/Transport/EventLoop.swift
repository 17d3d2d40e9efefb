// A serial Dispatch queue that is also a Swift executor: Dispatch sources deliver their events on it and an actor that names
// it as executor runs there too, so that one actor owns its sockets without locks and the compiler checks it.

import Dispatch

/// The serial queue on which the sockets of one group live.
package final class EventLoop: SerialExecutor {
  package let queue: DispatchQueue

  package init(label: String) { queue = DispatchQueue(label: label, qos: .userInitiated) }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
