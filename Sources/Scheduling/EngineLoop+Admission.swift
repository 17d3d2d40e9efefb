// Starting requests: where their timeline begins, and whether its KV can be had.
//
// A request is promised the KV of its prompt and of some of its reply, then more as the reply grows (`extendPromises`). Where no
// more is left, who came last loses its sequence and goes on when another ends; who came first never does, so all end. Running
// requests give slots and KV to waiting ones as `SchedulerState.givingWay` says. What is kept for prompts to come does not count,
// but gives way when memory is really wanted (`makeRoom`, before a copy and a step).
import GenerationTypes
import Inference

extension EngineLoop {
  /// Places that a prompt must share with a timeline before it is worth a copy of it.
  static var fewestShared: Int { 16 }
  /// Places more than are at hand that make it worth waiting for another request to compute them.
  private static var worthWaitingFor: Int { 16 }

  /// A timeline that begins as a prompt does, and how far.
  private typealias Source = (sequence: Runner.Sequence, count: Int, isKept: Bool)

  /// Gives slots to waiting requests, as far as slots and KV go or others give way.
  func admit() {
    for (id, follower) in followers where jobs[follower.leader].map({ $0.computed >= follower.places }) ?? true {
      followers[id] = nil
      core.update { $0.hold(id, false) }
    }
    // The request that others gave KV to: it is started next.
    var favoured: (id: JobID, submission: Submission)?
    while let (id, submission) = favoured ?? nextCandidate() {
      let isFavoured = favoured != nil
      favoured = nil
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
      let promised = places.count + min(request.maxTokens, limits.ahead)
      var need = promised - gain(from: source)
      var hasRoom = canPromise(need, request.serviceClass)
      // What cannot be shared is copied; where even that has no room, the prompt is computed. Nothing may hold the timeline then,
      // or its memory stays.
      if hasRoom, let count = source?.count,
        !makeRoom(for: count % runner.sharedPositions, sparing: source?.sequence)
      {
        (source, need) = (nil, promised)
        _ = makeRoom(for: 0)
        hasRoom = canPromise(need, request.serviceClass)
      }
      guard hasRoom else {
        if !isFavoured, preempt(for: need, of: id, request.serviceClass) {
          favoured = (id, submission)
        } else {
          core.update { $0.block(id) }
        }
        continue
      }
      if core.admit(id, reservation: need) { start(id, submission, places, source, promised: promised) }
    }
  }

  /// The next who may have a slot, after a running request gave its own where none is free.
  private func nextCandidate() -> (id: JobID, submission: Submission)? {
    while true {
      if let next = core.candidate() { return next }
      guard let id = core.update({ $0.yieldingSlot }), jobs[id] != nil else { return nil }
      suspend(id, waitsForKV: false)
    }
  }

  /// Places of a source that running requests hold already and a new one would share.
  private func gain(from source: Source?) -> Int {
    guard let source else { return 0 }
    let whole = source.count / runner.sharedPositions * runner.sharedPositions
    if !source.isKept || whole == 0 { return whole }
    let running = jobs.values.map(\.sequence)
    let common =
      runner.heldPositions(of: running) + runner.heldPositions(of: [source.sequence])
      - runner.heldPositions(of: running + [source.sequence])
    return min(whole, common)
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
      // Who waits for a less urgent request would be as slow as it is.
      guard job.request.serviceClass >= request.serviceClass else { continue }
      let common = min(places.common(with: job.places, limit: places.count - 1), job.request.prompt.tokens.count)
      if common >= count + Self.worthWaitingFor, common > best?.places ?? 0 { best = (id, common) }
    }
    return best
  }

  /// Takes the sequences of as many requests that give way as `need` positions take; false, and takes none, where all of them would
  /// not suffice.
  private func preempt(for need: Int, of id: JobID, _ serviceClass: ServiceClass) -> Bool {
    var staying = jobs
    var giving: [JobID] = []
    for other in core.update({ $0.givingKV(to: id) }) where staying.removeValue(forKey: other) != nil {
      giving.append(other)
      guard canPromise(need, serviceClass, beside: staying) else { continue }
      for id in giving { suspend(id) }
      return true
    }
    return false
  }

  /// Whether `need` positions are left beside what running requests hold and may come to. Who is not interactive leaves half of
  /// all to others when it starts, where it can.
  private func canPromise(_ need: Int, _ serviceClass: ServiceClass, beside jobs: [JobID: Job]? = nil) -> Bool {
    let jobs = jobs ?? self.jobs
    let spare = serviceClass != .interactive ? min(limits.kvTokens / 2, limits.kvTokens - need) : 0
    let growth = jobs.values.reduce(0) { $0 + $1.growth }
    return limits.kvTokens - runner.heldPositions(of: jobs.values.map(\.sequence)) - growth - need >= spare
  }

  /// Sees to it that every reply may grow by a place in the next step; `youngest` gives its sequence up for that.
  func extendPromises() {
    for slice in core.update({ $0.plan(promptRows: 0) }) {
      let id = slice.job
      guard let job = jobs[id], job.growth < 1 else { continue }
      let more = min(limits.ahead, job.ceiling - job.promised)
      while jobs[id] != nil, !canPromise(more, .interactive) {
        let last = core.update { $0.youngest }
        suspend(last.flatMap { jobs[$0] == nil ? nil : $0 } ?? id)
      }
      guard jobs[id] != nil else { continue }
      job.promised += more
      core.update { $0.extend(id, by: more) }
    }
  }

  /// Takes a request's sequence and puts it back in the queue.
  private func suspend(_ id: JobID, waitsForKV: Bool = true) {
    guard let job = jobs[id] else { return }
    if core.suspend(id, job.remainder, waitsForKV: waitsForKV) {
      suspended[id] = job.progress
    } else {
      core.update { $0.finish(id) }
    }
    retire(id)
    tally.suspensions += 1
  }

  /// Lets kept timelines go, the longest unused first, until `count` more positions are within the budget; false when that does
  /// not suffice. The exact sum is only taken when the last one and all that came since may be beyond it.
  func makeRoom(for count: Int, sparing spared: Runner.Sequence? = nil) -> Bool {
    if held + count > limits.kvTokens {
      let running = jobs.values.map(\.sequence)
      held = runner.heldPositions(of: running + prefixes.sequences)
      // Some more than is wanted, so that not every step has to look.
      while held + count > limits.kvTokens - slack, prefixes.dropOldest(sparing: spared) {
        held = runner.heldPositions(of: running + prefixes.sequences)
      }
      if held + count > limits.kvTokens { return false }
    }
    held += count
    return true
  }

  private var slack: Int { min(256, limits.kvTokens / 16) }

  private func start(
    _ id: JobID, _ submission: Submission, _ places: Places, _ source: Source?, promised: Int
  ) {
    let request = submission.request
    let started = ContinuousClock.now
    do {
      // It was checked against the context when the request joined the line.
      let capacity = places.count + request.maxTokens
      let sequence =
        try source.map { try runner.fork($0.sequence, at: $0.count, capacity: capacity) }
        ?? runner.makeSequence(capacity: capacity)
      let cached = source?.count ?? 0
      let progress = suspended.removeValue(forKey: id)
      let job = Job(
        submission, places: places, sequence: sequence, cached: cached, promised: promised, started: started,
        progress: progress)
      jobs[id] = job
      if progress == nil, request.serviceClass != .shadow {
        tally.prefixHits += cached
        tally.prefixMisses += places.count - cached
        tally.imageHits += job.coveredImages
      }
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
