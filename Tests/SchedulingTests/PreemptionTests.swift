// Replies that grow beyond the KV budget: the last request is preempted and continues later, with the same tokens.
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Preempted requests` {
  private func alone(_ request: GenerationRequest) async throws -> [TokenID] {
    let bench = Bench()
    let stream = try bench.core.submit(request)
    bench.finish()
    return await Reply(of: stream).ids
  }

  @Test(arguments: [0, 400])
  func `continue where they were, with and without a prefix cache`(prefixTokens: Int) async throws {
    let bench = Bench(
      .init(maxRunning: 4, kvTokens: 400, replyReservation: 16, prefixTokens: prefixTokens, imageCacheBytes: 9000))
    let asked = (0..<4).map {
      request(prompt: 40, reply: 200, salt: $0, temperature: 0.9, images: [image(UInt8($0), count: 6, at: 3)])
    }
    let streams = try asked.map { try bench.core.submit($0) }
    bench.rounds(60)
    // All four were admitted, although their whole replies do not fit.
    #expect(bench.ledger.snapshot.made >= 4 && bench.core.load.running >= 2)
    bench.finish()
    for (request, stream) in zip(asked, streams) {
      let reply = await Reply(of: stream), expected = try await alone(request)
      #expect(reply.ids == expected && reply.finish == .length && reply.ends == 1)
      #expect(reply.hadTimingsFirst && reply.progress.last == 40, "the prompt's progress is reported once")
    }
    #expect(bench.core.load.tally.preemptions > 0)
    #expect(bench.ledger.snapshot.largestHeld <= 400 && bench.ledger.snapshot.faults == [])
    #expect(bench.ledger.snapshot.encoded == 4)
    #expect(bench.core.load.kvTokens == 0)
  }

  @Test func `the first admitted request is never preempted`() async throws {
    let bench = Bench(.init(maxRunning: 3, kvTokens: 200, replyReservation: 8))
    let streams = try (0..<3).map { try bench.core.submit(request(prompt: 10, reply: 190, salt: $0)) }
    bench.finish()
    let first = bench.ledger.snapshot.steps.prefix(190)
    #expect(first.allSatisfy { step in step.rows.contains { $0.sequence == 0 } })
    for stream in streams { #expect(await Reply(of: stream).ids.count == 190) }
  }

  @Test func `an interactive request takes KV of batch requests at once, and their replies stay the same`()
    async throws
  {
    let bench = Bench(.init(maxRunning: 4, kvTokens: 400, replyReservation: 16))
    let asked = (0..<2).map { salt in
      var request = request(prompt: 20, reply: 300, salt: salt)
      request.serviceClass = .batch
      return request
    }
    let batch = try asked.map { try bench.core.submit($0) }
    // They grow beyond the half that they were admitted with.
    while bench.ledger.snapshot.held < 320 { bench.rounds(1) }
    let before = bench.ledger.steps
    let urgent = try bench.core.submit(request(prompt: 150, reply: 10, salt: 7))
    bench.finish()
    #expect(await Reply(of: urgent).ids.count == 10)
    let next = bench.ledger.snapshot.steps.dropFirst(before).prefix(10).flatMap(\.rows)
    #expect(next.count == 10 && Set(next.map(\.sequence)).count == 1, "the next ten steps are its own")
    for (request, stream) in zip(asked, batch) {
      let ids = await Reply(of: stream).ids, expected = try await alone(request)
      #expect(ids == expected)
    }
    #expect(bench.core.load.tally.preemptions > 0 && bench.ledger.snapshot.faults == [])
  }

  @Test func `can be cancelled while they wait, and fail when the engine stops`() async throws {
    let bench = Bench(.init(maxRunning: 2, kvTokens: 200, replyReservation: 8))
    let first = try bench.core.submit(request(prompt: 10, reply: 150, salt: 1))
    var second: AsyncThrowingStream<GenerationEvent, any Error>? = try bench.core.submit(
      request(prompt: 10, reply: 150, salt: 2))
    bench.rounds(2)
    while bench.core.load.waiting == 0 { bench.rounds(1) }
    withExtendedLifetime(second) {}
    second = nil
    #expect(bench.core.load.waiting == 0)
    let third = try bench.core.submit(request(prompt: 10, reply: 150, salt: 3))
    bench.rounds(3)
    bench.core.drain(grace: .seconds(100))
    bench.finish()
    #expect(await Reply(of: first).ids.count == 150)
    let reply = await Reply(of: third)
    #expect(reply.error == .shuttingDown || reply.ids.count == 150)
    #expect(bench.ledger.snapshot.openCapacity == 0)
  }
}
