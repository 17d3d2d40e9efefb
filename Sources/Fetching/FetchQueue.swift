// Blocking work on a few threads of its own, off the cooperative pool. Whoever waits is woken by the first of result,
// cancellation and deadline, even while the work hangs in a name server or a file system; its thread is free again only
// when the work returns, so that hanging work cannot pile up.
import Basics
import Dispatch
import Synchronization

/// Set when nobody waits for the work any more.
final class StopFlag: Sendable {
  private let flag = Atomic(false)
  var isSet: Bool { flag.load(ordering: .relaxed) }
  func set() { flag.store(true, ordering: .relaxed) }
}

/// A bounded number of threads and a line before them.
final class FetchQueue: Sendable {
  private struct State {
    var free: [DispatchQueue]
    var waiting: [any Job] = []
  }

  private let state: Mutex<State>

  /// Serial queues have a thread each while they run something, whatever the other threads of the process do.
  init(label: String, width: Int) {
    state = Mutex(State(free: (0..<width).map { DispatchQueue(label: "\(label).\($0)") }))
  }

  /// Runs `work` when a thread is free. Throws `CancellationError` when the task is cancelled, `FetchError.busy` after half of the
  /// time in line, because what is left would be too short to blame the host, and `.failed` at the deadline.
  func run<Value: Sendable>(
    until deadline: ContinuousClock.Instant,
    _ work: @escaping @Sendable (StopFlag) throws(FetchError) -> Value
  ) async throws -> Value {
    let now = ContinuousClock.now
    let latestStart = now + max(.zero, deadline - now) / 2
    let errand = Errand(latestStart: latestStart, work)
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        guard errand.await(continuation) else { return }
        state.withLock { $0.waiting.append(errand) }
        advance()
        after(latestStart - now) { [weak self, weak errand] in
          guard let errand, !errand.hasBegun else { return }
          errand.end(.failure(FetchError.busy))
          self?.forget(errand)
        }
        after(deadline - now) { [weak errand] in errand?.end(.failure(FetchError.failed(reason: "timeout"))) }
      }
    } onCancel: {
      errand.end(.failure(CancellationError()))
      forget(errand)
    }
  }

  private func after(_ time: Duration, _ action: @escaping @Sendable () -> Void) {
    DispatchQueue.global().asyncAfter(
      deadline: .now() + .nanoseconds(Int(min(time.nanoseconds, 1_000_000_000_000_000))), execute: action)
  }

  /// Gives free threads to those who wait.
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

/// One piece of work and who waits for it.
private final class Errand<Value: Sendable>: Job {
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

  /// Keeps whom to wake; false where it is over already, and the continuation was resumed.
  func await(_ continuation: CheckedContinuation<Value, any Error>) -> Bool {
    let result = state.withLock { state in
      if state.result == nil { state.continuation = continuation }
      return state.result
    }
    if let result { continuation.resume(with: result) }
    return result == nil
  }

  /// The first end counts.
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
