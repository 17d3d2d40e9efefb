// Service classes, and requests whose deadline passed.
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Service classes` {
  @Test func `long replies leave slots to short ones, which come before them there alone`() throws {
    var driver = Driver(running: 3, short: 1)
    let long = try (0..<4).map { _ in try driver.arrive() }
    let short = try (0..<3).map { _ in try driver.arrive(short: true) }
    #expect(driver.round().started == [long[0], long[1], short[0]])
    // The next long request takes the slot that a long one leaves: it came first.
    driver.round(ending: [long[0]])
    #expect(driver.round().started == [long[2]])
    driver.round(ending: [short[0]])
    #expect(driver.round().started == [short[1]])
    // Short requests may have every slot, and cannot keep a long one out for ever.
    driver.round(ending: [long[1], long[2]])
    #expect(driver.round().started == [long[3], short[2]])
  }

  @Test func `batch requests have as many slots as the operator gives them, and as a step has rows`() throws {
    for (maxBatch, slots) in [(100, 5), (3, 3)] {
      var driver = Driver(running: 2, batch: 5, maxBatch: maxBatch)
      for _ in 0..<8 { _ = try driver.arrive(prompt: 1, as: .batch) }
      let round = driver.round()
      #expect(round.started.count == slots && round.step.count == slots, "and run in one step")
    }
  }

  @Test func `a single slot is for all`() throws {
    var driver = Driver(running: 1, short: 5)
    let long = try driver.arrive()
    #expect(driver.round().started == [long])
  }

  @Test func `batch requests wait for the queue to be empty and rest while others run`() throws {
    var driver = Driver(running: 2)
    let batch = try (0..<3).map { _ in try driver.arrive(reply: 50, as: .batch) }
    let urgent = try (0..<3).map { _ in try driver.arrive(reply: 50) }
    #expect(driver.round().started == [urgent[0], urgent[1]])
    driver.round(ending: [urgent[0], urgent[1]])
    var round = driver.round()
    #expect(round.started == [urgent[2], batch[0], batch[1]])
    #expect(round.step.map(\.request) == [urgent[2]])
    driver.round(ending: [urgent[2]])
    #expect(driver.round().step.map(\.request) == [batch[0], batch[1]])
    // They hold no slot that an interactive request could have.
    let late = try (0..<2).map { _ in try driver.arrive() }
    round = driver.round()
    #expect(round.started == late && round.step.map(\.request) == late)
  }

  @Test func `shadow requests come after batch ones and take none of their positions in the queue`() throws {
    var driver = Driver(running: 2, waiting: 2)
    let shadows = try (0..<2).map { _ in try driver.arrive(reply: 50, as: .shadow) }
    let batch = try (0..<2).map { _ in try driver.arrive(reply: 50, as: .batch) }
    var round = driver.round()
    #expect(round.started == batch + shadows)
    #expect(round.step.map(\.request) == batch, "shadow requests rest while batch ones run")
    #expect(driver.schedule.nextToPreempt == shadows[1])
    driver.round(ending: Set(batch))
    round = driver.round()
    #expect(round.step.map(\.request) == shadows)
  }

  @Test func `shadow requests never fill the prefix cache`() throws {
    for (serviceClass, cached) in [(ServiceClass.shadow, 0), (.batch, 40), (.interactive, 40)] {
      var driver = Driver(prefixes: 1000)
      let id = try driver.arrive(prompt: 40, as: serviceClass)
      #expect(driver.round(ending: [id]).finished == [id: .stop])
      #expect(driver.schedule.kv.cachedHeld == cached && driver.schedule.kv.held == cached)
    }
  }

  @Test func `batch replies are those of interactive ones, later`() async throws {
    let bench = Bench(.init(maxRunning: 2, kvTokens: 1000))
    var batch = request(prompt: 40, reply: 10, salt: 1)
    batch.serviceClass = .batch
    let late = try bench.core.submit(batch)
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
  @Test func `a request whose deadline passed ends, waiting or running, and the others continue`() async throws {
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
