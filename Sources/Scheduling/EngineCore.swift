// What the engine's thread and its clients share: the scheduler's state, the requests in line and the phase, behind one lock.
//
// The lock is held for planning only, never while the runner computes, a stream is fed or a client's code runs. A thread with
// nothing to do sleeps on a semaphore, which is signalled only when it is known to sleep.
import Dispatch
import GenerationTypes
import Synchronization

/// A request in line with the far end of its stream.
struct Submission: Sendable {
  let request: GenerationRequest
  let continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  let time: ContinuousClock.Instant
}

/// The meeting point of clients, on any thread, and the engine's thread.
package final class EngineCore: Sendable {
  /// What the engine's thread has to do next.
  enum Round {
    /// Drop `cancelled`, admit, step.
    case work(cancelled: [JobID])
    /// Fail everything and leave.
    case leave
  }

  private enum Phase {
    case serving
    case draining(until: ContinuousClock.Instant)
    case stopped
  }

  private struct State {
    var scheduler: SchedulerState
    var submissions: [JobID: Submission] = [:]
    var phase = Phase.serving
    var threadSleeps = false
    var onStop: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>
  private let wakeUp = DispatchSemaphore(value: 0)

  package init(limits: SchedulerState.Limits) { state = Mutex(State(scheduler: SchedulerState(limits: limits))) }

  package var load: EngineLoad { state.withLock { $0.scheduler.load } }

  package var refusal: AdmissionError? {
    state.withLock { state in
      guard case .serving = state.phase else { return .shuttingDown }
      return state.scheduler.refusal()
    }
  }
}

// MARK: - For clients

extension EngineCore {
  /// Checks the request against the bounds and queues it.
  package func submit(
    _ request: GenerationRequest
  ) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error> {
    let (stream, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
    let submission = Submission(request: request, continuation: continuation, time: .now)
    let id = try state.withLock { state throws(AdmissionError) in
      guard case .serving = state.phase else { throw .shuttingDown }
      let id = try state.scheduler.enqueue(promptTokens: request.prompt.tokens.count, maxTokens: request.maxTokens)
      state.submissions[id] = submission
      return id
    }
    continuation.onTermination = { [weak self] reason in
      if case .cancelled = reason { self?.cancel(id) }
    }
    wake()
    return stream
  }

  /// Gives up a request wherever it is; does nothing when it has ended.
  package func cancel(_ id: JobID) {
    // What is taken out dies after the lock is released: it may hold pictures.
    let abandoned = state.withLock { $0.scheduler.cancel(id) ? $0.submissions.removeValue(forKey: id) : nil }
    if abandoned == nil { wake() }
  }

  /// Refuses new requests, fails those in line and lets the thread leave when nothing runs or `grace` is over.
  package func drain(grace: Duration) {
    let deadline = ContinuousClock.now + grace
    let abandoned: [Submission] = state.withLock { state in
      switch state.phase {
      case .serving: state.phase = .draining(until: deadline)
      case .draining(let earlier): state.phase = .draining(until: min(earlier, deadline))
      case .stopped: return []
      }
      return state.scheduler.takeWaiting().compactMap { state.submissions.removeValue(forKey: $0) }
    }
    for submission in abandoned { submission.continuation.finish(throwing: GenerationError.shuttingDown) }
    wake()
  }

  /// Returns once the engine's thread has let go of the runner.
  package func stopped() async {
    await withCheckedContinuation { continuation in
      let isStopped = state.withLock { state in
        if case .stopped = state.phase { return true }
        state.onStop.append(continuation)
        return false
      }
      if isStopped { continuation.resume() }
    }
  }

  private func wake() {
    let sleeps = state.withLock { state in
      defer { state.threadSleeps = false }
      return state.threadSleeps
    }
    if sleeps { wakeUp.signal() }
  }
}

// MARK: - For the engine's thread

extension EngineCore {
  /// What to do before the next step; nil when there is nothing to do at all.
  func nextRound() -> Round? {
    state.withLock { state in
      if case .draining(let deadline) = state.phase, state.scheduler.isIdle || .now >= deadline { return .leave }
      if case .stopped = state.phase { return .leave }
      guard !state.scheduler.isIdle else { return nil }
      return .work(cancelled: state.scheduler.takeCancelled())
    }
  }

  /// Admits the head of the line if it can run now.
  func admitNext() -> (id: JobID, submission: Submission)? {
    state.withLock { state in
      guard let id = state.scheduler.admit() else { return nil }
      return state.submissions.removeValue(forKey: id).map { (id, $0) }
    }
  }

  /// Sleeps until a client calls, unless there is work by now.
  func sleep() {
    let mustSleep = state.withLock { state in
      guard case .serving = state.phase, state.scheduler.isIdle else { return false }
      state.threadSleeps = true
      return true
    }
    if mustSleep { wakeUp.wait() }
  }

  /// Changes the scheduler's state.
  func update<Result: Sendable>(_ change: (inout SchedulerState) -> Result) -> Result {
    state.withLock { change(&$0.scheduler) }
  }

  /// Puts an admitted request back in line for want of memory; false when that would not help and it must fail.
  func putBack(_ id: JobID, _ submission: Submission) -> Bool {
    state.withLock { state in
      guard case .serving = state.phase, state.scheduler.putBack(id) else {
        state.scheduler.finish(id)
        return false
      }
      state.submissions[id] = submission
      return true
    }
  }

  /// The thread's last word: nothing of the runner is left on it.
  func markStopped() {
    let waiters = state.withLock { state in
      state.phase = .stopped
      defer { state.onStop = [] }
      return state.onStop
    }
    for waiter in waiters { waiter.resume() }
  }
}
