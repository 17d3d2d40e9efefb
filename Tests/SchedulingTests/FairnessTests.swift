// One client cannot make another wait: slots, KV, prompts, images and the queue are shared.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Fair shares` {
  @Test func `a client alone uses every slot, and gives one to a client that has none`() throws {
    var driver = Driver()
    let first = try (0..<6).map { _ in try driver.arrive("a", reply: 50) }
    #expect(driver.round().started == Array(first.prefix(4)))
    let other = try driver.arrive("b", reply: 50)
    var round = driver.round()
    #expect(round.preempted == [first[3]] && round.started == [other], "at once, not when a reply ends")
    #expect(driver.schedule.load.running == 4 && driver.schedule.load.waiting == 3)
    // The preempted request continues first.
    driver.round(ending: [other])
    round = driver.round()
    #expect(round.started == [first[3]])
  }

  @Test func `slots are shared evenly, and no two clients take from each other in turn`() throws {
    var driver = Driver(running: 6)
    let first = try (0..<12).map { _ in try driver.arrive("a", reply: 50) }
    driver.round()
    let second = try (0..<12).map { _ in try driver.arrive("b", reply: 50) }
    #expect(driver.round().started == Array(second.prefix(3)))
    let third = try (0..<12).map { _ in try driver.arrive("c", reply: 50) }
    #expect(driver.round().started == Array(third.prefix(2)))
    #expect(driver.round().started == [])
    // The first request of each client kept its slot.
    #expect(driver.schedule.runningIDs.contains(first[0]) && driver.schedule.runningIDs.contains(second[0]))
  }

  @Test func `the client with the fewest running requests is given the next slot`() throws {
    var driver = Driver(running: 2)
    let running = try ["a", "b"].map { try driver.arrive($0, reply: 50) }
    driver.round()
    let waiting = try ["a", "b"].map { try driver.arrive($0, reply: 50) }
    driver.round(ending: [running[1]])
    #expect(driver.round().started == [waiting[1]], "although another waits longer")
    // Of two clients without any, the one that was served longest ago.
    let more = try ["b", "c"].map { try driver.arrive($0, reply: 50) }
    driver.round(ending: [running[0], waiting[1]])
    #expect(driver.round().started == [more[1], waiting[0]])
  }

  @Test func `a client's only request gives its slot after its turn, and not before`() throws {
    var driver = Driver(running: 2)
    let long = try ["a", "b"].map { try driver.arrive($0, reply: 4000) }
    driver.round()
    let waiting = try driver.arrive("c")
    for _ in 0..<256 { #expect(driver.round().preempted == []) }
    let round = driver.round()
    #expect(round.preempted == [long[0]] && round.started == [waiting])
    #expect(driver.schedule.runningIDs == [long[1], waiting])
    // A client that runs a request waits for its own.
    var own = Driver(running: 1)
    _ = try own.arrive("a", reply: 4000)
    own.round()
    _ = try own.arrive("a")
    for _ in 0..<1000 { #expect(own.round().preempted == []) }
  }

  @Test func `a long request is given the slot of a long one where only slots for short ones are free`() throws {
    var driver = Driver(running: 4, short: 1)
    let long = try (0..<5).map { _ in try driver.arrive("a", reply: 50) }
    let short = try driver.arrive("a", reply: 50, short: true)
    #expect(driver.round().started == Array(long.prefix(3)) + [short])
    let other = try driver.arrive("b", reply: 50)
    #expect(driver.round().started == [other])
    #expect(driver.schedule.runningIDs.sorted() == [long[0], long[1], short, other])
  }

  @Test func `one client cannot fill the queue`() throws {
    var driver = Driver(running: 1, waiting: 64)
    _ = try driver.arrive("a")
    driver.round()
    for _ in 0..<56 { _ = try driver.arrive("a") }
    let error = #expect(throws: AdmissionError.self) { try driver.arrive("a") }
    #expect(error == .clientQueueFull(waiting: 56, retryAfter: .seconds(280)))
    // Others have what is left, each at most as much as remains free.
    for _ in 0..<4 { _ = try driver.arrive("b") }
    #expect(throws: AdmissionError.self) { try driver.arrive("b") }
    for name in ["c", "d", "e", "f"] { _ = try driver.arrive(name) }
    #expect(throws: AdmissionError.queueFull(limit: 64, retryAfter: .seconds(320))) { try driver.arrive("g") }
  }

  @Test func `prompts share a step by client`() throws {
    var driver = Driver(running: 4, chunk: 60)
    let many = try (0..<3).map { _ in try driver.arrive("a", prompt: 500) }
    let one = try driver.arrive("b", prompt: 500)
    let step = driver.round().step
    for entry in step { #expect(entry.rows.count == (entry.request == one ? 30 : 10)) }
    #expect(Set(step.map(\.request)) == Set(many + [one]))
  }

  @Test func `images of clients take turns`() throws {
    var driver = Driver(running: 4)
    let ids = try ["a", "a", "a", "b"].map { try driver.arrive($0) }
    for id in ids { driver.ready[id] = 0 }
    let order = (0..<6).map { _ in driver.round().encoded }
    #expect(order == [ids[0], ids[3], ids[0], ids[3], ids[0], ids[3]])
  }

  @Test func `KV goes from a client that runs much to one that runs none, never from its first request`() throws {
    var driver = Driver(running: 8, kv: 900)
    let first = try (0..<3).map { _ in try driver.arrive("a", prompt: 200, reply: 100) }
    driver.round()
    let other = try driver.arrive("b", prompt: 200, reply: 100)
    let waiting = try #require(driver.schedule.waiting.first)
    #expect(driver.schedule.donors(to: waiting, of: .kv) == [first[2], first[1]])
    let round = driver.round()
    #expect(round.preempted == [first[2]] && round.started == [other])
    // When replies grow, the client that runs most makes room, even though the other arrived last.
    #expect(driver.schedule.nextToPreempt == first[1])
  }

  @Test func `others pass a request that waits for KV, and give theirs when it suffices`() throws {
    var driver = Driver(running: 20, kv: 500)
    let first = try driver.arrive("a", prompt: 200, reply: 100)
    driver.round()
    let large = try driver.arrive("a", prompt: 200, reply: 200)
    driver.round()
    let passing = try ["a", "b", "b"].map { try driver.arrive($0, prompt: 20, reply: 20) }
    #expect(Set(driver.round().started) == Set(passing))
    let waiting = try #require(driver.schedule.waiting.first)
    #expect(waiting.id == large)
    #expect(driver.schedule.donors(to: waiting, of: .kv) == [passing[0]], "its client runs as many as the other")
    driver.round(failing: [first])
    while driver.schedule.runningIDs.contains(first) { driver.round(failing: [first]) }
    #expect(
      driver.schedule.donors(to: waiting, of: .kv) == [passing[2], passing[0]], "not another client's only request")
    #expect(driver.round().started == [large])
  }

  @Test func `requests that passed one client's large request give their KV back to it, the last admitted first`()
    throws
  {
    var driver = Driver(running: 20, kv: 500)
    let first = try driver.arrive(prompt: 200, reply: 100)
    let large = try driver.arrive(prompt: 200, reply: 200)
    let passing = try (0..<10).map { try driver.arrive(prompt: 10, reply: 10, short: $0 % 2 == 0) }
    #expect(driver.round().started == [first] + passing)
    let waiting = try #require(driver.schedule.waiting.first)
    #expect(driver.schedule.donors(to: waiting, of: .kv) == passing.reversed(), "the first keeps its own")
    while driver.schedule.runningIDs.contains(first) { driver.round(failing: [first]) }
    let round = driver.round()
    #expect(round.started.first == large && round.preempted == passing.suffix(5).reversed())
  }

  /// Clients with demands of every shape, one of them with many more than the others.
  @Test(arguments: 0..<6 as Range<UInt64>)
  func `no client with demand starves, and one that has none waits a bounded number of steps`(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let slots = Int.random(in: 2...6, using: &random), short = Int.random(in: 0...1, using: &random)
    var driver = Driver(running: slots, short: short, waiting: 100)
    var owners: [RequestID: String] = [:], arrivals: [RequestID: Int] = [:]
    var longest = 0, ended: [String: Int] = [:]
    for time in 0..<4000 {
      func arrive(_ name: String, _ reply: Int, short: Bool = false) {
        guard let id = try? driver.arrive(name, reply: reply, short: short) else { return }
        (owners[id], arrivals[id]) = (name, time)
      }
      if random.next() % 4 == 0 { arrive("flood", .random(in: 100...4000, using: &random)) }
      if random.next() % 4 == 0 { arrive("flood", .random(in: 1...20, using: &random), short: true) }
      if random.next() % 400 == 0 || time == 100 || time == 200 { arrive(time % 200 == 0 ? "c" : "b", 500) }
      if time % 100 == 50, !owners.values.contains("innocent") { arrive("innocent", 8) }
      let round = driver.round()
      for id in round.started where owners[id] == "innocent" { longest = max(longest, time - (arrivals[id] ?? 0)) }
      for id in round.ended { if let name = owners.removeValue(forKey: id) { ended[name, default: 0] += 1 } }
      #expect(driver.schedule.load.running <= slots)
    }
    // Three others: where each may have a slot for long replies beside a free one, some client runs two and gives one
    // at once.
    #expect(longest <= (slots - short >= 4 ? 0 : 4 * 256), "waited \(longest) steps")
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

  /// The number of steps until `request` has its reply, which is the one that it has alone.
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
    request.client = ClientID(key: name)
    return request
  }

  @Test(arguments: [0, 5000])
  func `a flood of long replies delays another client by some steps, and every reply is the same`(kept: Int)
    async throws
  {
    let bench = Bench(.init(maxRunning: 4, maxWaiting: 64, kvTokens: 5000, replyReservation: 32, prefixTokens: kept))
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
    let bench = Bench(.init(maxRunning: 8, kvTokens: 400, replyReservation: 16))
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
