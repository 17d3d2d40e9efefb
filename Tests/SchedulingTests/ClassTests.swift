// Who comes before whom, and whose time is over.
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Service classes` {
  private func demand(brief: Bool = false, idle: Bool = false, prompt: Int = 10, reply: Int = 10)
    -> SchedulerState.Demand
  {
    var demand = SchedulerState.Demand(promptTokens: prompt, maxTokens: reply)
    (demand.isShort, demand.serviceClass) = (brief, idle ? .batch : .interactive)
    return demand
  }

  private func state(running: Int = 3, brief: Int = 1, queued: Int = 50, kv: Int = 1000) -> SchedulerState {
    SchedulerState(
      limits: .init(
        .init(maxRunning: running, briefSeats: brief, maxQueued: queued, kvTokens: kv), contextLength: 500,
        maxBatch: 100))
  }

  /// Admits whoever may, as long as somebody may.
  private func seated(_ state: inout SchedulerState) -> [JobID] {
    var ids: [JobID] = []
    while let (id, demand) = state.candidate() {
      let need = demand.promptTokens + demand.maxTokens
      if need <= state.limits.kvTokens - state.load.kvTokens {
        state.admit(id, reservation: need)
        ids.append(id)
      } else {
        state.block(id)
      }
    }
    return ids
  }

  @Test func `long replies leave seats to brief ones, which come before them there alone`() throws {
    var state = state()
    let long = try (0..<4).map { _ in try state.enqueue(demand()) }
    let brief = try (0..<3).map { _ in try state.enqueue(demand(brief: true)) }
    var now = seated(&state)
    #expect(now == [long[0], long[1], brief[0]])
    // A seat that a long reply leaves is the next long one's: it came first.
    state.finish(long[0])
    now = seated(&state)
    #expect(now == [long[2]])
    state.finish(brief[0])
    now = seated(&state)
    #expect(now == [brief[1]])
    // Brief ones may have every seat, and cannot keep a long one out for ever.
    state.finish(long[1])
    state.finish(long[2])
    now = seated(&state)
    #expect(now == [long[3], brief[2]])
  }

  @Test func `idle requests have as many seats as the operator gives them`() throws {
    var state = SchedulerState(
      limits: .init(.init(maxRunning: 2, maxIdle: 5, kvTokens: 1000), contextLength: 500, maxBatch: 100))
    for _ in 0..<8 { _ = try state.enqueue(demand(idle: true)) }
    #expect(seated(&state).count == 5)
    #expect(state.plan().count == 5, "and run in one step")
    var narrow = SchedulerState(
      limits: .init(.init(maxRunning: 2, maxIdle: 50, kvTokens: 1000), contextLength: 500, maxBatch: 3))
    for _ in 0..<8 { _ = try narrow.enqueue(demand(idle: true)) }
    #expect(seated(&narrow).count == 3, "a step holds no more")
  }

  @Test func `one seat is for all`() throws {
    var state = state(running: 1, brief: 5)
    let long = try state.enqueue(demand())
    #expect(seated(&state) == [long])
  }

  @Test func `others pass who waits for KV, and give theirs back when it suffices`() throws {
    var state = state(running: 20, brief: 0, kv: 500)
    let first = try state.enqueue(demand(prompt: 200, reply: 100))
    let large = try state.enqueue(demand(prompt: 200, reply: 200))
    let passing = try (0..<10).map { try state.enqueue(demand(brief: $0 % 2 == 0, prompt: 10, reply: 10)) }
    var now = seated(&state)
    #expect(now == [first] + passing)
    #expect(state.givingKV(to: large) == passing.reversed(), "who came first keeps its own")
    state.finish(first)
    #expect(state.candidate()?.id == large)
    for id in passing.suffix(5) { _ = state.suspend(id, promptTokens: 10) }
    now = seated(&state)
    #expect(now == [large])
  }

  @Test func `idle requests wait for the line to be empty and rest while others run`() throws {
    var state = state(running: 2, brief: 0)
    let idle = try (0..<3).map { _ in try state.enqueue(demand(idle: true)) }
    let urgent = try (0..<3).map { _ in try state.enqueue(demand()) }
    var now = seated(&state)
    #expect(now == [urgent[0], urgent[1]])
    state.finish(urgent[0])
    state.finish(urgent[1])
    now = seated(&state)
    #expect(now == [urgent[2], idle[0], idle[1]])
    #expect(state.plan().map(\.job) == [urgent[2]])
    state.finish(urgent[2])
    #expect(state.plan().map(\.job) == [idle[0], idle[1]])
    // They hold no seat that another wants, and no place in line.
    let late = try (0..<2).map { _ in try state.enqueue(demand()) }
    now = seated(&state)
    #expect(now == late && state.plan().map(\.job) == late)
  }

  @Test func `spare requests come after idle ones and take none of their places`() throws {
    var state = state(running: 2, brief: 0, queued: 2)
    func spare() -> SchedulerState.Demand {
      var demand = demand()
      demand.serviceClass = .shadow
      return demand
    }
    let spares = try (0..<2).map { _ in try state.enqueue(spare()) }
    let idle = try (0..<2).map { _ in try state.enqueue(demand(idle: true)) }
    let now = seated(&state)
    #expect(now == idle + spares)
    #expect(state.plan().map(\.job) == idle, "they rest while idle ones run")
    #expect(state.youngest == spares[1])
    for id in idle { state.finish(id) }
    #expect(state.plan().map(\.job) == spares)
  }

  @Test func `who waits is told to come back by how long interactive requests take`() throws {
    var state = state(running: 1, brief: 0, queued: 1)
    func admit(idle: Bool, seconds: Int) throws {
      let id = try state.enqueue(demand(idle: idle))
      #expect(seated(&state) == [id])
      state.finish(id, service: .seconds(seconds))
    }
    try admit(idle: false, seconds: 2)
    try admit(idle: true, seconds: 500)
    for _ in 0..<2 { _ = try state.enqueue(demand()) }
    for _ in 0..<30 { _ = try? state.enqueue(demand(idle: true)) }
    #expect(throws: AdmissionError.queueFull(limit: 1, retryAfter: .seconds(4))) { try state.enqueue(demand()) }
  }

  @Test func `who is held is passed by all and takes its turn when released`() throws {
    var state = state(running: 2, brief: 0)
    let ids = try (0..<3).map { _ in try state.enqueue(demand()) }
    state.hold(ids[0])
    var now = seated(&state)
    #expect(now == [ids[1], ids[2]])
    state.finish(ids[1])
    state.hold(ids[0], false)
    now = seated(&state)
    #expect(now == [ids[0]])
  }

  @Test func `idle replies are those of interactive ones, later`() async throws {
    let bench = Bench(.init(maxRunning: 2, kvTokens: 1000))
    var idle = request(prompt: 40, reply: 10, salt: 1)
    idle.serviceClass = .batch
    let late = try bench.core.submit(idle)
    bench.rounds(3)
    let first = try bench.core.submit(request(prompt: 30, reply: 10, salt: 2))
    for _ in 0..<100 where bench.core.load.running < 2 { bench.rounds(1) }
    let steps = bench.ledger.steps
    bench.rounds(9)
    #expect(bench.ledger.snapshot.steps.dropFirst(steps).allSatisfy { $0.rows.count == 1 })
    bench.finish()
    #expect(await Reply(of: first).ids.count == 10)
    let expected = Bench()
    let alone = try expected.core.submit(request(prompt: 40, reply: 10, salt: 1))
    expected.finish()
    let ids = await Reply(of: alone).ids
    #expect(await Reply(of: late).ids == ids)
  }
}

@Suite struct `Deadlines` {
  @Test func `a request whose time is over ends, in line and running, and the others go on`() async throws {
    let bench = Bench(.init(maxRunning: 1, kvTokens: 1000))
    var hurried = request(prompt: 5, reply: 900)
    hurried.deadline = .now + .milliseconds(40)
    let running = try bench.core.submit(hurried)
    let waiting = try bench.core.submit(hurried)
    let patient = try bench.core.submit(request(prompt: 5, reply: 3, salt: 1))
    bench.runner.beforeStep = { _ in try blockingSleep(milliseconds: 5) }
    bench.finish()
    let reply = await Reply(of: running)
    #expect(reply.error == .deadline && !reply.ids.isEmpty && reply.ids.count < 20)
    let other = await Reply(of: waiting)
    #expect(other.error == .deadline && other.ids.isEmpty)
    #expect(await Reply(of: patient).ids.count == 3)
    #expect(bench.core.load.kvTokens == 0 && bench.ledger.snapshot.openCapacity == 0)
  }
}
