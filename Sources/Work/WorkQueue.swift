// Runs work whose cost grows with the client's input: parsing, rendering, tokenising, images, large documents. On the
// cooperative pool, which has one thread per core, it would block all handlers. Separate threads take it from a
// schedule that is fair to clients.

import Dispatch
import Foundation
import GenerationTypes
import Glibc
import Synchronization

/// Runs jobs on a limited number of threads.
package final class WorkQueue: Sendable {
  /// Counts for metrics.
  package struct Status: Sendable, Equatable {
    package var waiting = 0
    package var running = 0
    /// The number of completed jobs, of those dropped because their client left, and of those that exceeded their
    /// request's time.
    package var finished = 0, dropped = 0, overBudget = 0
    /// The number of jobs rejected because a queue was full.
    package var rejected = 0
    /// The processor time of all jobs in seconds.
    package var seconds = 0.0
  }

  package let limits: WorkLimits
  private let core: Core
  private let lastID = Atomic<UInt64>(0)

  /// The number of bytes of text up to which work runs on the caller's thread, within about a millisecond.
  package static let inlineBytes = 16 << 10

  package init(limits: WorkLimits = WorkLimits(workers: max(4, ProcessInfo.processInfo.activeProcessorCount))) {
    self.limits = limits
    core = Core(limits)
  }

  deinit { core.close() }

  package var status: Status { core.status }

  /// Creates the budget of a new request.
  package var newBudget: WorkBudget { WorkBudget(limit: limits.requestTime) }

  /// Waits in the queue, then returns the result of `work`, which must stop with any error soon after the budget
  /// requires it. Throws `WorkError`, and `CancellationError` as soon as the task is cancelled while the job is
  /// waiting.
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

  /// Runs the last job of a request that has been served, which writes the result. It is neither rejected nor
  /// measured, but waits in the queue.
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

  /// Runs work on so many bytes of text. Small work runs at once on the caller's thread.
  package func run<Value: Sendable>(
    bytes: Int, _ work: @escaping @Sendable (WorkBudget) throws -> Value
  ) async throws -> Value {
    if bytes > Self.inlineBytes { return try await run(.text(bytes: bytes), work) }
    try Task.checkCancellation()
    return try (WorkContext.current?.budget ?? .unlimited).measure(work).result.get()
  }
}

/// A job with its closure and the task that waits for it.
private final class Entry: Sendable {
  let job: WorkSchedule.Job
  let context: WorkContext
  /// Runs the job. Returns its seconds, its error if it failed, and a closure that resumes the waiting task.
  let perform: @Sendable () -> (seconds: Double, error: (any Error)?, resume: @Sendable () -> Void)
  /// Resumes the waiting task with an error.
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

/// The state that the threads share. They hold a reference to it and not to the queue, so that releasing the queue
/// ends them.
private final class Core: Sendable {
  private struct State {
    var schedule: WorkSchedule
    var entries: [WorkSchedule.JobID: Entry] = [:]
    /// The number of threads; 0 before the first job.
    var threads = 0
    var isClosed = false
    var status = WorkQueue.Status()
  }

  private let limits: WorkLimits
  private let state: Mutex<State>
  private let wake = DispatchSemaphore(value: 0)
  /// The stack size of a thread. Templates and schemas nest, so it must not depend on the shell's limit.
  private static let stackSize = 8 << 20
  /// Event loops and the engine take precedence if processors are scarce.
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
    // Already cancelled, so it would never be removed.
    if entry.context.budget.isCancelled { return entry.drop(CancellationError()) }
    let (error, isFirst) = state.withLock { state -> (WorkError?, Bool) in
      do throws(WorkError) {
        try state.schedule.add(entry.job)
      } catch {
        state.status.rejected += 1
        return (error, false)
      }
      state.entries[entry.job.id] = entry
      defer { state.threads = limits.workers }
      return (nil, state.threads == 0)
    }
    if let error { return entry.drop(error) }
    // All threads start together: the only thread must not take a long job and leave none for a short one.
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
      _ = nice(Self.niceness)  // On Linux this affects only the calling thread.
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
      // The job is counted before its client can receive the answer.
      resume()
      // The finished job may have blocked more jobs than the one this thread takes next.
      if mayStartMore { wake.signal() }
    }
  }
}
