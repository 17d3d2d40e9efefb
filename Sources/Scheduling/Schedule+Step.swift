// A step: one or more rows of every running reply, then prompts.
//
// The chunk of prompts is bounded and shared evenly between clients, and between the prompts of one, so that a short
// prompt is not delayed by a long one. A step is of one class: batch requests rest while an interactive one runs,
// shadow requests while any other does. Images are encoded between steps, a piece a round; pieces and chunks are sized
// so that replies wait at most `maxStall` (`StepPace`).
//
// Verifying a draft is the same operation as decoding: an entry has the token sampled last and the draft's tokens, a
// logits row for each, and as many of them are accepted as tokens were sampled.
import Basics
import GenerationTypes

extension Schedule {
  /// The class that the next step serves: the most urgent one that runs.
  var steppedClass: ServiceClass? { running.lazy.filter { !$0.isCancelled }.map(\.serviceClass).max() }

  /// Whether a running request takes part in the next step.
  private func isActive(_ request: Request, _ serviceClass: ServiceClass) -> Bool {
    request.serviceClass == serviceClass && !request.isCancelled
  }

  /// Decides on a piece of the image that is encoded next: of the client whose images were encoded longest ago.
  mutating func encode() {
    guard let serviceClass = steppedClass else { return }
    var next: Int?
    var besideReplies = false, besidePrompts = false
    for (index, request) in running.enumerated() where isActive(request, serviceClass) {
      if request.isDecoding { besideReplies = true }
      if request.isPrefilling { besidePrompts = true }
      guard request.awaitsInputs else { continue }
      if next.map({ imageTurns[request.client] ?? 0 < imageTurns[running[$0].client] ?? 0 }) ?? true { next = index }
    }
    guard let next else { return }
    let blocks = pace.blocks(
      within: stall(besideReplies: besideReplies, shared: besidePrompts), besideReplies: besideReplies)
    takeTurn(running[next].client, in: \.imageTurns)
    outbox.append(.encode(running[next].id, blocks: blocks))
  }

  /// Decides on the next step.
  mutating func step() {
    reserveGrowth()
    guard let serviceClass = steppedClass else { return }
    var prompts: [Int] = []
    var replies = 0
    var awaitsImage = false
    for (index, request) in running.enumerated() where isActive(request, serviceClass) {
      if request.isDecoding { replies += 1 }
      if request.isPrefilling { prompts.append(index) }
      if request.awaitsInputs { awaitsImage = true }
    }
    var entries: [StepEntry] = []
    entries.reserveCapacity(replies + prompts.count)
    var draftRows = limits.maxBatch - replies, rows = 0
    if replies > 0 {
      for index in running.indices where isActive(running[index], serviceClass) && running[index].isDecoding {
        guard let entry = decodeEntry(at: index, &draftRows) else { continue }
        rows += entry.rows.count
        entries.append(entry)
      }
    }
    if !prompts.isEmpty {
      let most = pace.rows(
        within: stall(besideReplies: replies > 0, shared: awaitsImage), most: limits.prefillChunk,
        besideReplies: replies > 0)
      let shares = Self.shares(
        of: min(limits.prefillChunk, limits.maxBatch - rows, most),
        among: prompts.map {
          (running[$0].client, min(running[$0].ready, running[$0].prefillEnd) - running[$0].computed)
        })
      for (index, share) in zip(prompts, shares) where share > 0 {
        guard let entry = prefillEntry(at: index, share) else { continue }
        rows += share
        entries.append(entry)
      }
    }
    if entries.isEmpty { return }
    // Running requests have reserved these positions: only cached prefixes can be in the way.
    _ = makeRoom(for: rows)
    stepInFlight = entries
    outbox.append(.step(entries))
  }

  /// The token sampled last, and as much of the draft as there is room for in step, reservation and reply.
  private mutating func decodeEntry(at index: Int, _ draftRows: inout Int) -> StepEntry? {
    let request = running[index]
    guard let sequence = request.sequence, let last = request.tokens.ids.last else { return nil }
    var tokens = [last]
    if !request.draft.isEmpty {
      let count = min(
        draftRows, kv.growth(of: sequence) - 1, request.ceiling - request.tokens.count - 1, request.draft.count)
      tokens += request.draft.prefix(max(count, 0))
      draftRows -= max(count, 0)
      running[index].draft = []
    }
    return StepEntry(
      request: request.id, sequence: sequence, kind: .decode, rows: request.computed..<request.computed + tokens.count,
      tokens: tokens, logitRows: tokens.count)
  }

  private func prefillEntry(at index: Int, _ share: Int) -> StepEntry? {
    let request = running[index]
    guard let sequence = request.sequence else { return nil }
    let rows = request.computed..<request.computed + share
    return StepEntry(
      request: request.id, sequence: sequence, kind: .prefill, rows: rows, tokens: Array(request.tokens.ids[rows]),
      logitRows: rows.upperBound == request.prefillEnd ? 1 : 0)
  }

  /// Seconds that work before the next token of a reply may take; more when none waits for it, but bounded, as a new
  /// request may arrive. Half of it where prompts and images share it.
  private func stall(besideReplies: Bool, shared: Bool) -> Double {
    (besideReplies ? maxStall : 8 * maxStall) / (shared ? 2 : 1)
  }
}

// MARK: - After a step

extension Schedule {
  /// Applies the results of the step in flight.
  mutating func conclude(_ results: [StepResult], seconds: Double, at now: Instant) {
    var decodeRows = 0, prefillRows = 0
    for (position, entry) in stepInFlight.enumerated() {
      if entry.kind == .decode { decodeRows += 1 } else { prefillRows += entry.rows.count }
      guard let index = running.firstIndex(where: { $0.id == entry.request }) else { continue }
      kv.append(entry.rows.count, to: entry.sequence)
      switch position < results.count ? results[position] : .failed(.inference("step: no result")) {
      case .failed(let error): fail(entry.request, error)
      case .sampled(let tokens, let ends): apply(tokens, ends: ends, to: entry, at: index, now)
      }
    }
    stepInFlight = []
    pace.learn(decodeRows: decodeRows, prefillRows: prefillRows, seconds: seconds)
  }

  private mutating func apply(_ tokens: [TokenID], ends: Bool, to entry: StepEntry, at index: Int, _ now: Instant) {
    let accepted = entry.kind == .decode ? min(tokens.count, entry.rows.count) : entry.rows.count
    running[index].computed += accepted
    running[index].tokens.append(tokens)
    if accepted < entry.rows.count {
      // Rejected rows leave no KV.
      kv.truncate(entry.sequence, to: running[index].computed)
      outbox.append(.truncate(entry.sequence, to: running[index].computed))
    }
    if entry.kind == .decode { advanceTurn(at: index, by: accepted) }
    if ends || running[index].tokens.count >= running[index].ceiling {
      finish(at: index, ends ? .stop : .length, now)
    }
  }

  private mutating func advanceTurn(at index: Int, by count: Int) {
    let before = running[index].decoded, turn = running[index].turn
    running[index].decoded += count
    // Requests that wait for KV may have this one's from now on.
    for turns in 1...2 where before < turns * turn && before + count >= turns * turn { unblock() }
  }

  private mutating func finish(at index: Int, _ reason: FinishReason, _ now: Instant) {
    let request = removeRunning(at: index)
    if let start = request.startedAt, request.serviceClass == .interactive {
      let seconds = (now - start).seconds
      meanService = meanService.map { $0 + (seconds - $0) / 8 } ?? seconds
    }
    cacheOrRelease(request)
    outbox.append(.finish(request.id, reason))
  }
}
