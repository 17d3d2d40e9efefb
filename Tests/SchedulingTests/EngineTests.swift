// The engine with its thread. The time limit turns a hang into a failure; nothing else here depends on how fast the
// machine is.
import Dispatch
import Foundation
import GenerationTypes
import Glibc
import Inference
import Scheduling
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(10))) struct `Engine thread` {
  private func engine(
    _ configuration: EngineConfiguration = .init(kvTokens: 10_000), observer: EngineObserver? = nil,
    beforeStep: @escaping @Sendable () throws -> Void = {}
  ) -> (engine: Engine, ledger: Ledger) {
    let runner = FakeRunner()
    runner.beforeStep = { _ in try beforeStep() }
    let ledger = runner.ledger
    return (Engine(runner: runner, configuration: configuration, observer: observer), ledger)
  }

  private func eventually(_ condition: () -> Bool) async throws {
    while !condition() { try await Task.sleep(for: .milliseconds(1)) }
  }

  @Test func `many clients at once get the replies that each would get alone`() async throws {
    let (engine, ledger) = engine(.init(maxRunning: 4, maxWaiting: 100, kvTokens: 300, prefillChunk: 16))
    let together = try await withThrowingTaskGroup(of: (Int, [TokenID]).self) { group in
      for salt in 0..<24 {
        group.addTask {
          (salt, await Reply(of: try engine.submit(request(prompt: 10 + salt, reply: 15, salt: salt))).ids)
        }
      }
      return try await group.reduce(into: [Int: [TokenID]]()) { $0[$1.0] = $1.1 }
    }
    for salt in 0..<24 {
      #expect(
        await Reply(of: try engine.submit(request(prompt: 10 + salt, reply: 15, salt: salt))).ids == together[salt])
    }
    #expect(ledger.snapshot.faults == [])
    try await eventually { engine.load.kvTokens == 0 }
    await engine.shutdown(grace: .seconds(3600))
    #expect(ledger.snapshot.runnerIsGone && ledger.snapshot.openCapacity == 0)
  }

  @Test func `an idle engine uses no processor time and wakes for the next request`() async throws {
    let clock = Mutex<clockid_t?>(nil)
    let (engine, ledger) = engine(beforeStep: {
      var id = clockid_t()
      if pthread_getcpuclockid(pthread_self(), &id) == 0 { clock.withLock { $0 = id } }
    })
    for salt in 0..<20 {
      #expect(await Reply(of: try engine.submit(request(prompt: 3, reply: 2, salt: salt))).ids.count == 2)
      if salt % 5 == 0 { try await Task.sleep(for: .milliseconds(3)) }
    }
    let id = try #require(clock.withLock { $0 })
    func used() -> Double {
      var time = timespec()
      return clock_gettime(id, &time) == 0 ? Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9 : .nan
    }
    let before = used()
    try await Task.sleep(for: .milliseconds(100))
    #expect(used() - before < 0.02)
    #expect(ledger.steps == 40)
    await engine.shutdown(grace: .zero)
  }

  @Test func `cancelling the reader's task ends the request`() async throws {
    let gate = DispatchSemaphore(value: 0)
    let (engine, ledger) = engine(beforeStep: { gate.wait() })
    let stream = try engine.submit(request(prompt: 5, reply: 4000))
    let reader = Task { await Reply(of: stream) }
    for _ in 0..<3 { gate.signal() }
    try await eventually { ledger.steps == 3 }
    reader.cancel()
    _ = await reader.value
    // A step may be in progress; it is the last.
    for _ in 0..<10 { gate.signal() }
    try await eventually { engine.load.running == 0 }
    #expect(ledger.steps <= 4)
    await engine.shutdown(grace: .zero)
  }

  @Test func `the observer is called after every step`() async throws {
    let reports = Mutex<[StepReport]>([])
    let (engine, ledger) = engine(
      .init(kvTokens: 1000, prefillChunk: 4),
      observer: { report in
        reports.withLock { $0.append(report) }
      })
    _ = await Reply(of: try engine.submit(request(prompt: 10, reply: 3)))
    await engine.shutdown(grace: .seconds(3600))
    let seen = reports.withLock { $0 }
    #expect(seen.map(\.prefillRows) == [4, 4, 2, 0, 0])
    #expect(seen.map(\.decodeRows) == [0, 0, 0, 1, 1])
    #expect(ledger.steps == 5)
  }

  @Test func `shutdown lets running requests end and fails waiting ones`() async throws {
    let gate = DispatchSemaphore(value: 0)
    let (engine, ledger) = engine(.init(maxRunning: 1, kvTokens: 100), beforeStep: { gate.wait() })
    let running = try engine.submit(request(prompt: 5, reply: 3))
    try await eventually { engine.load.running == 1 }
    let waiting = try engine.submit(request(prompt: 5, reply: 3))
    async let ended: Void = engine.shutdown(grace: .seconds(3600))
    #expect(await Reply(of: waiting).error == .shuttingDown)
    #expect(throws: AdmissionError.shuttingDown) { try engine.submit(request(prompt: 5, reply: 3)) }
    for _ in 0..<3 { gate.signal() }
    let reply = await Reply(of: running)
    #expect(reply.finish == .length && reply.ids.count == 3)
    await ended
    #expect(ledger.snapshot.runnerIsGone)
  }

  @Test func `shutdown fails requests that outlast the grace, once and for every caller`() async throws {
    let (engine, ledger) = engine(.init(kvTokens: 4000))
    let streams = try (0..<2).map { try engine.submit(request(prompt: 5, reply: 1900, salt: $0)) }
    try await eventually { ledger.steps > 3 }
    async let first: Void = engine.shutdown(grace: .seconds(3600))
    async let second: Void = engine.shutdown(grace: .zero)
    _ = await (first, second)
    for stream in streams {
      let reply = await Reply(of: stream)
      #expect(reply.ends == 1)
      #expect(reply.error == .shuttingDown || reply.tokens.count == 1900)
    }
    await engine.shutdown(grace: .zero)
    #expect(ledger.snapshot.runnerIsGone)
  }

  @Test func `an engine that is dropped ends its thread`() async throws {
    var (engine, ledger): (Engine?, Ledger) = engine()
    _ = await Reply(of: try #require(engine).submit(request(prompt: 5, reply: 3)))
    engine = nil
    try await eventually { ledger.snapshot.runnerIsGone }
  }

  @Test func `a step that throws leaves the engine serving`() async throws {
    let calls = Mutex(0)
    let (engine, _) = engine(beforeStep: {
      let call = calls.withLock {
        $0 += 1
        return $0
      }
      if call == 2 { throw Scripted(description: "once") }
    })
    #expect(await Reply(of: try engine.submit(request(prompt: 5, reply: 3))).error == .inference("step: once"))
    #expect(await Reply(of: try engine.submit(request(prompt: 5, reply: 3))).finish == .length)
    #expect(engine.contextLength == 4096)
    await engine.shutdown(grace: .zero)
  }
}
