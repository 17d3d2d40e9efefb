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
    /// Drop `cancelled`, fail `expired`, admit, step.
    case work(cancelled: [JobID], expired: [(id: JobID, submission: Submission?)])
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
    var tally = EngineTally()
    var onStop: [CheckedContinuation<Void, Never>] = []
  }

  private let state: Mutex<State>
  private let wakeUp = DispatchSemaphore(value: 0)

  package init(limits: SchedulerState.Limits) { state = Mutex(State(scheduler: SchedulerState(limits: limits))) }

  package var load: EngineLoad {
    state.withLock { state in
      var load = state.scheduler.load
      load.tally = state.tally
      return load
    }
  }

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
      let id = try state.scheduler.enqueue(.init(request))
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
    // What is taken out dies after the lock is released: it may hold images.
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
      let expired = state.scheduler.takeExpired(at: .now)
      return .work(
        cancelled: state.scheduler.takeCancelled(),
        expired: expired.map { ($0, state.submissions.removeValue(forKey: $0)) })
    }
  }

  /// The next in line who may have a seat; it stays in line, and may be cancelled there.
  func candidate() -> (id: JobID, submission: Submission)? {
    state.withLock { state in
      guard let id = state.scheduler.candidate()?.id, let submission = state.submissions[id] else { return nil }
      return (id, submission)
    }
  }

  /// Gives a candidate its seat; false when it has left the line.
  func admit(_ id: JobID, reservation: Int) -> Bool {
    state.withLock { state in
      guard state.submissions.removeValue(forKey: id) != nil else { return false }
      state.scheduler.admit(id, reservation: reservation)
      return true
    }
  }

  /// Takes a request out of the line that has been ended otherwise.
  func forget(_ id: JobID) {
    let submission = state.withLock { $0.submissions.removeValue(forKey: id) }
    withExtendedLifetime(submission) {}
  }

  /// Tells clients what the engine's thread has counted.
  func publish(_ tally: EngineTally) { state.withLock { $0.tally = tally } }

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

  /// Puts a request that has lost its sequence at the head of the line, to go on as `remainder`; false when it was cancelled.
  func suspend(_ id: JobID, _ remainder: Submission, waitsForKV: Bool) -> Bool {
    state.withLock { state in
      let tokens = remainder.request.prompt.tokens.count
      guard state.scheduler.suspend(id, promptTokens: tokens, waitsForKV: waitsForKV) else { return false }
      state.submissions[id] = remainder
      return true
    }
  }

  /// Whether the request is in line.
  func isWaiting(_ id: JobID) -> Bool { state.withLock { $0.submissions[id] != nil } }

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
