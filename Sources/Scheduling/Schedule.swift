// Every scheduling decision, in one plain value: no runner, no lock, no clock. Events go in, decisions come out, time
// is an argument.
//
// A round ends cancelled and expired requests, admits waiting ones, encodes a piece of an image and computes a step.
// `decide` returns what the engine's thread executes next; it pauses where the following decisions depend on the
// outcome, which the thread reports through `handle`.
import Basics
import GenerationTypes

/// The queue, the running requests, their KV and the prefix cache.
package struct Schedule: Sendable {
  package typealias Instant = ContinuousClock.Instant

  /// Limits, all at least 1 except `maxWaiting` and `shortSlots`, which may be 0.
  package struct Limits: Sendable, Equatable {
    package let maxRunning, maxRunningBatch, shortSlots, maxWaiting, kvTokens, replyReservation, prefillChunk: Int
    /// The positions that one step may append.
    package let maxBatch: Int
    /// The positions that prompt and reply of one request may take.
    package let requestTokens: Int

    /// The configuration, as far as a runner with this context and batch supports it.
    package init(_ configuration: EngineConfiguration, contextLength: Int, maxBatch: Int) {
      self.maxBatch = max(maxBatch, 1)
      // Every reply takes at least one row of every step.
      maxRunning = min(max(configuration.maxRunning, 1), self.maxBatch)
      maxRunningBatch = min(max(configuration.maxRunningBatch, 1), self.maxBatch)
      shortSlots = min(max(configuration.shortSlots, 0), maxRunning - 1)
      maxWaiting = max(configuration.maxWaiting, 0)
      kvTokens = max(configuration.kvTokens, 1)
      replyReservation = max(configuration.replyReservation, 1)
      prefillChunk = max(configuration.prefillChunk, 1)
      requestTokens = min(max(contextLength, 1), kvTokens)
    }
  }

  /// What a round does next.
  enum Phase {
    case start, admission, encoding, stepping, end
  }

  package let limits: Limits
  /// Seconds that prompts and images may delay running replies.
  let maxStall: Double
  /// In order of arrival, except that a request whose start failed for want of memory is first.
  package internal(set) var waiting: [Request] = []
  /// In order of admission.
  package internal(set) var running: [Request] = []
  package internal(set) var kv: KVBudget
  package internal(set) var prefixes: PrefixCache
  package var pace = StepPace()
  /// What was counted since the start; the engine's thread adds what concerns images.
  package internal(set) var tally = EngineTally()
  /// When each client was last given a slot, and when its images were last encoded, as a count.
  var slotTurns: [ClientID: Int] = [:]
  var imageTurns: [ClientID: Int] = [:]
  /// Set when a start failed for want of memory: no other is tried before a request ends.
  var waitsForMemory = false
  var isDraining = false
  /// Whether no waiting request could be started and nothing has changed since that could change this.
  var isAdmissionSettled = false
  /// Seconds from start to end, smoothed over about eight interactive requests; nil before the first.
  var meanService: Double?
  var nextRequest: RequestID = 1
  var nextSequence: SequenceID = 0
  var phase = Phase.start
  /// Decisions that `decide` returns next.
  var outbox: [Decision] = []
  /// The step that the engine's thread computes.
  var stepInFlight: [StepEntry] = []

  package init(
    _ configuration: EngineConfiguration, contextLength: Int, maxBatch: Int, sharedPositions: Int
  ) {
    limits = Limits(configuration, contextLength: contextLength, maxBatch: maxBatch)
    maxStall = max(configuration.maxStall.seconds, 0)
    kv = KVBudget(capacity: limits.kvTokens, segmentSize: sharedPositions)
    prefixes = PrefixCache(capacity: min(configuration.prefixTokens, limits.kvTokens))
  }

  package var load: EngineLoad {
    var load = EngineLoad()
    (load.running, load.waiting) = (running.count, waiting.count)
    (load.kvTokens, load.kvCapacityTokens) = (kv.committed, limits.kvTokens)
    load.tally = tally
    load.tally.cachedPositions = kv.held - kv.runningHeld
    return load
  }

  /// Whether there is nothing to compute, admit or clean up.
  package var isIdle: Bool { waiting.isEmpty && running.isEmpty && outbox.isEmpty }
}

// MARK: - Rounds

extension Schedule {
  /// Returns what the engine's thread executes next, in this order; nothing at the end of a round.
  package mutating func decide(at now: Instant) -> [Decision] {
    if isIdle { phase = .end }
    while outbox.isEmpty {
      switch phase {
      case .start:
        phase = .admission
        endCancelled()
        endExpired(at: now)
      case .admission:
        if !startNext(at: now) { phase = .encoding }
      case .encoding:
        phase = .stepping
        encode()
      case .stepping:
        phase = .end
        step()
      case .end:
        phase = .start
        return []
      }
    }
    defer { outbox = [] }
    return outbox
  }

  /// Takes note of what came of a decision.
  package mutating func handle(_ event: Event, at now: Instant) {
    switch event {
    case .started(let id, let ready): started(id, inputsReady: ready)
    case .notStarted(let id, let reason): notStarted(id, reason)
    case .encoded(let blocks, let seconds): pace.learn(blocks: blocks, seconds: seconds)
    case .inputsReady(let id, let end): setReady(id, upTo: end)
    case .drafted(let id, let tokens):
      if let index = running.firstIndex(where: { $0.id == id }) { running[index].draft = tokens }
    case .stepped(let results, let seconds): conclude(results, seconds: seconds, at: now)
    case .stepFailed(let reason):
      for entry in stepInFlight { fail(entry.request, .inference("step: \(reason)")) }
      stepInFlight = []
    case .failed(let id, let error): fail(id, error)
    }
  }

  /// Ends running requests whose clients left. Their sequences are cached.
  private mutating func endCancelled() {
    while let index = running.firstIndex(where: \.isCancelled) { endCancelled(at: index) }
  }

  mutating func endCancelled(at index: Int) {
    let request = removeRunning(at: index)
    cacheOrRelease(request)
    outbox.append(.cancelled(request.id))
  }

  /// Ends requests whose time is over.
  private mutating func endExpired(at now: Instant) {
    while let index = running.firstIndex(where: { $0.isExpired(at: now) }) {
      let request = removeRunning(at: index)
      cacheOrRelease(request)
      outbox.append(.fail(request.id, .deadline))
    }
    while let index = waiting.firstIndex(where: { $0.isExpired(at: now) }) {
      isAdmissionSettled = false
      outbox.append(.fail(waiting.remove(at: index).id, .deadline))
    }
  }

  /// Ends a running request with an error. Its sequence is not cached.
  mutating func fail(_ id: RequestID, _ error: GenerationError) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    let request = removeRunning(at: index)
    if let sequence = request.sequence { release(sequence) }
    outbox.append(.fail(id, error))
  }

  /// Takes a request that ends from its slot; requests that wait for KV or memory are tried again.
  mutating func removeRunning(at index: Int) -> Request {
    waitsForMemory = false
    unblock()
    return running.remove(at: index)
  }

  /// Notes that KV or slots may have become available.
  mutating func unblock() {
    isAdmissionSettled = false
    for index in waiting.indices where waiting[index].isBlocked { waiting[index].isBlocked = false }
  }
}
