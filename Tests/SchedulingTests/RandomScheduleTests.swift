// Random schedules without an engine: thousands of events by several clients, in all classes and sizes, with failures,
// drafts and departures. `Auditor` checks every decision.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Random schedules without a runner` {
  @Test(arguments: 0..<32 as Range<UInt64>)
  func `keep every invariant of docs/serving.md, and every request ends with the tokens it has alone`(seed: UInt64) {
    var random = SplitMix64(seed: seed &* 77 &+ 5)
    let kvTokens = Int.random(in: 150...900, using: &random)
    let configuration = EngineConfiguration(
      maxRunning: .random(in: 1...6, using: &random), maxRunningBatch: .random(in: 1...6, using: &random),
      shortSlots: .random(in: 0...2, using: &random), maxWaiting: .random(in: 1...24, using: &random),
      kvTokens: kvTokens, replyReservation: .random(in: 1...60, using: &random),
      prefillChunk: .random(in: 1...64, using: &random),
      prefixTokens: random.next() % 3 == 0 ? 0 : .random(in: 0...kvTokens, using: &random))
    var auditor = Auditor(configuration, context: 600, maxBatch: .random(in: 6...64, using: &random), seed: seed)
    // Half of the schedules meet failures.
    if seed % 2 == 0 { (auditor.memoryFailures, auditor.stepFailures) = (4, 1) }
    if seed % 3 > 0 { auditor.stop = -1 }
    let prompts = (0..<4).map { _ in (0..<500).map { _ in TokenID.random(in: 1..<60, using: &random) } }
    var failed = 0
    for _ in 0..<800 {
      switch random.next() % 16 {
      case 0, 1, 2:
        // Prompts share beginnings; a few fill the KV.
        let isLarge = random.next() % 8 == 0
        let shared = Int.random(in: 0...(isLarge ? 300 : 60), using: &random)
        let own = Int.random(in: 1...20, using: &random)
        let ids =
          prompts[Int(random.next() % 4)].prefix(shared)
          + (0..<own).map { _ in TokenID.random(in: 1..<60, using: &random) }
        let isLong = random.next() % 6 == 0
        var arrival = Schedule.Arrival(
          tokens: SequenceTokens(ids: Array(ids)), maxTokens: .random(in: 1...(isLong ? 500 : 40), using: &random))
        arrival.serviceClass = [.interactive, .interactive, .interactive, .batch, .shadow][Int(random.next() % 5)]
        arrival.client = ClientID(key: ["a", "a", "a", "b", "c", "d"][Int(random.next() % 6)])
        arrival.salt = random.next() % 4 == 0 ? "other" : ""
        arrival.isShort = !isLong && random.next() % 2 == 0
        if random.next() % 30 == 0 {
          arrival.deadline = auditor.now + .milliseconds(Int.random(in: 1...80, using: &random))
        }
        _ = try? auditor.arrive(arrival)
      case 3:
        let open = auditor.requests.filter { !$0.value.hasEnded && !$0.value.isCancelled }.keys.sorted()
        if let id = open.randomElement(using: &random), random.next() % 2 == 0 { auditor.cancel(id) }
      case 4:
        // A running request fails.
        if let id = auditor.admitted.randomElement(using: &random), random.next() % 8 == 0 {
          auditor.schedule.handle(.failed(id, .inference("scripted")), at: auditor.now)
          failed += 1
        }
      default:
        _ = auditor.round()
        auditor.checkMemory()
      }
    }
    var rounds = 0
    while auditor.round(), rounds < 100_000 { rounds += 1 }
    #expect(auditor.schedule.isIdle, "the schedule comes to rest")
    auditor.checkMemory()
    #expect(auditor.schedule.kv.committed == 0 && auditor.schedule.load.running == 0)
    for (id, known) in auditor.requests {
      #expect(known.hasEnded, "request \(id) ends")
      let reply = known.tokens.dropFirst(known.arrival.tokens.count)
      let alone = Auditor.reply(to: known.arrival.tokens.ids, limit: reply.count, auditor.runner.vocabularySize)
      #expect(Array(reply) == alone)
    }
    #expect(auditor.requests.count > 40 && auditor.seen["step"] ?? 0 > 200)
  }

  @Test func `meet every kind of decision`() {
    // What the random schedules are worth: all that can happen does.
    var seen: [String: Int] = [:]
    for seed in 0..<12 as Range<UInt64> {
      var random = SplitMix64(seed: seed)
      var auditor = Auditor(
        .init(
          maxRunning: 4, shortSlots: 1, maxWaiting: 30, kvTokens: 260, replyReservation: 16, prefillChunk: 40,
          prefixTokens: 400), context: 500, maxBatch: 40, seed: seed)
      (auditor.memoryFailures, auditor.stepFailures) = (2, 1)
      for _ in 0..<800 {
        if random.next() % 4 == 0 {
          let ids = (0..<Int.random(in: 1...80, using: &random)).map { TokenID($0 % 40 + 1) }
          var arrival = Schedule.Arrival(
            tokens: SequenceTokens(ids: ids + [TokenID.random(in: 1..<60, using: &random)]),
            maxTokens: .random(in: 1...170, using: &random))
          arrival.client = ClientID(key: "\(random.next() % 4)")
          if random.next() % 5 == 0 { arrival.serviceClass = .batch }
          if random.next() % 9 == 0 { arrival.serviceClass = .shadow }
          if let id = try? auditor.arrive(arrival), random.next() % 5 == 0 { auditor.cancel(id) }
        }
        _ = auditor.round()
        if random.next() % 20 == 0, let id = auditor.admitted.randomElement(using: &random) { auditor.cancel(id) }
      }
      seen.merge(auditor.seen) { $0 + $1 }
    }
    for kind in [
      "start", "fork", "preempt", "preempted for growth", "preempted for KV", "preempted for a slot", "step",
      "truncate",
      "cachePrefix", "release", "finish", "fail", "cancelled", "encode", "accepted", "rejected",
    ] where seen[kind] ?? 0 < 5 { Issue.record("\(kind) was seen \(seen[kind] ?? 0) times") }
  }
}
