// A serial Dispatch queue that is also a Swift executor. Dispatch sources deliver events on it, and an actor can run
// on it. One actor thus owns its sockets without locks, and the compiler checks this.

import Dispatch

/// The serial queue on which a group of sockets is used.
package final class EventLoop: SerialExecutor {
  package let queue: DispatchQueue

  package init(label: String) { queue = DispatchQueue(label: label, qos: .userInitiated) }

  package func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedSerialExecutor()) }
  }

  package func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
