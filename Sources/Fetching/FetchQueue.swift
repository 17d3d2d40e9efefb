// Runs blocking work on a few threads outside the cooperative pool. The waiting task resumes at the first of result,
// cancellation and deadline, even if the work hangs in a name server or a file system. The thread is free only when
// the work returns, so that hanging work cannot accumulate.
import Basics
import Dispatch
import Synchronization

/// Set when the result of the work is no longer needed.
final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// A limited number of threads with a queue in front.
final class FetchQueue: Sendable {
  private struct State {
    var free: [DispatchQueue]
    var waiting: [any Job] = []
  }

  private let state: Mutex<State>

  /// Creates the threads. A serial queue has a thread of its own while it runs something, whatever other threads do.
  init(label: String, width: Int) {
    state = Mutex(State(free: (0..<width).map { DispatchQueue(label: "\(label).\($0)") }))
  }

  /// Runs `work` when a thread is free. Throws `CancellationError` when the task is cancelled, `FetchError.busy`
  /// after half of the time in the queue (the rest would be too short to blame the host), and `.failed` at the
  /// deadline.
  func run<Value: Sendable>(
    until deadline: ContinuousClock.Instant,
    _ work: @escaping @Sendable (StopFlag) throws(FetchError) -> Value
  ) async throws -> Value {
    let now = ContinuousClock.now
    let latestStart = now + max(.zero, deadline - now) / 2
    let item = WorkItem(latestStart: latestStart, work)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard item.await(continuation) else { return }
        state.withLock { $0.waiting.append(item) }
        advance()
        after(latestStart - now) { [weak self, weak item] in
          guard let item, !item.hasBegun else { return }
          item.end(.failure(FetchError.busy))
          self?.forget(item)
        }
        after(deadline - now) { [weak item] in item?.end(.failure(FetchError.failed(reason: "timeout"))) }
      }
    } onCancel: {
      item.end(.failure(CancellationError()))
      forget(item)
    }
  }

  private func after(_ time: Duration, _ action: @escaping @Sendable () -> Void) {
    DispatchQueue.global().asyncAfter(
      deadline: .now() + .nanoseconds(Int(min(time.nanoseconds, 1_000_000_000_000_000))), execute: action)
  }

  /// Assigns waiting jobs to free threads.
  private func advance() {
    while let (thread, job) = next() {
      thread.async {
        job.perform()
        self.state.withLock { $0.free.append(thread) }
        self.advance()
      }
    }
  }

  private func next() -> (DispatchQueue, any Job)? {
    state.withLock { state in
      guard !state.waiting.isEmpty, let thread = state.free.popLast() else { return nil }
      return (thread, state.waiting.removeFirst())
    }
  }

  private func forget(_ job: any Job) { state.withLock { $0.waiting.removeAll { $0 === job } } }
}

private protocol Job: AnyObject, Sendable {
  func perform()
}

/// A piece of work and the task that waits for it.
private final class WorkItem<Value: Sendable>: Job {
  private struct State {
    var continuation: CheckedContinuation<Value, any Error>?
    var result: Result<Value, any Error>?
    var hasBegun = false
  }

  private let work: @Sendable (StopFlag) throws(FetchError) -> Value
  private let flag = StopFlag()
  private let state = Mutex(State())

  private let latestStart: ContinuousClock.Instant

  init(
    latestStart: ContinuousClock.Instant, _ work: @escaping @Sendable (StopFlag) throws(FetchError) -> Value
  ) {
    (self.latestStart, self.work) = (latestStart, work)
  }

  var hasBegun: Bool { state.withLock { $0.hasBegun } }

  /// Stores the continuation of the waiting task. Returns false if the work has ended; the continuation is then
  /// resumed.
  func await(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
    let result = state.withLock { state in
      if state.result == nil { state.continuation = continuation }
      return state.result
    }
    if let result { continuation.resume(with: result) }
    return result == nil
  }

  /// Ends the work. Only the first result counts.
  func end(_ result: Result<Value, any Error>) {
    flag.set()
    let continuation = state.withLock { state -> CheckedContinuation<Value, any Error>? in
      if state.result != nil { return nil }
      state.result = result
      defer { state.continuation = nil }
      return state.continuation
    }
    continuation?.resume(with: result)
  }

  func perform() {
    let isOver = state.withLock { state in
      state.hasBegun = state.result == nil && .now <= latestStart
      return state.result != nil
    }
    if isOver { return }
    if !hasBegun { return end(.failure(FetchError.busy)) }
    do { end(.success(try work(flag))) } catch { end(.failure(error)) }
  }
}
