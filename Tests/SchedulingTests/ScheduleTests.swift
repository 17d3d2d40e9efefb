// A schedule without a runner: the queue, admission, steps and what ends requests.
import GenerationTypes
import Scheduling
import Testing

@Suite struct `A schedule` {
  @Test func `requests are admitted in order while slots and KV last, and smaller ones pass`() throws {
    var driver = Driver(running: 3, kv: 300, context: 300)
    let ids = try [(100, 50), (100, 51), (5, 5)].map { try driver.arrive(prompt: $0.0, reply: $0.1) }
    // 150 + 151 > 300; the small one passes.
    #expect(driver.round().started == [ids[0], ids[2]])
    #expect(driver.schedule.load.waiting == 1 && driver.schedule.load.kvTokens == 160)
    driver.round(ending: [ids[0]], failing: [ids[0]])
    driver.round(failing: [ids[0]])
    #expect(driver.schedule.runningIDs == [ids[2], ids[1]])
    #expect(driver.schedule.load.kvTokens == 161)
  }

  @Test func `a request that can never fit is refused with the limit`() throws {
    var driver = Driver(kv: 1000, context: 500)
    _ = try driver.arrive(prompt: 400, reply: 100)
    for (prompt, reply) in [(400, 101), (501, .max), (1, .max)] {
      #expect(throws: AdmissionError.tooLong(promptTokens: prompt, maxTokens: reply, limit: 500)) {
        try driver.arrive(prompt: prompt, reply: reply)
      }
    }
    var small = Driver(kv: 90, context: 500)
    #expect(throws: AdmissionError.tooLong(promptTokens: 90, maxTokens: 1, limit: 90)) {
      try small.arrive(prompt: 90, reply: 1)
    }
  }

  @Test func `a full queue says when it will have been served`() throws {
    var driver = Driver(running: 2, waiting: 4)
    let first = try (0..<4).map { _ in try driver.arrive(prompt: 1, reply: 100) }
    driver.round()
    for _ in 0..<2 { _ = try driver.arrive(prompt: 1, reply: 100) }
    // Nothing was measured yet: 5 s a request, four waiting, two at a time.
    #expect(throws: AdmissionError.queueFull(limit: 4, retryAfter: .seconds(10))) {
      try driver.arrive(prompt: 1, reply: 1)
    }
    driver.now += .seconds(30)
    driver.round(ending: [first[0]])
    driver.round()
    _ = try driver.arrive(prompt: 1, reply: 1)
    #expect(throws: AdmissionError.queueFull(limit: 4, retryAfter: .seconds(60))) {
      try driver.arrive(prompt: 1, reply: 1)
    }
  }

  @Test func `only interactive requests tell how long a request takes`() throws {
    var driver = Driver(running: 1, waiting: 1)
    for (serviceClass, seconds) in [(ServiceClass.interactive, 2), (.batch, 500)] {
      let id = try driver.arrive(as: serviceClass)
      driver.round()
      driver.now += .seconds(seconds)
      #expect(driver.round(ending: [id]).finished == [id: .stop])
    }
    for _ in 0..<2 { _ = try driver.arrive() }
    for _ in 0..<30 { _ = try? driver.arrive(as: .batch) }
    #expect(throws: AdmissionError.queueFull(limit: 1, retryAfter: .seconds(4))) { try driver.arrive() }
  }

  @Test func `a request that a free slot awaits does not count as waiting, even with a queue of none`() throws {
    var driver = Driver(running: 2, waiting: 0, kv: 1000)
    let first = try driver.arrive(prompt: 1, reply: 9)
    _ = try driver.arrive(prompt: 1, reply: 9)
    for isAdmitted in [false, true] {
      if isAdmitted { driver.round() }
      #expect(driver.schedule.refusal() == .queueFull(limit: 0, retryAfter: .seconds(isAdmitted ? 1 : 10)))
      #expect(throws: AdmissionError.self) { try driver.arrive(prompt: 1, reply: 1) }
    }
    driver.round(ending: [first])
    #expect(driver.schedule.refusal() == nil)
    #expect(driver.schedule.refusal(positions: 999) != nil, "no KV for that one")
    _ = try driver.arrive(prompt: 1, reply: 1)
  }

  @Test func `a step has every reply's next row and then prompts, shared evenly`() throws {
    var driver = Driver(running: 4, chunk: 64, maxBatch: 66)
    let reply = try driver.arrive(prompt: 3, reply: 9)
    let first = driver.round().step
    #expect(first.map(\.rows) == [0..<3] && first[0].logitRows == 1 && first[0].tokens.count == 3)
    let long = try driver.arrive(prompt: 300, reply: 9)
    let short = try driver.arrive(prompt: 10, reply: 9)
    let other = try driver.arrive(prompt: 200, reply: 9)
    var step = driver.round().step
    #expect(step.map(\.request) == [reply, long, short, other])
    #expect(step.map(\.rows) == [3..<4, 0..<27, 0..<10, 0..<27] && step.map(\.logitRows) == [1, 0, 1, 0])
    #expect(step.map(\.kind) == [.decode, .prefill, .prefill, .prefill])
    step = driver.round().step
    #expect(step.map(\.rows.count) == [1, 1, 32, 32], "a batch of 66")
    #expect(driver.schedule.cancel(other) == .pending)
    step = driver.round().step
    #expect(step.map(\.rows.count) == [1, 1, 64], "a cancelled request is in no step")
    #expect(step.last?.request == long)
  }

  @Test func `a prompt waits at an image, and only its request does`() throws {
    var driver = Driver()
    let seeing = try driver.arrive(prompt: 50, reply: 1)
    let text = try driver.arrive(prompt: 20, reply: 9)
    driver.ready[seeing] = 5
    var round = driver.round()
    #expect(round.encoded == nil && round.step.map(\.rows) == [0..<5, 0..<20])
    round = driver.round()
    #expect(round.encoded == seeing && round.step.map(\.request) == [text])
    driver.schedule.handle(.inputsReady(seeing, upTo: 5000), at: driver.now)
    round = driver.round()
    #expect(round.encoded == nil && round.step.map(\.rows) == [21..<22, 5..<50])
    #expect(round.finished == [seeing: .length])
  }

  @Test func `cancelling in the queue frees its position at once, cancelling a running one frees its KV`() throws {
    var driver = Driver(running: 1, waiting: 1)
    let running = try driver.arrive()
    driver.round()
    let waiting = try driver.arrive()
    #expect(driver.schedule.cancel(waiting) == .removed)
    #expect(driver.schedule.load.waiting == 0)
    #expect(driver.schedule.cancel(running) == .pending && driver.schedule.cancel(running) == .unknown)
    let round = driver.round()
    #expect(round.ended == [running] && round.step.isEmpty)
    #expect(driver.schedule.isIdle && driver.schedule.load.kvTokens == 0)
    #expect(driver.schedule.cancel(running) == .unknown)
  }

  @Test func `a request without memory is first in the queue until another ends, and fails when none runs`() throws {
    var driver = Driver()
    let ids = try (0..<3).map { _ in try driver.arrive(prompt: 1) }
    driver.withoutMemory = [ids[1]]
    #expect(driver.round().started == [ids[0]])
    #expect(driver.schedule.load.kvTokens == 11 && driver.schedule.waiting.map(\.id) == [ids[1], ids[2]])
    #expect(driver.round().started == [], "no other is tried")
    #expect(driver.round(ending: [ids[0]]).finished == [ids[0]: .stop])
    let round = driver.round()
    #expect(round.failed == [ids[1]: .inference("no sequence: out of memory")] && round.started == [ids[2]])
  }

  @Test func `a request that is told to the engine's thread and cancelled in the queue is reported to it`() throws {
    var driver = Driver()
    let ids = try (0..<2).map { _ in try driver.arrive(prompt: 1) }
    driver.withoutMemory = [ids[1]]
    driver.round()
    #expect(driver.schedule.cancel(ids[1]) == .pending && driver.schedule.load.waiting == 0)
    #expect(driver.round().ended == [ids[1]])
  }

  @Test func `requests whose deadline passed end, waiting or running, and the others continue`() throws {
    var driver = Driver(running: 2)
    var ids: [RequestID] = []
    for seconds in [1, 100, 1, 100] {
      var arrival = driver.arrival(reply: 50)
      arrival.deadline = driver.now + .seconds(seconds)
      ids.append(try driver.schedule.arrive(arrival))
    }
    driver.round()
    driver.now += .seconds(1)
    let round = driver.round()
    #expect(round.failed == [ids[0]: .deadline, ids[2]: .deadline] && round.started == [ids[3]])
    #expect(round.step.map(\.request) == [ids[1], ids[3]])
  }

  @Test func `draining refuses new requests, fails waiting ones and lets running ones end`() throws {
    var driver = Driver(running: 1)
    let ids = try (0..<2).map { _ in try driver.arrive() }
    driver.round()
    #expect(driver.schedule.drain() == [ids[1]])
    #expect(throws: AdmissionError.shuttingDown) { try driver.arrive() }
    #expect(driver.schedule.refusal() == .shuttingDown)
    #expect(driver.round().step.map(\.request) == [ids[0]])
    driver.schedule.stop()
    #expect(driver.round().failed == [ids[0]: .shuttingDown] && driver.schedule.isIdle)
  }

  @Test func `limits without sense are taken as the least that works`() throws {
    var driver = Driver(running: 0, waiting: -1, kv: 50, chunk: 0, context: 9, maxBatch: 0)
    let id = try driver.arrive(prompt: 2, reply: 3)
    let round = driver.round()
    #expect(round.started == [id] && round.step.map(\.rows) == [0..<1] && round.step[0].logitRows == 0)
  }

  @Test func `a step that fails ends the requests in it, and the others continue`() throws {
    var driver = Driver(running: 1)
    let ids = try (0..<2).map { _ in try driver.arrive() }
    while true {
      let decisions = driver.schedule.decide(at: driver.now)
      if case .step = decisions.last { break }
      for case .start(let start) in decisions {
        driver.schedule.handle(.started(start.request, inputsReady: .max), at: driver.now)
      }
    }
    driver.schedule.handle(.stepFailed(reason: "a kernel gave up"), at: driver.now)
    var round = driver.round()
    #expect(round.failed == [ids[0]: .inference("step: a kernel gave up")])
    round = driver.round()
    #expect(round.started == [ids[1]])
  }
}

@Suite struct `Rows of a reply` {
  /// Steps once; the reply's rows sample `tokens`.
  private func step(_ driver: inout Driver, sampling tokens: [TokenID]) -> (Schedule.StepEntry?, [Schedule.Decision]) {
    var entry: Schedule.StepEntry?
    var after: [Schedule.Decision] = []
    while true {
      let decisions = driver.schedule.decide(at: driver.now)
      if decisions.isEmpty { return (entry, after) }
      if entry != nil { after += decisions }
      for case .step(let entries) in decisions {
        entry = entries[0]
        driver.schedule.handle(.stepped([.sampled(tokens, ends: false)], seconds: 1e-3), at: driver.now)
      }
    }
  }

  @Test func `a step verifies four rows of a reply, and the rejected ones leave nothing`() throws {
    var driver = Driver()
    let id = try driver.arrive(prompt: 10, reply: 30)
    driver.round()
    // The last token is 1; the draft says 5, 6, 7 and the model samples 5, 8.
    driver.schedule.handle(.drafted(id, [5, 6, 7]), at: driver.now)
    var (entry, after) = step(&driver, sampling: [5, 8])
    #expect(entry?.rows == 10..<14 && entry?.tokens == [1, 5, 6, 7])
    #expect(entry?.logitRows == 4 && entry?.kind == .decode)
    let request = try #require(driver.schedule.running.first)
    let sequence = try #require(request.sequence)
    #expect(request.computed == 12 && request.tokens.ids.suffix(3) == [1, 5, 8] && request.decoded == 2)
    #expect(driver.schedule.kv.count(of: sequence) == 12 && driver.schedule.kv.held == 12)
    #expect(driver.schedule.kv.committed == 40 && after == [.truncate(sequence, to: 12)])
    // The next step is one row again, and continues from the accepted tokens.
    (entry, after) = step(&driver, sampling: [9])
    #expect(entry?.rows == 12..<13 && entry?.tokens == [8] && after == [])
    // All rows accepted: nothing is removed.
    driver.schedule.handle(.drafted(id, [2, 3]), at: driver.now)
    (entry, after) = step(&driver, sampling: [2, 3, 4])
    #expect(entry?.rows == 13..<16 && after == [] && driver.schedule.kv.held == 16)
  }

  @Test func `a draft is cut to the end of the reply, the reservation and the batch`() throws {
    for (reply, reservation, maxBatch, rows) in [(4, 512, 100, 3), (30, 3, 100, 3), (30, 512, 5, 5), (30, 1, 100, 1)] {
      var driver = Driver(running: 1, reservation: reservation, maxBatch: maxBatch)
      let id = try driver.arrive(prompt: 3, reply: reply)
      driver.round()
      driver.schedule.handle(.drafted(id, Array(repeating: 1, count: 9)), at: driver.now)
      let entry = driver.round().step.first
      #expect(entry?.rows.count == rows && entry?.logitRows == rows)
    }
  }

  @Test func `the reply ends at its limit within a verified draft`() throws {
    var driver = Driver()
    let id = try driver.arrive(prompt: 3, reply: 4)
    driver.round()
    driver.schedule.handle(.drafted(id, [1, 1, 1, 1]), at: driver.now)
    let round = driver.round()
    #expect(round.step.first?.rows.count == 3 && round.finished == [id: .length])
    #expect(driver.schedule.kv.held == 0)
  }
}
