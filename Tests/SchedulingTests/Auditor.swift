// Executes a schedule's decisions on the fake runner and checks each against the invariants of docs/serving.md, from
// facts that it gathers itself.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

struct Auditor {
  struct Known {
    let arrival: Schedule.Arrival
    var tokens: [TokenID]
    var sequence: SequenceID?
    var isCancelled = false
    var hasEnded = false
    var wasStarted = false
    var decoded = 0
    var turn = 256
    var isDecoding = false
    var draft: [TokenID] = []
    var ceiling: Int { arrival.tokens.count + arrival.maxTokens }
  }

  var schedule: Schedule
  let runner: FakeRunner
  var now = ContinuousClock.now
  var random: SplitMix64
  var requests: [RequestID: Known] = [:]
  /// In order of admission.
  var admitted: [RequestID] = []
  var sequences: [SequenceID: FakeSequence] = [:]
  /// What each sequence holds, and of whose request it is.
  var contents: [SequenceID: (tokens: [TokenID], salt: String, serviceClass: ServiceClass)] = [:]
  /// Chances in 100 that a start finds no memory, and that a step fails.
  var memoryFailures: UInt64 = 0, stepFailures: UInt64 = 0
  /// Ends replies; -1 ends none.
  var stop: TokenID = 0
  /// How often each kind of decision was seen.
  var seen: [String: Int] = [:]

  init(_ configuration: EngineConfiguration, context: Int, maxBatch: Int, seed: UInt64) {
    runner = FakeRunner(contextLength: context, maxBatch: maxBatch)
    schedule = Schedule(
      configuration, contextLength: context, maxBatch: maxBatch, sharedPositions: runner.sharedPositions)
    random = SplitMix64(seed: seed)
  }

  mutating func arrive(_ arrival: Schedule.Arrival) throws(AdmissionError) -> RequestID {
    let id = try schedule.arrive(arrival)
    requests[id] = Known(arrival: arrival, tokens: arrival.tokens.ids)
    let fresh = schedule.waiting.count {
      requests[$0.id]?.wasStarted == false && $0.serviceClass == arrival.serviceClass
    }
    #expect(fresh <= schedule.limits.maxWaiting + schedule.limits.maxRunning + schedule.limits.maxRunningBatch)
    checkBudget()
    return id
  }

  mutating func cancel(_ id: RequestID) {
    if schedule.cancel(id) == .removed { requests[id]?.hasEnded = true } else { requests[id]?.isCancelled = true }
    checkBudget()
  }

  /// One round; false when there was nothing to do.
  mutating func round() -> Bool {
    var isBusy = false
    while true {
      let decisions = schedule.decide(at: now)
      if decisions.isEmpty { return isBusy }
      isBusy = true
      checkPreemptions(decisions)
      var events: [Schedule.Event] = []
      for decision in decisions { execute(decision, &events) }
      checkState()
      for event in events {
        schedule.handle(event, at: now)
        checkBudget()
      }
    }
  }

  // MARK: - Decisions

  private mutating func execute(_ decision: Schedule.Decision, _ events: inout [Schedule.Event]) {
    seen[String(String(describing: decision).prefix { $0 != "(" }), default: 0] += 1
    switch decision {
    case .start(let start): self.start(start, &events)
    case .preempt(let id):
      #expect(requests[id]?.sequence != nil, "only running requests are preempted")
      requests[id]?.sequence = nil
      requests[id]?.draft = []
      admitted.removeAll { $0 == id }
    case .encode(let id, let blocks):
      events.append(.encoded(blocks: blocks, seconds: 1e-6))
      if random.next() % 3 == 0 { events.append(.inputsReady(id, upTo: .max)) }
    case .step(let entries): step(entries, &events)
    case .truncate(let id, let count): if let sequence = sequences[id] { runner.truncate(sequence, to: count) }
    case .cachePrefix(let id):
      #expect(sequences[id] != nil)
      #expect(contents[id]?.serviceClass != .shadow, "shadow requests never fill the prefix cache")
      if let sequence = sequences[id] { runner.trim(sequence) }
    case .release(let id):
      #expect(sequences.removeValue(forKey: id) != nil, "a sequence is released once")
      contents[id] = nil
    case .finish(let id, let reason):
      end(id)
      if let known = requests[id] {
        #expect((reason == .length) == (known.tokens.count == known.ceiling && known.tokens.last != stop))
        #expect(known.tokens.dropFirst(known.arrival.tokens.count).dropLast().allSatisfy { $0 != stop })
      }
    case .fail(let id, _): end(id)
    case .cancelled(let id):
      #expect(requests[id]?.isCancelled == true)
      end(id)
    }
  }

  private mutating func end(_ id: RequestID) {
    #expect(requests[id]?.hasEnded == false, "every request ends once")
    requests[id]?.hasEnded = true
    requests[id]?.sequence = nil
    admitted.removeAll { $0 == id }
  }

  private mutating func start(_ start: Schedule.Start, _ events: inout [Schedule.Event]) {
    guard let known = requests[start.request], !known.hasEnded, known.sequence == nil else {
      Issue.record("request \(start.request) cannot be started")
      return
    }
    let serviceClass = known.arrival.serviceClass
    #expect(start.capacity == known.ceiling)
    #expect(
      !schedule.waiting.contains { $0.serviceClass > serviceClass && $0.id != start.request },
      "a class is admitted while no more urgent one waits")
    if let prefix = start.prefix {
      let source = contents[prefix.sequence]
      #expect(source?.salt == known.arrival.salt, "keys share nothing")
      #expect(source.map { $0.tokens.prefix(prefix.count) == known.tokens.prefix(prefix.count) } == true)
      #expect(prefix.count >= Schedule.minPrefix && prefix.count < known.tokens.count)
      seen["fork", default: 0] += 1
    }
    if random.next() % 100 < memoryFailures {
      return events.append(.notStarted(start.request, reason: "out of memory"))
    }
    let source = start.prefix.flatMap { sequences[$0.sequence] }
    let sequence =
      source.flatMap { try? runner.fork($0, at: start.prefix?.count ?? 0, capacity: start.capacity) }
      ?? (try? runner.makeSequence(capacity: start.capacity))
    sequences[start.sequence] = sequence
    contents[start.sequence] = (
      Array(known.tokens.prefix(start.prefix?.count ?? 0)), known.arrival.salt, serviceClass
    )
    requests[start.request]?.sequence = start.sequence
    requests[start.request]?.wasStarted = true
    requests[start.request]?.decoded = 0
    requests[start.request]?.isDecoding = false
    requests[start.request]?.turn = max(256, known.tokens.count / 8)
    admitted.append(start.request)
    let running = admitted.compactMap { requests[$0] }.filter { $0.arrival.serviceClass == serviceClass }
    let isInteractive = serviceClass == .interactive
    #expect(running.count <= (isInteractive ? schedule.limits.maxRunning : schedule.limits.maxRunningBatch), "slots")
    #expect(
      !isInteractive
        || running.count { !$0.arrival.isShort } <= schedule.limits.maxRunning - schedule.limits.shortSlots,
      "slots for short requests")
    let ready = random.next() % 4 == 0 ? Int(random.next() % UInt64(known.tokens.count)) : .max
    events.append(.started(start.request, inputsReady: ready))
  }

  private mutating func step(_ entries: [Schedule.StepEntry], _ events: inout [Schedule.Event]) {
    let active = admitted.compactMap { requests[$0] }.filter { !$0.isCancelled }
    let most = active.map(\.arrival.serviceClass).max()
    #expect(Set(entries.map(\.request)).count == entries.count)
    #expect(entries.reduce(0) { $0 + $1.rows.count } <= schedule.limits.maxBatch)
    let prompts = entries.filter { $0.kind == .prefill }
    #expect(prompts.reduce(0) { $0 + $1.rows.count } <= schedule.limits.prefillChunk)
    for id in admitted {
      guard let known = requests[id], !known.isCancelled, known.isDecoding, known.arrival.serviceClass == most else {
        continue
      }
      #expect(entries.contains { $0.request == id && $0.kind == .decode }, "no reply of the class waits for a step")
    }
    var batch = Batch<FakeSequence>()
    for entry in entries {
      guard let known = requests[entry.request], let sequence = sequences[entry.sequence] else {
        Issue.record("request \(entry.request) in a step has no sequence")
        continue
      }
      #expect(known.sequence == entry.sequence && !known.isCancelled && known.arrival.serviceClass == most)
      #expect(entry.rows.lowerBound == sequence.length && !entry.rows.isEmpty)
      #expect(entry.tokens == Array((known.tokens + known.draft)[entry.rows]))
      #expect(
        entry.logitRows
          == (entry.kind == .decode ? entry.rows.count : entry.rows.upperBound == known.tokens.count ? 1 : 0))
      batch.entries.append(
        .init(sequence: sequence, inputs: [.tokens(entry.tokens[...])], logitRows: entry.logitRows))
    }
    if random.next() % 100 < stepFailures { return events.append(.stepFailed(reason: "scripted")) }
    var sampled = entries.map { _ in [TokenID]() }
    do {
      try runner.step(batch) { index, logits in
        let entry = entries[index], position = entry.rows.count - entry.logitRows + sampled[index].count
        if let last = sampled[index].last, last != entry.tokens[position] || last == stop { return }
        sampled[index].append(TokenID(logits.indices.max { logits[$0] < logits[$1] } ?? 0))
      }
    } catch {
      Issue.record(error)
    }
    var drafts: [Schedule.Event] = []
    for (entry, tokens) in zip(entries, sampled) {
      requests[entry.request]?.tokens += tokens
      requests[entry.request]?.draft = []
      let accepted = entry.kind == .decode ? tokens.count : entry.rows.count
      contents[entry.sequence]?.tokens += entry.tokens.prefix(accepted)
      if accepted < entry.rows.count { seen["rejected", default: 0] += 1 }
      if accepted > 1, entry.kind == .decode { seen["accepted", default: 0] += 1 }
      if entry.kind == .decode { requests[entry.request]?.decoded += accepted }
      if entry.logitRows > 0 { requests[entry.request]?.isDecoding = true }
      guard entry.logitRows > 0, random.next() % 6 == 0, let known = requests[entry.request] else { continue }
      let draft = self.draft(known)
      requests[entry.request]?.draft = draft
      drafts.append(.drafted(entry.request, draft))
    }
    now += .milliseconds(1)
    events.append(.stepped(sampled.map { .sampled($0, ends: $0.last == stop) }, seconds: 1e-4))
    events += drafts
  }

  /// Some tokens that follow, then perhaps wrong ones.
  private mutating func draft(_ known: Known) -> [TokenID] {
    let right = Int(random.next() % 4), wrong = Int(random.next() % 3)
    let reply = Auditor.reply(to: known.tokens, limit: right, runner.vocabularySize)
    return reply + Array(repeating: 1, count: wrong)
  }

  /// The greedy continuation, computed alone; ends with `stop`.
  static func reply(to tokens: [TokenID], limit: Int, _ vocabulary: Int, stop: TokenID = -1) -> [TokenID] {
    var hash: UInt64 = 14_695_981_039_346_656_037
    func read(_ token: TokenID) { hash = (hash ^ UInt64(bitPattern: Int64(token))) &* 1_099_511_628_211 }
    tokens.forEach(read)
    var reply: [TokenID] = []
    while reply.count < limit, reply.last != stop {
      var generator = SplitMix64(seed: hash)
      let logits = (0..<vocabulary).map { _ in Float(generator.unit() * 8) }
      let token = TokenID(logits.indices.max { logits[$0] < logits[$1] } ?? 0)
      reply.append(token)
      read(token)
    }
    return reply
  }

  // MARK: - State

  /// The budget is a hard limit, and the account is what the runner holds.
  func checkBudget() {
    let kv = schedule.kv
    #expect(kv.held <= kv.capacity && kv.committed <= kv.capacity, "the KV budget is a hard limit")
    #expect(kv.cachedHeld <= schedule.prefixes.capacity, "cached prefixes have a budget of their own")
    #expect(kv.held == kv.capacity || kv.held >= max(kv.runningHeld, kv.cachedHeld))
    let running = schedule.running.compactMap(\.sequence)
    #expect(kv.sequenceIDs == Set(running).union(schedule.prefixes.sequences), "no sequence is lost")
  }

  private func checkState() {
    checkBudget()
    #expect(
      Set(schedule.runningIDs) == Set(admitted).union(schedule.runningIDs.filter { requests[$0]?.sequence == nil }))
    for request in schedule.running {
      guard let sequence = request.sequence, let held = sequences[sequence] else { continue }
      #expect(schedule.kv.count(of: sequence) <= request.ceiling && request.computed <= held.length)
    }
    for request in schedule.waiting {
      guard let (leader, _) = request.follows else { continue }
      guard let other = requests[leader] else {
        Issue.record("request \(request.id) waits for an unknown one")
        continue
      }
      #expect(other.arrival.serviceClass >= request.serviceClass, "no request waits for a less urgent one's prompt")
      #expect(other.arrival.salt == request.salt, "keys share nothing")
    }
  }

  /// What the runner's memory holds, when no step or truncation is in flight.
  func checkMemory() {
    let running = schedule.running.compactMap(\.sequence).compactMap { sequences[$0] }
    #expect(schedule.kv.held == runner.heldPositions(of: Array(sequences.values)))
    #expect(schedule.kv.runningHeld == runner.heldPositions(of: running))
    for (id, content) in contents { #expect(sequences[id]?.length == content.tokens.count) }
    #expect(runner.ledger.snapshot.faults == [])
  }

  /// Who may lose a slot or KV, and to whom.
  private mutating func checkPreemptions(_ decisions: [Schedule.Decision]) {
    var running = admitted
    func count(_ client: ClientID, _ serviceClass: ServiceClass) -> Int {
      running.count {
        requests[$0]?.arrival.client == client && requests[$0]?.arrival.serviceClass == serviceClass
      }
    }
    let isGrowth = decisions.contains { if case .step = $0 { true } else { false } }
    let preempted = Set(decisions.compactMap { if case .preempt(let id) = $0 { id } else { nil } })
    var claims = schedule.waiting.filter { !preempted.contains($0.id) }
    for case .start(let start) in decisions { claims += schedule.running.filter { $0.id == start.request } }
    for decision in decisions {
      if case .cancelled(let id) = decision { running.removeAll { $0 == id } }
      guard case .preempt(let id) = decision, let giver = requests[id] else { continue }
      let (client, serviceClass) = (giver.arrival.client, giver.arrival.serviceClass)
      if isGrowth {
        seen["preempted for growth", default: 0] += 1
        let most = running.compactMap { requests[$0]?.arrival.serviceClass }.max()
        let first = running.first { requests[$0]?.arrival.serviceClass == most }
        #expect(id != first, "the first admitted request is never preempted for growth")
      } else {
        let isForKV = schedule.waiting.first { $0.id == id }?.isBlocked ?? true
        seen[isForKV ? "preempted for KV" : "preempted for a slot", default: 0] += 1
        let isFair = claims.contains { claim in
          let own = count(claim.client, claim.serviceClass), other = count(client, serviceClass)
          if serviceClass != claim.serviceClass { return isForKV && serviceClass < claim.serviceClass }
          if client == claim.client { return isForKV && id > claim.id }
          return other - 1 >= own + 1 || isForKV && id > claim.id && other > own
            || own == 0 && giver.decoded >= giver.turn
        }
        #expect(isFair, "request \(id) gave its \(isForKV ? "KV" : "slot") to nobody with a claim")
      }
      running.removeAll { $0 == id }
    }
  }
}
