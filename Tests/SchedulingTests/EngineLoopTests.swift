// The engine's rounds, stepped by hand on the test's thread.
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Engine rounds` {
  @Test(arguments: [0, 0.9])
  func `a request gets the same ids alone, among others and in chunks`(temperature: Float) async throws {
    let alone = try await (0..<8).mapInOrder { salt in
      let bench = Bench(.init(kvTokens: 10_000, prefillChunk: 4096))
      let stream = try bench.core.submit(
        request(prompt: 20 + 9 * salt, reply: 12, salt: salt, temperature: temperature))
      bench.finish()
      #expect(bench.ledger.snapshot.steps.count == 12)
      return await Reply(of: stream).ids
    }
    #expect(Set(alone).count == 8)
    for chunk in [1, 7, 64] {
      let bench = Bench(.init(maxRunning: 8, kvTokens: 10_000, prefillChunk: chunk))
      let streams = try (0..<8).map { salt in
        try bench.core.submit(request(prompt: 20 + 9 * salt, reply: 12, salt: salt, temperature: temperature))
      }
      bench.finish()
      let together = await streams.mapInOrder { await Reply(of: $0).ids }
      #expect(together == alone)
      #expect(bench.ledger.snapshot.faults == [])
      #expect(bench.ledger.snapshot.openCapacity == 0)
    }
  }

  @Test func `features fill the positions of images, whatever the chunks`() async throws {
    let images = [image(9, count: 10, at: 0), image(4, count: 7, at: 10), image(5, count: 3, at: 30)]
    let sighted = request(prompt: 33, reply: 5, images: images)
    // What the runner must have read, position by position.
    let expected = FakeSequence(number: 0, capacity: 0, ledger: Ledger())
    for place in 0..<33 {
      if let seen = images.first(where: { ($0.position..<$0.position + $0.image.layout.tokenCount).contains(place) }) {
        expected.read(UInt64(Int(seen.image.views[0]) + place - seen.position) + 1 << 32)
      } else {
        expected.read(UInt64(sighted.prompt.tokens[place]))
      }
    }
    for chunk in [1, 3, 8, 100] {
      let bench = Bench(.init(kvTokens: 100, prefillChunk: chunk))
      let stream = try bench.core.submit(sighted)
      var read: UInt64?
      bench.runner.afterLogits = { sequence, _ in read = read ?? sequence.hash }
      bench.finish()
      let reply = await Reply(of: stream)
      #expect(read == expected.hash)
      #expect(reply.ids.count == 5)
      #expect(bench.ledger.snapshot.encoded == 3)
      #expect(reply.progress.first == 0 && reply.progress.last == 33)
      #expect(reply.progress == reply.progress.sorted())
    }
  }

  @Test func `a running reply gets a token in every round that encodes an image`() async throws {
    let bench = Bench()
    let talking = try bench.core.submit(request(prompt: 4, reply: 20))
    bench.rounds(1)
    let images = (0..<5).map { image(UInt8($0), count: 2, at: $0 * 2) }
    let seeing = try bench.core.submit(request(prompt: 10, reply: 1, images: images))
    for round in 1...5 {
      bench.rounds(1)
      #expect(bench.ledger.snapshot.encoded == round)
      #expect(bench.ledger.snapshot.steps.last?.rows.first.map { $0 == (0, 1) } == true)
    }
    bench.finish()
    #expect(await Reply(of: talking).ids.count == 20)
    #expect(await Reply(of: seeing).ids.count == 1)
  }

  @Test func `a running reply gets a token between the pieces of one image, and cancelling ends it there`()
    async throws
  {
    let bench = Bench()
    let talking = try bench.core.submit(request(prompt: 4, reply: 20))
    bench.rounds(1)
    let images = [image(7, count: 2, at: 0, views: 5)]
    let seeing = try bench.core.submit(request(prompt: 4, reply: 2, images: images))
    var leaving: AsyncThrowingStream<GenerationEvent, any Error>? = try bench.core.submit(
      request(prompt: 4, reply: 2, salt: 1, images: [image(8, count: 2, at: 0, views: 5)]))
    for round in 1...8 {
      bench.rounds(1)
      // The second image is started when the first is done.
      let ledger = bench.ledger.snapshot
      #expect(ledger.views == round && ledger.encoded == (round < 5 ? 0 : 1))
      #expect(ledger.steps.last?.rows.first.map { $0 == (0, 1) } == true)
    }
    withExtendedLifetime(leaving) {}
    leaving = nil
    bench.finish()
    #expect(bench.ledger.snapshot.views == 8)
    #expect(await Reply(of: talking).ids.count == 20)
    let reply = await Reply(of: seeing)
    #expect(reply.ids.count == 2 && (reply.timings?.image ?? .zero) > .zero)
  }

  @Test func `the stop token is reported and ends the reply, and so does the limit`() async throws {
    let bench = Bench()
    let free = try bench.core.submit(request(prompt: 9, reply: 15))
    bench.finish()
    let reply = await Reply(of: free)
    #expect(reply.finish == .length && reply.ids.count == 15)
    let stop = reply.ids[6]
    let first = try #require(reply.ids.firstIndex(of: stop))
    let stopped = try bench.core.submit(request(prompt: 9, reply: 15, stop: [stop]))
    let limited = try bench.core.submit(request(prompt: 9, reply: first + 1, stop: [stop]))
    bench.finish()
    for stream in [stopped, limited] {
      let reply = await Reply(of: stream)
      #expect(reply.finish == .stop && reply.ids.count == first + 1 && reply.ids.last == stop)
    }
  }

  @Test func `P(think) comes with the first token of a reply that decides`() async throws {
    let bench = Bench()
    var deciding = request(prompt: 5, reply: 3)
    deciding.decides = true
    deciding.control.closing = [1, 2]
    let stream = try bench.core.submit(deciding)
    bench.finish()
    let thinking = await Reply(of: stream).tokens.map(\.thinkProbability)
    #expect(try #require(thinking[0]) < 1)
    #expect(thinking.dropFirst().allSatisfy { $0 == nil })
  }

  @Test func `the timings come before the first token and say where its time went`() async throws {
    let bench = Bench(.init(maxRunning: 1, kvTokens: 100))
    bench.runner.beforeStep = { _ in try blockingSleep(milliseconds: 2) }
    let start = ContinuousClock.now
    let streams = try (0..<2).map { _ in
      try bench.core.submit(request(prompt: 9, reply: 5, images: [image(1, count: 2, at: 1)]))
    }
    bench.finish()
    let total = ContinuousClock.now - start
    for (index, stream) in streams.enumerated() {
      let reply = await Reply(of: stream)
      let timings = try #require(reply.timings)
      #expect(reply.hadTimingsFirst)
      // The four tokens after the first take a step each.
      #expect(timings.queue + timings.image + timings.prefill <= total - .milliseconds(8))
      #expect(timings.prefill >= .milliseconds(4), "one step before the image, one with it")
      #expect(index == 0 || timings.queue >= .milliseconds(12))
    }
  }

  @Test func `a short request gets its reply while long prompts and replies run`() async throws {
    let bench = Bench(.init(maxRunning: 4, kvTokens: 20_000, prefillChunk: 32))
    let talking = try bench.core.submit(request(prompt: 4, reply: 1000))
    let reading = try bench.core.submit(request(prompt: 3000, reply: 1, salt: 1))
    bench.rounds(10)
    let short = try bench.core.submit(request(prompt: 30, reply: 6, salt: 2))
    // The new request gets half of the chunk: two steps for its prompt, the second of which gives the first token.
    bench.rounds(7)
    let steps = bench.ledger.snapshot.steps
    let rows = steps.suffix(7).map { step in step.rows.first { $0.sequence == 2 }?.count ?? 0 }
    #expect(rows == [16, 14, 1, 1, 1, 1, 1])
    #expect(steps.dropFirst(2).allSatisfy { step in step.rows.contains { $0 == (0, 1) } }, "the reply never waits")
    #expect(await Reply(of: short).ids.count == 6)
    withExtendedLifetime((talking, reading)) {}
  }
}

@Suite struct `Cancelling` {
  /// Submits, lets `rounds` pass, drops the stream and returns the sequence's later steps.
  private func stepsAfterDrop(rounds: Int, of request: GenerationRequest, in bench: Bench) throws -> Int {
    var stream: AsyncThrowingStream<GenerationEvent, any Error>? = try bench.core.submit(request)
    bench.rounds(rounds)
    let before = bench.ledger.steps
    withExtendedLifetime(stream) {}
    stream = nil
    bench.finish()
    return bench.ledger.steps - before
  }

  @Test(arguments: [0, 1, 3, 10, 12])
  func `dropping the stream ends a request before its next step`(rounds: Int) throws {
    // Ten steps of prefill with an image in the middle, then decoding.
    let bench = Bench(.init(kvTokens: 200, prefillChunk: 10))
    let subject = request(prompt: 100, reply: 50, images: [image(1, count: 20, at: 30)])
    #expect(try stepsAfterDrop(rounds: rounds, of: subject, in: bench) == 0)
    #expect(bench.core.load.kvTokens == 0 && bench.core.load.running == 0 && bench.core.load.waiting == 0)
    #expect(bench.ledger.snapshot.openCapacity == 0)
  }

  @Test func `a request dropped in the queue leaves it at once`() async throws {
    let bench = Bench(.init(maxRunning: 1, maxWaiting: 1, kvTokens: 200))
    let running = try bench.core.submit(request(prompt: 10, reply: 5))
    bench.rounds(1)
    var waiting: AsyncThrowingStream<GenerationEvent, any Error>? = try bench.core.submit(request(prompt: 9, reply: 5))
    #expect(throws: AdmissionError.self) { try bench.core.submit(request(prompt: 9, reply: 5)) }
    withExtendedLifetime(waiting) {}
    waiting = nil
    #expect(bench.core.load.waiting == 0)
    let next = try bench.core.submit(request(prompt: 8, reply: 5))
    bench.finish()
    #expect(await Reply(of: running).finish == .length)
    #expect(await Reply(of: next).finish == .length)
    #expect(bench.ledger.snapshot.made == 2)
  }

  @Test func `a request dropped during a step is in no later one, and others continue`() async throws {
    let bench = Bench()
    let staying = try bench.core.submit(request(prompt: 5, reply: 10))
    var leaving: AsyncThrowingStream<GenerationEvent, any Error>? = try bench.core.submit(request(prompt: 5, reply: 10))
    bench.rounds(2)
    bench.runner.beforeStep = { _ in leaving = nil }
    withExtendedLifetime(leaving) {}
    bench.rounds(1)
    bench.runner.beforeStep = { batch in
      if batch.entries.count != 1 { throw Scripted(description: "the dropped request is still stepped") }
    }
    bench.finish()
    #expect(await Reply(of: staying).ids.count == 10)
  }
}

func blockingSleep(milliseconds: Int) throws {
  let end = ContinuousClock.now + .milliseconds(milliseconds)
  while .now < end {}
}

extension Swift.Sequence {
  func mapInOrder<T>(_ transform: (Element) async throws -> T) async rethrows -> [T] {
    var results: [T] = []
    for element in self { results.append(try await transform(element)) }
    return results
  }
}
