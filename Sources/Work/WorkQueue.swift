// Work whose cost grows with what a client sends: parsing, rendering, tokenising, images, large documents. It would hold up every
// handler on the cooperative pool, which has one thread a core. Threads of its own take it from a schedule that is fair to clients.

import Dispatch
import Foundation
import GenerationTypes
import Glibc
import Synchronization

/// Runs jobs on a bounded number of threads.
package final class WorkQueue: Sendable {
  /// Counts for metrics.
  package struct Status: Sendable, Equatable {
    package var waiting = 0
    package var running = 0
    /// Jobs that ran to their end, those dropped because their client left, and those that used their request's time up.
    package var finished = 0, dropped = 0, overBudget = 0
    /// Jobs that found no room.
    package var refused = 0
    /// Processor seconds of all jobs.
    package var seconds = 0.0
  }

  package let limits: WorkLimits
  private let core: Core
  private let lastID = Atomic<UInt64>(0)

  /// Bytes of text that are worked on where they are, within a millisecond or so.
  package static let inlineBytes = 16 << 10

  package init(limits: WorkLimits = WorkLimits(workers: max(4, ProcessInfo.processInfo.activeProcessorCount))) {
    self.limits = limits
    core = Core(limits)
  }

  deinit { core.close() }

  package var status: Status { core.status }

  /// The budget of a new request.
  package var newBudget: WorkBudget { WorkBudget(limit: limits.requestTime) }

  /// Waits for its turn, then returns what `work` returns. `work` ends soon, with any error, once the budget says that it should stop.
  /// Throws `CancellationError` as soon as the task is cancelled while the job waits, and `WorkError`.
  package func run<Value: Sendable>(
    _ size: WorkSize, _ work: @escaping @Sendable (WorkBudget) throws -> Value
  ) async throws -> Value {
    let context = WorkContext.current ?? WorkContext(client: .server, budget: .unlimited)
    let job = WorkSchedule.Job(
      id: lastID.add(1, ordering: .relaxed).newValue, client: context.client, size: size)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        core.add(Entry(job, context, continuation, work))
      }
    } onCancel: {
      context.budget.cancel()
      core.cancel(job)
    }
  }

  /// The same for the last piece of a request that has been served: writing down what took long to make. It is neither refused nor
  /// measured, but still takes its turn.
  package func finish<Value: Sendable>(bytes: Int, _ work: @escaping @Sendable () throws -> Value) async throws -> Value
  {
    if bytes <= Self.inlineBytes { return try work() }
    let context = WorkContext(client: WorkContext.current?.client ?? .server, budget: .unlimited)
    return try await WorkContext.$current.withValue(context) {
      var size = WorkSize.text(bytes: bytes)
      size.isBounded = false
      return try await run(size) { _ in try work() }
    }
  }

  /// The same as `run` for work on so many bytes of text; a little is done at once, on the caller's thread.
  package func run<Value: Sendable>(
    bytes: Int, _ work: @escaping @Sendable (WorkBudget) throws -> Value
  ) async throws -> Value {
    if bytes > Self.inlineBytes { return try await run(.text(bytes: bytes), work) }
    try Task.checkCancellation()
    return try (WorkContext.current?.budget ?? .unlimited).measure(work).result.get()
  }
}

/// A job with what it does and who waits for it.
private final class Entry: Sendable {
  let job: WorkSchedule.Job
  let context: WorkContext
  /// Does the job. Returns the seconds it took, its error if it failed, and a closure that resumes the waiting task.
  let perform: @Sendable () -> (seconds: Double, error: (any Error)?, resume: @Sendable () -> Void)
  /// Wakes who waits with an error.
  let drop: @Sendable (any Error) -> Void

  init<Value: Sendable>(
    _ job: WorkSchedule.Job, _ context: WorkContext, _ continuation: CheckedContinuation<Value, any Error>,
    _ work: @escaping @Sendable (WorkBudget) throws -> Value
  ) {
    (self.job, self.context) = (job, context)
    perform = {
      let (result, seconds) = WorkContext.$current.withValue(context) { context.budget.measure(work) }
      let resume: @Sendable () -> Void = { continuation.resume(with: result) }
      if case .failure(let error) = result { return (seconds, error, resume) }
      return (seconds, nil, resume)
    }
    drop = { continuation.resume(throwing: $0) }
  }
}

/// What the threads share. They hold it, not the queue, so that a queue that is let go ends them.
private final class Core: Sendable {
  private struct State {
    var schedule: WorkSchedule
    var entries: [WorkSchedule.JobID: Entry] = [:]
    /// 0 before the first job.
    var threads = 0
    var isClosed = false
    var status = WorkQueue.Status()
  }

  private let limits: WorkLimits
  private let state: Mutex<State>
  private let wake = DispatchSemaphore(value: 0)
  /// Templates and schemas nest, so the stack does not depend on the shell's limit.
  private static let stackSize = 8 << 20
  /// Event loops and the engine go first where processors are short.
  private static let niceness: Int32 = 3

  init(_ limits: WorkLimits) {
    self.limits = limits
    state = Mutex(State(schedule: WorkSchedule(limits: limits)))
  }

  var status: WorkQueue.Status {
    state.withLock {
      var status = $0.status
      (status.waiting, status.running) = ($0.schedule.waiting, $0.schedule.runningCount)
      return status
    }
  }

  func add(_ entry: Entry) {
    // Cancelled before it came: nobody will ask for its removal.
    if entry.context.budget.isCancelled { return entry.drop(CancellationError()) }
    let (refusal, isFirst) = state.withLock { state -> (WorkError?, Bool) in
      do throws(WorkError) {
        try state.schedule.add(entry.job)
      } catch {
        state.status.refused += 1
        return (error, false)
      }
      state.entries[entry.job.id] = entry
      defer { state.threads = limits.workers }
      return (nil, state.threads == 0)
    }
    if let refusal { return entry.drop(refusal) }
    // All at once: a thread that is woken and takes a long job must not be the only one that was to be had for a short one.
    if isFirst { for _ in 0..<limits.workers { startThread() } }
    wake.signal()
    if entry.context.budget.isCancelled { cancel(entry.job) }
  }

  func cancel(_ job: WorkSchedule.Job) {
    let entry = state.withLock { state -> Entry? in
      guard state.schedule.remove(job.id, of: job.client) else { return nil }
      state.status.dropped += 1
      return state.entries.removeValue(forKey: job.id)
    }
    entry?.drop(CancellationError())
  }

  func close() {
    let threads = state.withLock { state in
      state.isClosed = true
      return state.threads
    }
    for _ in 0..<threads { wake.signal() }
  }

  private func startThread() {
    let thread = Thread { [self] in
      _ = nice(Self.niceness)  // Of this thread alone on Linux.
      work()
    }
    thread.stackSize = Self.stackSize
    thread.name = "r4b.work"
    thread.start()
  }

  private func work() {
    while true {
      let (entry, isClosed) = state.withLock { state -> (Entry?, Bool) in
        if state.isClosed { return (nil, true) }
        return (state.schedule.next().flatMap { state.entries.removeValue(forKey: $0.id) }, false)
      }
      if isClosed { return }
      guard let entry else {
        wake.wait()
        continue
      }
      let (seconds, error, resume) = entry.perform()
      let mayStartMore = state.withLock { state -> Bool in
        state.schedule.finish(entry.job, seconds: seconds)
        state.status.seconds += seconds
        switch error {
        case is CancellationError: state.status.dropped += 1
        case WorkError.overBudget?: state.status.overBudget += 1
        default: state.status.finished += 1
        }
        return state.schedule.waiting > 1
      }
      // The job is counted before its client can have the answer.
      resume()
      // What ended may have held back more than the one job that this thread takes next.
      if mayStartMore { wake.signal() }
    }
  }
}
