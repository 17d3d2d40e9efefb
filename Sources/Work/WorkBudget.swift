// The processor time that the work of one request may take, and whether anybody still waits for it. Long loops ask `shouldStop` every
// few hundred microseconds and then end with any error: the queue puts the reason in its place.

import Basics
import GenerationTypes
import Glibc
import Synchronization

/// The budget of one request. Its jobs run one after the other; each is measured on the thread that runs it.
package final class WorkBudget: Sendable {
  package let limit: Duration
  private let limitNanoseconds: Int
  /// Nanoseconds of the jobs before the current one.
  private let spent = Atomic(0)
  /// The thread's clock at the start of the current job; negative between jobs.
  private let start = Atomic(-1)
  private let cancelled = Atomic(false)

  package init(limit: Duration) {
    self.limit = limit
    limitNanoseconds = Int(limit.nanoseconds)
  }

  /// A budget for work that no client sent.
  package static var unlimited: WorkBudget { WorkBudget(limit: .seconds(Int64.max)) }

  /// Whether the current job has to end: nobody waits for it, or its request has used its time. Reads the thread's clock, which takes
  /// some hundred nanoseconds.
  package var shouldStop: Bool { isCancelled || isOver }

  /// Nobody waits for the work any more.
  package func cancel() { cancelled.store(true, ordering: .relaxed) }

  package var isCancelled: Bool { cancelled.load(ordering: .relaxed) }

  private var isOver: Bool {
    let start = start.load(ordering: .relaxed)
    let current = start < 0 ? 0 : Self.threadTime - start
    return spent.load(ordering: .relaxed) + current > limitNanoseconds
  }

  /// Runs one job on this thread and returns what it returned or threw, with its processor time in seconds. A job that has to end
  /// throws `CancellationError` or `WorkError.overBudget`, whatever error its loops ended with.
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

  /// Processor time of this thread in nanoseconds.
  private static var threadTime: Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
  }
}

/// For whom the current task works. The request pipeline sets it; the queue hands it on to the thread that does the work.
package struct WorkContext: Sendable {
  package let client: ClientID
  package let budget: WorkBudget

  @TaskLocal package static var current: WorkContext?

  package init(client: ClientID, budget: WorkBudget) { (self.client, self.budget) = (client, budget) }

  /// Whether the work that this thread does now has to end.
  package static var shouldStop: Bool { current?.budget.shouldStop ?? false }
}
