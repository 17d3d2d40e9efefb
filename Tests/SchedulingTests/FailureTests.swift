// Failures of the runner, of memory and of requests: the affected requests fail, the others are served.
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Failures` {
  @Test func `a step that throws fails the requests in it, and the engine continues`() async throws {
    let bench = Bench(.init(maxRunning: 2, kvTokens: 1000))
    let streams = try (0..<3).map { try bench.core.submit(request(prompt: 5, reply: 10, salt: $0)) }
    bench.rounds(3)
    bench.runner.beforeStep = { _ in throw Scripted(description: "a kernel gave up") }
    bench.rounds(1)
    bench.runner.beforeStep = { _ in }
    bench.finish()
    let replies = await streams.mapInOrder { await Reply(of: $0) }
    for reply in replies.prefix(2) {
      #expect(reply.error == .inference("step: a kernel gave up"))
      #expect(reply.ids.count == 3 && reply.ends == 1 && reply.finish == nil)
    }
    #expect(replies[2].ids.count == 10 && replies[2].error == nil)
    #expect(bench.core.load.kvTokens == 0)
    #expect(bench.ledger.snapshot.openCapacity == 0)
  }

  @Test func `a row with a value that is not a number fails its own request only`() async throws {
    let bench = Bench()
    bench.runner.afterLogits = { sequence, logits in
      if sequence.number == 1, sequence.length == 8 { logits[7] = .nan }
    }
    let streams = try (0..<3).map { try bench.core.submit(request(prompt: 5, reply: 10, salt: $0)) }
    bench.finish()
    let replies = await streams.mapInOrder { await Reply(of: $0) }
    #expect(replies.map(\.ids.count) == [10, 3, 10])
    #expect(replies[1].error == .inference("sampling: notFinite(id: 7)"))
  }

  @Test func `a runner that returns no logits does not hang the request`() async throws {
    let bench = Bench()
    bench.runner.withholdsLogits = true
    let stream = try bench.core.submit(request(prompt: 5, reply: 10))
    bench.finish()
    #expect(await Reply(of: stream).error == .inference("step: no logits"))
  }

  @Test func `an image that cannot be encoded fails its request`() async throws {
    let bench = Bench()
    bench.runner.encodeFails = true
    let seeing = try bench.core.submit(request(prompt: 5, reply: 4, images: [image(1, count: 2, at: 2)]))
    let blind = try bench.core.submit(request(prompt: 5, reply: 4))
    bench.finish()
    #expect(await Reply(of: seeing).error == .inference("image: blind"))
    #expect(await Reply(of: blind).ids.count == 4)
    #expect(bench.core.load.kvTokens == 0)
  }

  @Test func `a request without memory waits for another to end, and fails when none runs`() async throws {
    let bench = Bench(.init(maxRunning: 8, kvTokens: 1000))
    bench.runner.memory = 30
    let streams = try [10, 10, 10, 40, 10].map { try bench.core.submit(request(prompt: 5, reply: $0, salt: $0)) }
    bench.finish()
    let replies = await streams.mapInOrder { await Reply(of: $0) }
    #expect(replies.map(\.ids.count) == [10, 10, 10, 0, 10])
    #expect(replies.map(\.ends) == [1, 1, 1, 1, 1])
    #expect(replies[3].error == .inference("no sequence: out of memory"))
    #expect(bench.ledger.snapshot.largestOpenCapacity == 30)
    #expect(bench.core.load.kvTokens == 0)
  }

  @Test func `malformed prompts fail without a step`() async throws {
    let far = Int.max - 1
    for defective in [
      request(prompt: 0, reply: 5), request(prompt: 5, reply: 0), request(prompt: 5, reply: -9),
      request(prompt: 5, reply: 5, images: [image(1, count: 3, at: 3)]),
      request(prompt: 5, reply: 5, images: [image(1, count: 3, at: -1)]),
      request(prompt: 5, reply: 5, images: [image(1, count: far, at: 3)]),
      request(prompt: 5, reply: 5, images: [image(1, count: 1, at: far)]),
      request(prompt: 9, reply: 5, images: [image(1, count: 3, at: 2), image(1, count: 3, at: 4)]),
      request(prompt: 5, reply: 5, images: [image(1, count: 0, at: 3)]),
    ] {
      let bench = Bench()
      let stream = try bench.core.submit(defective)
      bench.finish()
      let reply = await Reply(of: stream)
      #expect(reply.error != nil && reply.ends == 1)
      #expect(bench.ledger.steps == 0 && bench.core.load.kvTokens == 0)
    }
  }
}
