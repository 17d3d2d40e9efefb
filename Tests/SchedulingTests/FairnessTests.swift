// One client cannot make another wait: slots, KV, prompts, images and the queue are shared.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

private func client(_ name: String) -> ClientID { ClientID(key: name) }

@Suite struct `Fair shares` {
  private func demand(_ name: String, brief: Bool = false, prompt: Int = 10, reply: Int = 10) -> SchedulerState.Demand {
    var demand = SchedulerState.Demand(promptTokens: prompt, maxTokens: reply)
    (demand.isShort, demand.client) = (brief, client(name))
    return demand
  }

  private func state(
    running: Int = 4, brief: Int = 0, queued: Int = 64, kv: Int = 100_000, chunk: Int = 64
  ) -> SchedulerState {
    SchedulerState(
      limits: .init(
        .init(maxRunning: running, briefSeats: brief, maxQueued: queued, kvTokens: kv, prefillChunk: chunk),
        contextLength: 5000, maxBatch: 100))
  }

  /// Admits whoever may, and suspends those that give their slots, as the engine does; returns who was admitted.
  private func admit(_ state: inout SchedulerState) -> [JobID] {
    var ids: [JobID] = []
    while true {
      if let (id, demand) = state.candidate() {
        state.admit(id, reservation: demand.promptTokens + demand.maxTokens)
        ids.append(id)
      } else if let id = state.yieldingSlot {
        guard state.suspend(id, promptTokens: 10, waitsForKV: false) else { return ids }
      } else {
        return ids
      }
    }
  }

  /// Computes a step, without images.
  private func step(_ state: inout SchedulerState) { for slice in state.plan() { state.complete(slice) } }

  @Test func `a client alone uses every slot, and gives one to a client that has none`() throws {
    var state = state()
    let first = try (0..<6).map { _ in try state.enqueue(demand("a")) }
    var now = admit(&state)
    #expect(now == Array(first.prefix(4)))
    let other = try state.enqueue(demand("b"))
    now = admit(&state)
    #expect(now == [other], "at once, not when a reply ends")
    #expect(state.load.running == 4 && state.load.waiting == 3)
    // The reply that gave way goes on first.
    state.finish(other)
    now = admit(&state)
    #expect(now == [first[3]])
  }

  @Test func `slots are shared evenly, and no two clients take from each other in turn`() throws {
    var state = state(running: 6)
    let first = try (0..<12).map { _ in try state.enqueue(demand("a")) }
    _ = admit(&state)
    let second = try (0..<12).map { _ in try state.enqueue(demand("b")) }
    var now = admit(&state)
    #expect(now == Array(second.prefix(3)))
    let third = try (0..<12).map { _ in try state.enqueue(demand("c")) }
    now = admit(&state)
    #expect(now == Array(third.prefix(2)))
    now = admit(&state)
    #expect(now == [])
    // The first reply of each client kept its slot.
    #expect(state.plan().map(\.job).contains(first[0]) && state.plan().map(\.job).contains(second[0]))
  }

  @Test func `the client with the fewest running replies is given the next slot`() throws {
    var state = state(running: 2)
    let running = try ["a", "b"].map { try state.enqueue(demand($0)) }
    _ = admit(&state)
    let waiting = try ["a", "b"].map { try state.enqueue(demand($0)) }
    state.finish(running[1])
    var now = admit(&state)
    #expect(now == [waiting[1]], "although another waits longer")
    // Of two clients without any the one that was served longest ago.
    for id in [running[0], waiting[1]] { state.finish(id) }
    let more = try ["b", "c"].map { try state.enqueue(demand($0)) }
    now = admit(&state)
    #expect(now == [more[1], waiting[0]])
  }

  @Test func `a client's only reply gives its slot after its turn, and not before`() throws {
    var state = state(running: 2)
    let long = try ["a", "b"].map { try state.enqueue(demand($0, reply: 4000)) }
    _ = admit(&state)
    let waiting = try state.enqueue(demand("c"))
    for _ in 0..<256 {
      #expect(state.yieldingSlot == nil)
      step(&state)
    }
    step(&state)
    let now = admit(&state)
    #expect(now == [waiting] && state.plan().map(\.job).contains(long[1]))
    // A client that runs a reply waits for its own.
    var own = self.state(running: 1)
    _ = try own.enqueue(demand("a", reply: 4000))
    _ = admit(&own)
    _ = try own.enqueue(demand("a"))
    for _ in 0..<1000 { step(&own) }
    #expect(own.yieldingSlot == nil)
  }

  @Test func `a long reply is given the slot of a long one where only slots for short ones are free`() throws {
    var state = state(running: 4, brief: 1)
    let long = try (0..<5).map { _ in try state.enqueue(demand("a")) }
    let brief = try state.enqueue(demand("a", brief: true))
    var now = admit(&state)
    #expect(now == Array(long.prefix(3)) + [brief])
    let other = try state.enqueue(demand("b"))
    now = admit(&state)
    #expect(now == [other] && state.plan().map(\.job).sorted() == [long[0], long[1], brief, other])
  }

  @Test func `one client cannot fill the queue`() throws {
    var state = state(running: 1, queued: 64)
    _ = try state.enqueue(demand("a"))
    _ = admit(&state)
    for _ in 0..<56 { _ = try state.enqueue(demand("a")) }
    let error = #expect(throws: AdmissionError.self) { try state.enqueue(demand("a")) }
    #expect(error == .clientQueueFull(waiting: 56, retryAfter: .seconds(280)))
    // Others have what is left, each at most as much as stays free.
    for _ in 0..<4 { _ = try state.enqueue(demand("b")) }
    #expect(throws: AdmissionError.self) { try state.enqueue(demand("b")) }
    for name in ["c", "d", "e", "f"] { _ = try state.enqueue(demand(name)) }
    #expect(throws: AdmissionError.queueFull(limit: 64, retryAfter: .seconds(320))) { try state.enqueue(demand("g")) }
  }

  @Test func `prompts share a step by client`() throws {
    var state = state(running: 4, chunk: 60)
    let many = try (0..<3).map { _ in try state.enqueue(demand("a", prompt: 500)) }
    let one = try state.enqueue(demand("b", prompt: 500))
    _ = admit(&state)
    for slice in state.plan() { #expect(slice.count == (slice.job == one ? 30 : 10)) }
    #expect(Set(state.plan().map(\.job)) == Set(many + [one]))
  }

  @Test func `images of clients take turns`() throws {
    var state = state(running: 4)
    let ids = try ["a", "a", "a", "b"].map { try state.enqueue(demand($0)) }
    _ = admit(&state)
    for id in ids { state.setReady(id, places: 0) }
    var order: [JobID] = []
    for _ in 0..<6 {
      let next = try #require(state.awaitingInputs)
      state.takeImageTurn(next)
      order.append(next)
    }
    #expect(order == [ids[0], ids[3], ids[0], ids[3], ids[0], ids[3]])
  }

  @Test func `KV goes from a client that runs much to one that runs none, never from its first reply`() throws {
    var state = state(running: 8, kv: 900)
    let first = try (0..<3).map { _ in try state.enqueue(demand("a", prompt: 200, reply: 100)) }
    _ = admit(&state)
    let other = try state.enqueue(demand("b", prompt: 200, reply: 100))
    #expect(state.givingKV(to: other) == [first[2], first[1]])
    // When replies grow, the client that runs most makes room, whoever came last.
    state.admit(other, reservation: 300)
    #expect(state.youngest == first[2])
  }

  @Test func `others pass a request that waits for KV, and give way when theirs suffices`() throws {
    var state = state(running: 20, kv: 500)
    let first = try state.enqueue(demand("a", prompt: 200, reply: 100))
    _ = admit(&state)
    let large = try state.enqueue(demand("a", prompt: 200, reply: 200))
    state.block(large)
    let passing = try ["a", "b", "b"].map { try state.enqueue(demand($0, prompt: 20, reply: 20)) }
    let now = admit(&state)
    #expect(Set(now) == Set(passing))
    #expect(state.givingKV(to: large) == [passing[0]], "its client runs as many as the other")
    state.finish(first)
    #expect(state.givingKV(to: large) == [passing[2], passing[0]], "not the only reply of another client")
    #expect(state.candidate()?.id == large)
  }

  /// Clients with demands of every shape, one of them with much more than the others.
  @Test(arguments: 0..<6 as Range<UInt64>)
  func `no client with demand starves, and one that has none waits a bounded number of steps`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let slots = Int.random(in: 2...6, using: &random), brief = Int.random(in: 0...1, using: &random)
    var state = state(running: slots, brief: brief, queued: 100)
    var owners: [JobID: String] = [:], lengths: [JobID: Int] = [:], arrivals: [JobID: Int] = [:]
    var longest = 0, ended: [String: Int] = [:]
    func arrive(_ name: String, _ reply: Int, brief: Bool = false, at time: Int) {
      guard let id = try? state.enqueue(demand(name, brief: brief, reply: reply)) else { return }
      (owners[id], lengths[id], arrivals[id]) = (name, reply, time)
    }
    for time in 0..<4000 {
      if random.next() % 4 == 0 { arrive("flood", .random(in: 100...4000, using: &random), at: time) }
      if random.next() % 4 == 0 { arrive("flood", .random(in: 1...20, using: &random), brief: true, at: time) }
      if random.next() % 400 == 0 || time == 100 || time == 200 { arrive(time % 200 == 0 ? "c" : "b", 500, at: time) }
      if time % 100 == 50, !owners.values.contains("innocent") { arrive("innocent", 8, at: time) }
      for id in admit(&state) where owners[id] == "innocent" { longest = max(longest, time - (arrivals[id] ?? 0)) }
      #expect(state.load.running <= slots)
      for slice in state.plan() {
        state.complete(slice)
        guard slice.samples, let left = lengths[slice.job] else { continue }
        lengths[slice.job] = left - 1
        guard left == 1 else { continue }
        state.finish(slice.job)
        if let name = owners.removeValue(forKey: slice.job) { ended[name, default: 0] += 1 }
      }
    }
    // Three others: where each may have a slot for long replies beside a free one, some client runs two and gives one at once.
    #expect(longest <= (slots - brief >= 4 ? 0 : 4 * 256), "waited \(longest) steps")
    for name in ["flood", "b", "c"] { #expect(ended[name] ?? 0 >= 1, "\(name)") }
    #expect(ended["innocent"] ?? 0 >= 5)
  }
}

@Suite struct `Fair shares of an engine` {
  private func alone(_ request: GenerationRequest) async throws -> [TokenID] {
    let bench = Bench()
    let stream = try bench.core.submit(request)
    bench.finish()
    return await Reply(of: stream).ids
  }

  /// Steps until `request` has its reply, which is the one that it has alone.
  private func steps(of request: GenerationRequest, _ bench: Bench) async throws -> Int {
    let before = bench.ledger.steps
    let stream = try bench.core.submit(request)
    let others = bench.core.load.running + bench.core.load.waiting - 1
    var rounds = 0
    while bench.core.load.running + bench.core.load.waiting > others, rounds < 500 {
      bench.rounds(1)
      rounds += 1
    }
    let steps = bench.ledger.steps - before
    guard rounds < 500 else { return .max }
    let reply = await Reply(of: stream), expected = try await alone(request)
    #expect(reply.ids == expected)
    return steps
  }

  private func asked(by name: String, prompt: Int, reply: Int, salt: Int) -> GenerationRequest {
    var request = request(prompt: prompt, reply: reply, salt: salt, temperature: 0.9)
    request.client = client(name)
    return request
  }

  @Test(arguments: [0, 5000])
  func `a flood of long replies delays another client by some steps, and every reply is the same`(kept: Int)
    async throws
  {
    let bench = Bench(.init(maxRunning: 4, maxQueued: 64, kvTokens: 5000, ahead: 32, prefixTokens: kept))
    let flood = (0..<10).map { asked(by: "a", prompt: 20, reply: 300, salt: $0) }
    let streams = try flood.map { try bench.core.submit($0) }
    bench.rounds(30)
    let innocent = asked(by: "b", prompt: 20, reply: 5, salt: 77)
    let steps = try await self.steps(of: innocent, bench)
    #expect(steps <= 12)
    bench.finish()
    for (request, stream) in zip(flood, streams) {
      let reply = await Reply(of: stream), expected = try await alone(request)
      #expect(reply.ids == expected && reply.ends == 1)
    }
    #expect(bench.core.load.kvTokens == 0 && bench.ledger.snapshot.faults == [])
  }

  @Test func `replies that hold all KV give some to a client without any`() async throws {
    let bench = Bench(.init(maxRunning: 8, kvTokens: 400, ahead: 16))
    let flood = (0..<6).map { asked(by: "a", prompt: 20, reply: 300, salt: $0) }
    let streams = try flood.map { try bench.core.submit($0) }
    bench.rounds(80)
    let innocent = asked(by: "b", prompt: 50, reply: 5, salt: 77)
    let steps = try await self.steps(of: innocent, bench)
    #expect(steps <= 8)
    bench.finish()
    for (request, stream) in zip(flood, streams) {
      let reply = await Reply(of: stream), expected = try await alone(request)
      #expect(reply.ids == expected)
    }
    #expect(bench.ledger.snapshot.largestHeld <= 400 && bench.ledger.snapshot.faults == [])
  }
}
