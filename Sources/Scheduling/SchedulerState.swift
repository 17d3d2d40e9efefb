// Who waits, who runs, and what the next step computes: a plain value without threads, clocks or sequences.
//
// Admission (`SchedulerState+Admission.swift`) shares slots fairly between clients (`SchedulerState+Fairness.swift`). A step takes
// one position of every reply that is being decoded, then fills up with prompts: their bounded chunk is shared evenly between
// clients, and between the prompts of one, so that a short prompt is not held up by a long one. A step is of one class: idle
// requests rest while an interactive one runs, spare ones while any other does.
import Basics
import GenerationTypes

/// Names a request for as long as the engine lives.
package typealias JobID = UInt64

/// The waiting line and the running requests.
package struct SchedulerState: Sendable {
  /// Bounds, all at least 1 but `maxQueued` and `briefSeats`, which may be 0.
  package struct Limits: Sendable, Equatable {
    package let maxRunning, maxIdle, briefSeats, maxQueued, kvTokens, ahead, prefillChunk, maxBatch: Int
    /// Places that prompt and reply of one request may take.
    package let requestTokens: Int

    /// The configuration as far as a runner with this context and batch can serve it.
    package init(_ configuration: EngineConfiguration, contextLength: Int, maxBatch: Int) {
      self.maxBatch = max(maxBatch, 1)
      // Every reply being decoded has a place in every step.
      maxRunning = min(max(configuration.maxRunning, 1), self.maxBatch)
      maxIdle = min(max(configuration.maxIdle, 1), self.maxBatch)
      briefSeats = min(max(configuration.briefSeats, 0), maxRunning - 1)
      maxQueued = max(configuration.maxQueued, 0)
      kvTokens = max(configuration.kvTokens, 1)
      (prefillChunk, ahead) = (max(configuration.prefillChunk, 1), max(configuration.ahead, 1))
      requestTokens = min(max(contextLength, 1), kvTokens)
    }
  }

  /// What admission has to know of a request.
  package struct Demand: Sendable, Equatable {
    package var promptTokens, maxTokens: Int
    package var serviceClass = ServiceClass.interactive
    package var isShort = false
    package var client = ClientID.server
    package var deadline: ContinuousClock.Instant?

    package init(promptTokens: Int, maxTokens: Int) { (self.promptTokens, self.maxTokens) = (promptTokens, maxTokens) }

    package init(_ request: GenerationRequest) {
      (promptTokens, maxTokens) = (request.prompt.tokens.count, request.maxTokens)
      (serviceClass, isShort, deadline) = (request.serviceClass, request.isShort, request.deadline)
      client = request.client
    }
  }

  /// One request's part of a step.
  package struct Slice: Sendable, Equatable {
    package enum Work: Sendable, Equatable {
      /// The token sampled last.
      case decode
      /// These places of the prompt.
      case prefill(Range<Int>)
    }
    package let job: JobID
    package let work: Work
    /// Whether a token follows from it.
    package let samples: Bool

    package init(job: JobID, work: Work, samples: Bool) { (self.job, self.work, self.samples) = (job, work, samples) }
    /// Places it appends.
    package var count: Int { if case .prefill(let range) = work { range.count } else { 1 } }
  }

  struct Job {
    let id: JobID
    var demand: Demand
    /// Positions of KV cache it takes besides those it shares.
    var reservation: Int
    /// Prompt places in the sequence.
    var done = 0
    /// Prompt places whose inputs are at hand; the rest wait for an image's features.
    var ready: Int
    var isCancelled = false
    /// In line: whether it waits for another's prompt, or was found to want more KV than there is.
    var isHeld = false, isBlocked = false
    /// Tokens decoded since it was given its slot.
    var decoded = 0
  }

  package let limits: Limits
  var waiting: [Job] = []
  var running: [Job] = []
  var reserved = 0
  var nextID: JobID = 1
  /// When each client's images were last worked on, counted in pieces, and when it was last given a slot, counted in slots.
  var imageTurns: [ClientID: Int] = [:]
  var slotTurns: [ClientID: Int] = [:]
  /// Set when memory ran out at the head of the line; admission goes on when a request ends.
  var waitsForMemory = false
  /// Seconds from admission to end, smoothed over the last dozen or so interactive requests; nil before the first.
  var meanService: Double?

  package init(limits: Limits) { self.limits = limits }

  package var load: EngineLoad {
    var load = EngineLoad()
    (load.running, load.waiting) = (running.count, waiting.count)
    (load.kvTokens, load.kvCapacityTokens) = (reserved, limits.kvTokens)
    return load
  }

  /// Nothing to compute, admit or clean up.
  package var isIdle: Bool { waiting.isEmpty && running.isEmpty }
}

// MARK: - A running request's way

extension SchedulerState {
  /// Says how many places of a running request's prompt its sequence began with.
  package mutating func setDone(_ id: JobID, places: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    running[index].done = min(max(places, 0), running[index].demand.promptTokens - 1)
    running[index].ready = max(running[index].ready, running[index].done)
  }

  /// Says how many places of a running request's prompt have their inputs.
  package mutating func setReady(_ id: JobID, places: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    running[index].ready = min(max(places, running[index].done), running[index].demand.promptTokens)
  }

  /// The running request whose image is to be worked on: the first that waits for features, of the client whose images were
  /// not worked on for longest.
  package var awaitingInputs: JobID? {
    let waiting = active.filter { $0.done == $0.ready && $0.ready < $0.demand.promptTokens }
    return waiting.min { imageTurns[$0.demand.client] ?? 0 < imageTurns[$1.demand.client] ?? 0 }?.id
  }

  /// Notes that a piece of a request's image was worked on.
  package mutating func takeImageTurn(_ id: JobID) {
    guard let job = running.first(where: { $0.id == id }) else { return }
    takeTurn(job.demand.client, in: \.imageTurns)
  }

  /// Whether a reply waits for the next step, and so for everything that is done before it.
  package var isReplying: Bool { active.contains { $0.done == $0.demand.promptTokens } }

  /// Ends the running requests that were cancelled.
  package mutating func takeCancelled() -> [JobID] {
    let cancelled = running.filter(\.isCancelled).map(\.id)
    for id in cancelled { finish(id) }
    return cancelled
  }

  /// Ends the requests whose time is over at `now`.
  package mutating func takeExpired(at now: ContinuousClock.Instant) -> [JobID] {
    func isOver(_ job: Job) -> Bool { job.demand.deadline.map { $0 <= now } ?? false }
    let expired = (waiting + running).filter(isOver).map(\.id)
    if expired.isEmpty { return [] }
    waiting.removeAll(where: isOver)
    for id in expired { finish(id) }
    return expired
  }

  /// Ends a running request and gives its reservation back. `service` is the time since its admission, when it ended by itself.
  package mutating func finish(_ id: JobID, service: Duration? = nil) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    let job = running.remove(at: index)
    reserved -= job.reservation
    waitsForMemory = false
    for index in waiting.indices { waiting[index].isBlocked = false }
    if let service, job.demand.serviceClass == .interactive {
      let seconds = service.seconds
      meanService = meanService.map { $0 + (seconds - $0) / 8 } ?? seconds
    }
  }
}

// MARK: - A step

extension SchedulerState {
  /// Running requests that the next step may hold.
  private var active: [Job] {
    let going = running.filter { !$0.isCancelled }
    let first = going.map(\.demand.serviceClass).max()
    return going.filter { $0.demand.serviceClass == first }
  }

  /// The next step: replies first, then prompts, each in order of admission. `promptRows` bounds the prompts' places further than
  /// the chunk does.
  package func plan(promptRows: Int = .max) -> [Slice] {
    let active = active
    var slices = active.filter { $0.done == $0.demand.promptTokens }.map {
      Slice(job: $0.id, work: .decode, samples: true)
    }
    let prefilling = active.filter { $0.done < $0.ready }
    let shares = Self.shares(
      of: min(limits.prefillChunk, limits.maxBatch - slices.count, promptRows),
      among: prefilling.map { (client: $0.demand.client, need: $0.ready - $0.done) })
    for (job, share) in zip(prefilling, shares) where share > 0 {
      let end = job.done + share
      slices.append(Slice(job: job.id, work: .prefill(job.done..<end), samples: end == job.demand.promptTokens))
    }
    return slices
  }

  /// Notes that a slice was computed.
  package mutating func complete(_ slice: Slice) {
    guard let index = running.firstIndex(where: { $0.id == slice.job }) else { return }
    switch slice.work {
    case .prefill(let range): running[index].done = range.upperBound
    case .decode:
      running[index].decoded += 1
      // Who waits for KV may have it from this one now.
      if running[index].isAtTurn { for index in waiting.indices { waiting[index].isBlocked = false } }
    }
  }

  /// Splits `total` evenly; what one does not need goes to the others, the odd rest to the first.
  static func shares(of total: Int, among needs: [Int]) -> [Int] {
    var shares = needs.map { _ in 0 }
    var left = max(total, 0)
    // From the smallest need up, each takes at most an equal part of what is left.
    let order = needs.indices.sorted { (needs[$0], $0) < (needs[$1], $1) }
    for (served, index) in order.enumerated() {
      let unserved = needs.count - served
      shares[index] = min(needs[index], (left + unserved - 1) / unserved)
      left -= shares[index]
    }
    return shares
  }
}
