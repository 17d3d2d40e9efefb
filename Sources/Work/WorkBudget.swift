// The processor time that the work for one request may take, and whether the result is still needed. Long loops check
// `shouldStop` every few hundred microseconds and then throw any error, which the queue replaces with the reason.

import Basics
import GenerationTypes
import Glibc
import Synchronization

/// The budget of one request. Its jobs run one after the other, and each is measured on the thread that runs it.
package final class WorkBudget: Sendable {
  package let limit: Duration
  private let limitNanoseconds: Int
  /// The processor time of the earlier jobs in nanoseconds.
  private let spent = Atomic(0)
  /// The thread's processor time at the start of the current job; negative between jobs.
  private let start = Atomic(-1)
  private let cancelled = Atomic(false)

  package init(limit: Duration) {
    self.limit = limit
    limitNanoseconds = Int(limit.nanoseconds)
  }

  /// A budget without a limit, for work that is not caused by a client.
  package static var unlimited: WorkBudget { WorkBudget(limit: .seconds(Int64.max)) }

  /// Whether the current job must stop, because its result is not needed or its request has used its time. Reads the
  /// thread's clock, which takes some hundred nanoseconds.
  package var shouldStop: Bool { isCancelled || isOver }

  /// Marks the result as not needed.
  package func cancel() { cancelled.store(true, ordering: .relaxed) }

  package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  private var isOver: Bool {
    let start = start.load(ordering: .relaxed)
    let current = start < 0 ? 0 : Self.threadTime - start
    return spent.load(ordering: .relaxed) + current > limitNanoseconds
  }

  /// Runs one job on this thread and returns its result or error with its processor time in seconds. A job that had
  /// to stop throws `CancellationError` or `WorkError.overBudget`, whatever error its loops threw.
  func measure<Value>(_ work: (WorkBudget) throws -> Value) -> (result: Result<Value, any Error>, seconds: Double) {
    let before = Self.threadTime
    start.store(before, ordering: .relaxed)
    var result: Result<Value, any Error>
    if isCancelled {
      result = .failure(CancellationError())
    } else if isOver {
      result = .failure(WorkError.overBudget(limit: limit))
    } else {
      result = Result { try work(self) }
      if case .failure = result {
        if isCancelled {
          result = .failure(CancellationError())
        } else if isOver {
          result = .failure(WorkError.overBudget(limit: limit))
        }
      }
    }
    let used = Self.threadTime - before
    start.store(-1, ordering: .relaxed)
    spent.add(used, ordering: .relaxed)
    return (result, Double(used) / 1e9)
  }

  /// The processor time of this thread in nanoseconds.
  private static var threadTime: Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

/// The client and budget for which the current task works. The request pipeline sets it, and the queue passes it to
/// the working thread.
package struct WorkContext: Sendable {
  package let client: ClientID
  package let budget: WorkBudget

  @TaskLocal package static var current: WorkContext?

  package init(client: ClientID, budget: WorkBudget) { (self.client, self.budget) = (client, budget) }

  /// Whether the current work of this thread must stop.
  package static var shouldStop: Bool { current?.budget.shouldStop ?? false }
}
