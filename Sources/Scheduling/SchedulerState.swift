// Who waits, who runs, and what the next step computes: a plain value without threads, clocks or sequences.
//
// Admission is first come, first served and nobody overtakes, so a long request cannot starve. A request is admitted when a
// seat is free and prompt + maxTokens positions are within the KV budget; they stay reserved until it ends, so that a running
// request never lacks room. A step takes one place of every reply that is being decoded, then fills up with prompts: their
// bounded chunk is shared evenly, so that a short prompt is not held up by a long one.

/// Names a request for as long as the engine lives.
package typealias JobID = UInt64

/// The waiting line and the running requests.
package struct SchedulerState: Sendable {
  /// Bounds, all at least 1 but `maxQueued`, which may be 0.
  package struct Limits: Sendable, Equatable {
    package let maxRunning, maxQueued, kvTokens, prefillChunk, maxBatch: Int
    /// Places that prompt and reply of one request may take.
    package let requestTokens: Int

    /// The configuration as far as a runner with this context and batch can serve it.
    package init(_ configuration: EngineConfiguration, contextLength: Int, maxBatch: Int) {
      self.maxBatch = max(maxBatch, 1)
      // Every reply being decoded has a place in every step.
      maxRunning = min(max(configuration.maxRunning, 1), self.maxBatch)
      maxQueued = max(configuration.maxQueued, 0)
      kvTokens = max(configuration.kvTokens, 1)
      prefillChunk = max(configuration.prefillChunk, 1)
      requestTokens = min(max(contextLength, 1), kvTokens)
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

  private struct Job {
    let id: JobID
    let promptTokens: Int
    let reservation: Int
    /// Prompt places in the sequence.
    var done = 0
    /// Prompt places whose inputs are at hand; the rest wait for a picture's features.
    var ready: Int
    var isCancelled = false
  }

  package let limits: Limits
  private var waiting: [Job] = []
  private var running: [Job] = []
  private var reserved = 0
  private var nextID: JobID = 1
  /// Set when memory ran out at the head of the line; admission goes on when a request ends.
  private var waitsForMemory = false
  /// Seconds from admission to end, smoothed over the last dozen or so requests; nil before the first.
  private var meanService: Double?

  package init(limits: Limits) { self.limits = limits }

  /// The refusal that a request of this size would meet now; nil while the line has room. Who will be given a free seat before
  /// the next step takes no place in line.
  package func refusal(reservation: Int = 1) -> AdmissionError? {
    let seats = waitsForMemory ? 0 : limits.maxRunning - running.count
    var room = limits.kvTokens - reserved
    var seated = 0
    for need in waiting.prefix(seats).map(\.reservation) + [reservation] where seated < seats {
      if need > room { break }
      (seated, room) = (seated + 1, room - need)
    }
    return waiting.count + 1 - seated <= limits.maxQueued
      ? nil : .queueFull(limit: limits.maxQueued, retryAfter: retryAfter)
  }

  package var load: EngineLoad {
    var load = EngineLoad()
    (load.running, load.waiting) = (running.count, waiting.count)
    (load.kvTokens, load.kvCapacityTokens) = (reserved, limits.kvTokens)
    return load
  }

  /// Nothing to compute, admit or clean up.
  package var isIdle: Bool { waiting.isEmpty && running.isEmpty }
}

// MARK: - A request's way

extension SchedulerState {
  /// Joins the end of the line. Both counts must be positive.
  package mutating func enqueue(promptTokens: Int, maxTokens: Int) throws(AdmissionError) -> JobID {
    guard promptTokens <= limits.requestTokens, maxTokens <= limits.requestTokens - promptTokens else {
      throw .tooLong(promptTokens: promptTokens, maxTokens: maxTokens, limit: limits.requestTokens)
    }
    if let refusal = refusal(reservation: promptTokens + maxTokens) { throw refusal }
    defer { nextID += 1 }
    waiting.append(
      Job(id: nextID, promptTokens: promptTokens, reservation: promptTokens + maxTokens, ready: promptTokens))
    return nextID
  }

  /// Gives the head of the line a seat, when there is one and the KV budget has room.
  package mutating func admit() -> JobID? {
    guard let head = waiting.first, running.count < limits.maxRunning, !waitsForMemory,
      head.reservation <= limits.kvTokens - reserved
    else { return nil }
    running.append(waiting.removeFirst())
    reserved += head.reservation
    return head.id
  }

  /// Takes back an admission for which there was no memory: true puts the request at the head of the line again, until another
  /// one ends; false says that none runs whose end would help, and ends it. Only the last admitted can be put back.
  package mutating func putBack(_ id: JobID) -> Bool {
    guard running.count > 1, let job = running.last, job.id == id, !job.isCancelled else {
      finish(id)
      return false
    }
    running.removeLast()
    reserved -= job.reservation
    waiting.insert(job, at: 0)
    waitsForMemory = true
    return true
  }

  /// Says how many places of a running request's prompt have their inputs.
  package mutating func setReady(_ id: JobID, places: Int) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    running[index].ready = min(max(places, running[index].done), running[index].promptTokens)
  }

  /// The first running request whose next places wait for a picture's features.
  package var awaitingInputs: JobID? {
    running.first { !$0.isCancelled && $0.done == $0.ready && $0.ready < $0.promptTokens }?.id
  }

  /// Gives up a request: true when it was still in line and is gone, false when it runs and ends before the next step.
  package mutating func cancel(_ id: JobID) -> Bool {
    if let index = waiting.firstIndex(where: { $0.id == id }) {
      waiting.remove(at: index)
      return true
    }
    if let index = running.firstIndex(where: { $0.id == id }) { running[index].isCancelled = true }
    return false
  }

  /// Ends the running requests that were cancelled.
  package mutating func takeCancelled() -> [JobID] {
    let cancelled = running.filter(\.isCancelled).map(\.id)
    for id in cancelled { finish(id) }
    return cancelled
  }

  /// Empties the line.
  package mutating func takeWaiting() -> [JobID] {
    defer { waiting = [] }
    return waiting.map(\.id)
  }

  /// Ends a running request and gives its reservation back. `service` is the time since its admission, when it ended by itself.
  package mutating func finish(_ id: JobID, service: Duration? = nil) {
    guard let index = running.firstIndex(where: { $0.id == id }) else { return }
    reserved -= running.remove(at: index).reservation
    waitsForMemory = false
    if let service {
      let seconds = service / .seconds(1)
      meanService = meanService.map { $0 + (seconds - $0) / 8 } ?? seconds
    }
  }

  /// When the line of this moment will have been served, by the measured time of a request: 1 s to 10 min.
  private var retryAfter: Duration {
    let service = meanService ?? 5
    return .seconds(min(max(service * Double(waiting.count) / Double(max(running.count, 1)), 1), 600))
  }
}

// MARK: - A step

extension SchedulerState {
  /// The next step: replies first, then prompts, each in order of admission.
  package func plan() -> [Slice] {
    let active = running.filter { !$0.isCancelled }
    var slices = active.filter { $0.done == $0.promptTokens }.map { Slice(job: $0.id, work: .decode, samples: true) }
    let prefilling = active.filter { $0.done < $0.ready }
    let shares = Self.shares(
      of: min(limits.prefillChunk, limits.maxBatch - slices.count), among: prefilling.map { $0.ready - $0.done })
    for (job, share) in zip(prefilling, shares) where share > 0 {
      let end = job.done + share
      slices.append(Slice(job: job.id, work: .prefill(job.done..<end), samples: end == job.promptTokens))
    }
    return slices
  }

  /// Notes that a slice was computed.
  package mutating func complete(_ slice: Slice) {
    guard case .prefill(let range) = slice.work, let index = running.firstIndex(where: { $0.id == slice.job }) else {
      return
    }
    running[index].done = range.upperBound
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
