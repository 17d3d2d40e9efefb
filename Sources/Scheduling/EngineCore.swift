// What the engine's thread and its clients share, behind one lock: the schedule, the waiting requests and the phase.
//
// The lock is held while decisions are taken, never while the runner computes, a stream is fed, a client's code runs or
// a request is deallocated. The thread sleeps on a semaphore when there is nothing to do; it is signalled only when it
// sleeps.
import Dispatch
import GenerationTypes
import Synchronization

/// A request with the sending end of its stream.
struct Submission: Sendable {
  let request: GenerationRequest
  let continuation: AsyncThrowingStream<GenerationEvent, any Error>.Continuation
  let time: ContinuousClock.Instant
}

/// Connects clients, on any thread, with the engine's thread.
package final class EngineCore: Sendable {
  /// What the engine's thread does next.
  enum Turn {
    /// Execute these decisions; nothing when the round is over. The submissions are those of requests that the
    /// decisions name for the first time.
    case work([Schedule.Decision], [RequestID: Submission])
    case idle
    case leave
  }

  private enum Phase {
    case serving
    case draining(until: ContinuousClock.Instant)
    case stopped
  }

  private struct State {
    var schedule: Schedule
    /// The requests that the engine's thread does not know yet.
    var submissions: [RequestID: Submission] = [:]
    var phase = Phase.serving
    var threadSleeps = false
    var images = ImageTally()
    var onStop: [CheckedContinuation<Void, Never>] = []

    /// Whether the thread has to be signalled, which it is then once.
    mutating func mustWake() -> Bool {
      defer { threadSleeps = false }
      return threadSleeps
    }
  }

  private let state: Mutex<State>
  private let wakeUp = DispatchSemaphore(value: 0)

  package init(schedule: Schedule) { state = Mutex(State(schedule: schedule)) }

  package var load: EngineLoad {
    state.withLock { state in
      var load = state.schedule.load
      (load.tally.imageHits, load.tally.imageMisses) = (state.images.hits, state.images.misses)
      load.tally.cachedImageBytes = state.images.cachedBytes
      return load
    }
  }

  package var refusal: AdmissionError? { state.withLock { $0.schedule.refusal() } }
}

// MARK: - For clients

extension EngineCore {
  /// Checks the request against the limits and queues it.
  package func submit(
    _ request: GenerationRequest
  ) throws(AdmissionError) -> AsyncThrowingStream<GenerationEvent, any Error> {
    let (stream, continuation) = AsyncThrowingStream<GenerationEvent, any Error>.makeStream()
    if let defect = request.defect {
      continuation.finish(throwing: GenerationError.inference(defect))
      return stream
    }
    let submission = Submission(request: request, continuation: continuation, time: .now)
    let arrival = Schedule.Arrival(request)
    let (id, mustWake) = try state.withLock { state throws(AdmissionError) in
      let id = try state.schedule.arrive(arrival)
      state.submissions[id] = submission
      return (id, state.mustWake())
    }
    continuation.onTermination = { [weak self] reason in
      if case .cancelled = reason { self?.cancel(id) }
    }
    if mustWake { wakeUp.signal() }
    return stream
  }

  /// Cancels a request wherever it is; does nothing when it has ended.
  package func cancel(_ id: RequestID) {
    let (abandoned, mustWake) = state.withLock { state -> (Submission?, Bool) in
      switch state.schedule.cancel(id) {
      case .removed: (state.submissions.removeValue(forKey: id), false)
      case .pending: (nil, state.mustWake())
      case .unknown: (nil, false)
      }
    }
    withExtendedLifetime(abandoned) {}
    if mustWake { wakeUp.signal() }
  }

  /// Refuses new requests, fails waiting ones and lets the thread leave when nothing runs or `grace` is over.
  package func drain(grace: Duration) {
    let deadline = ContinuousClock.now + grace
    let (abandoned, mustWake) = state.withLock { state -> ([Submission], Bool) in
      switch state.phase {
      case .serving: state.phase = .draining(until: deadline)
      case .draining(let earlier): state.phase = .draining(until: min(earlier, deadline))
      case .stopped: return ([], false)
      }
      return (state.schedule.drain().compactMap { state.submissions.removeValue(forKey: $0) }, state.mustWake())
    }
    for submission in abandoned { submission.continuation.finish(throwing: GenerationError.shuttingDown) }
    if mustWake { wakeUp.signal() }
  }

  /// Returns once the engine's thread has released the runner.
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
}

// MARK: - For the engine's thread

extension EngineCore {
  /// Reports what came of the last decisions and returns the next ones.
  func exchange(_ events: [Schedule.Event], _ images: ImageTally) -> Turn {
    let now = ContinuousClock.now
    return state.withLock { state in
      state.images = images
      for event in events { state.schedule.handle(event, at: now) }
      if case .draining(let deadline) = state.phase {
        if now >= deadline { state.schedule.stop() }
        if state.schedule.isIdle { return .leave }
      }
      let isIdle = state.schedule.isIdle
      let decisions = state.schedule.decide(at: now)
      if isIdle { return .idle }
      var submissions: [RequestID: Submission] = [:]
      if !state.submissions.isEmpty {
        for case let id? in decisions.lazy.map(\.request) {
          submissions[id] = state.submissions.removeValue(forKey: id)
        }
      }
      return .work(decisions, submissions)
    }
  }

  /// Sleeps until a client calls, unless there is work by now.
  func sleep() {
    let mustSleep = state.withLock { state in
      guard case .serving = state.phase, state.schedule.isIdle else { return false }
      state.threadSleeps = true
      return true
    }
    if mustSleep { wakeUp.wait() }
  }

  /// Notes that the thread holds nothing of the runner any more.
  func markStopped() {
    let waiters = state.withLock { state in
      state.phase = .stopped
      defer { state.onStop = [] }
      return state.onStop
    }
    for waiter in waiters { waiter.resume() }
  }
}

extension Schedule.Decision {
  /// The request that may be named for the first time.
  fileprivate var request: RequestID? {
    switch self {
    case .start(let start): start.request
    case .fail(let id, _), .cancelled(let id): id
    case .preempt, .encode, .step, .truncate, .cachePrefix, .release, .finish: nil
    }
  }
}

extension GenerationRequest {
  /// What is wrong with the request; API and Chat build none such.
  fileprivate var defect: String? {
    prompt.defect ?? (maxTokens < 1 ? "max_tokens must be positive, got \(maxTokens)" : nil)
  }
}

extension Prompt {
  /// What is wrong with the prompt's shape.
  fileprivate var defect: String? {
    if tokens.isEmpty { return "the prompt is empty" }
    var end = 0
    for (index, image) in images.enumerated() {
      let count = image.image.layout.tokenCount
      guard image.position >= end, count > 0, image.position <= tokens.count,
        count <= tokens.count - image.position
      else {
        return "image \(index) takes \(count) positions at \(image.position), which must be after \(end) and within "
          + "\(tokens.count)"
      }
      end = image.position + count
    }
    return nil
  }
}
