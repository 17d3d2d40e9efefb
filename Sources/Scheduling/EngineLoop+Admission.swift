// Starting requests: where their timeline begins, and whether its KV can be had.
import GenerationTypes
import Inference

extension EngineLoop {
  /// Places that a prompt must share with a timeline before it is worth a copy of it.
  static var fewestShared: Int { 16 }
  /// Places more than are at hand that make it worth waiting for another request to compute them.
  private static var worthWaitingFor: Int { 32 }

  /// A timeline that begins as a prompt does, and how far.
  private typealias Source = (sequence: Runner.Sequence, count: Int, isKept: Bool)

  /// Gives seats to those in line, as far as seats and KV go.
  func admit() {
    for (id, follower) in followers where jobs[follower.leader].map({ $0.computed >= follower.places }) ?? true {
      followers[id] = nil
      core.update { $0.hold(id, false) }
    }
    while let (id, submission) = core.candidate() {
      let request = submission.request
      if let defect = request.defect {
        refuse(id, submission, defect)
        continue
      }
      let places = Places(request.prompt)
      var source = source(for: places, request)
      if let leader = leader(for: places, request, beyond: source?.count ?? 0) {
        followers[id] = leader
        core.update { $0.hold(id) }
        continue
      }
      let capacity = places.count + request.maxTokens
      var hasRoom = makeRoom(for: capacity - shared(source), request, sparing: source)
      if !hasRoom, source?.isKept == true {
        // The timeline that this prompt would go on from gives way too. Nothing may hold it then, or its memory stays.
        source = nil
        hasRoom = makeRoom(for: capacity, request)
      }
      if hasRoom {
        start(id, submission, places, source, reservation: capacity - shared(source))
      } else {
        core.update { $0.block(id) }
      }
    }
  }

  /// Places of a source that take no memory again.
  private func shared(_ source: Source?) -> Int {
    source.map { $0.count / runner.sharedPositions * runner.sharedPositions } ?? 0
  }

  /// The timeline, running or kept, that holds most of the prompt's beginning; the last place is always computed, as its logits
  /// are wanted.
  private func source(for places: Places, _ request: GenerationRequest) -> Source? {
    let limit = places.count - 1
    var best: Source?
    for job in jobs.values where job.request.salt == request.salt {
      let count = min(places.common(with: job.places, limit: limit), job.computed)
      if count > best?.count ?? 0 { best = (job.sequence, count, false) }
    }
    if let kept = prefixes.longest(places, salt: request.salt, limit: limit), kept.count > best?.count ?? 0 {
      best = (kept.sequence, kept.count, true)
    }
    return best.flatMap { $0.count >= Self.fewestShared ? $0 : nil }
  }

  /// A running request that is about to compute more of the prompt's beginning than is at hand.
  private func leader(
    for places: Places, _ request: GenerationRequest, beyond count: Int
  ) -> (leader: JobID, places: Int)? {
    var best: (leader: JobID, places: Int)?
    for (id, job) in jobs where job.request.salt == request.salt && job.computed < job.request.prompt.tokens.count {
      // Who waits for an idle request would be as slow as it is.
      guard job.request.serviceClass == .interactive || request.serviceClass == .idle else { continue }
      let common = min(places.common(with: job.places, limit: places.count - 1), job.request.prompt.tokens.count)
      if common >= count + Self.worthWaitingFor, common > best?.places ?? 0 { best = (id, common) }
    }
    return best
  }

  /// Lets kept timelines go, the oldest first, until `need` positions are free beside what running requests may come to; false when
  /// that does not suffice. Idle requests leave half of all to others, where they can.
  private func makeRoom(for need: Int, _ request: GenerationRequest, sparing source: Source? = nil) -> Bool {
    let spare = request.serviceClass == .idle ? min(limits.kvTokens / 2, limits.kvTokens - need) : 0
    let running = jobs.values.map(\.sequence), growth = jobs.values.reduce(0) { $0 + $1.growth }
    while true {
      let held = runner.heldPositions(of: running + prefixes.sequences)
      if limits.kvTokens - held - growth - need >= spare { return true }
      if !prefixes.dropOldest(sparing: source?.sequence) { return false }
    }
  }

  private func start(
    _ id: JobID, _ submission: Submission, _ places: Places, _ source: Source?, reservation: Int
  ) {
    guard core.admit(id, reservation: reservation) else { return }
    let request = submission.request
    let started = ContinuousClock.now
    do {
      // The reservation was checked against the context when the request joined the line.
      let capacity = places.count + request.maxTokens
      let sequence =
        try source.map { try runner.fork($0.sequence, at: $0.count, capacity: capacity) }
        ?? runner.makeSequence(capacity: capacity)
      let cached = source?.count ?? 0
      let job = Job(submission, places: places, sequence: sequence, cached: cached, started: started)
      jobs[id] = job
      tally.prefixHits += cached
      tally.prefixMisses += places.count - cached
      tally.imageHits += job.coveredPictures
      core.update { $0.setDone(id, places: cached) }
      supply(id, job)
    } catch {
      if !core.putBack(id, submission) { refuse(id, submission, "no sequence: \(error)") }
    }
  }

  /// Ends a request that cannot be started.
  private func refuse(_ id: JobID, _ submission: Submission, _ reason: String) {
    core.update { if !$0.cancel(id) { $0.finish(id) } }
    core.forget(id)
    submission.continuation.finish(throwing: GenerationError.inference(reason))
  }
}
