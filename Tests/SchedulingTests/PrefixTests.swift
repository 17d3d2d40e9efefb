// Prompts with a common beginning: what is computed, what is shared, and that no reply shows it.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

/// A request whose prompt has `shared` positions that depend on `family`, then `own` positions that depend on `salt`.
private func question(
  family: Int = 0, shared: Int, own: Int, salt: Int, reply: Int = 5, images: [Prompt.Image] = [], key: String = ""
) -> GenerationRequest {
  var made = request(prompt: shared, reply: reply, salt: family, temperature: 0.8, images: images)
  made.prompt.tokens += (0..<own).map { TokenID(($0 * 13 + salt * 5 + 3) % 62) }
  made.sampling.seed = UInt64(salt)
  made.salt = key
  return made
}

/// The reply of an engine that has run nothing else.
private func alone(_ request: GenerationRequest) async throws -> [TokenID] {
  let bench = Bench()
  let stream = try bench.core.submit(request)
  bench.finish()
  return await Reply(of: stream).ids
}

extension Ledger.State {
  /// Positions computed over all steps.
  fileprivate var rows: Int { steps.reduce(0) { $0 + $1.rows.reduce(0) { $0 + $1.count } } }
}

@Suite struct `Prefixes` {
  private let caching = EngineConfiguration(kvTokens: 10_000, prefixTokens: 10_000, imageCacheBytes: 1 << 20)

  @Test func `a prompt continues from the common beginning with an ended one`() async throws {
    let bench = Bench(caching)
    let first = question(shared: 100, own: 10, salt: 1)
    for (asked, cached) in [
      (first, 0), (first, 109), (question(shared: 100, own: 12, salt: 2), 100),
      (question(family: 1, shared: 100, own: 12, salt: 2), 0), (question(shared: 15, own: 30, salt: 4), 0),
    ] {
      let before = bench.ledger.snapshot.rows
      let stream = try bench.core.submit(asked)
      bench.finish()
      let reply = await Reply(of: stream)
      let expected = try await alone(asked)
      #expect(reply.ids == expected)
      #expect(reply.cachedTokens == cached)
      #expect(reply.progress.first == cached && reply.progress.last == asked.prompt.tokens.count)
      // The last token sampled is never computed.
      #expect(bench.ledger.snapshot.rows - before == asked.prompt.tokens.count - cached + 4)
    }
    #expect(bench.core.load.tally.prefixHits == 209)
    #expect(bench.core.load.tally.prefixMisses == 110 + 1 + 12 + 112 + 45)
  }

  @Test func `a chat continues from its last reply`() async throws {
    let bench = Bench(caching)
    var chat = question(shared: 40, own: 3, salt: 1, reply: 20)
    for turn in 0..<4 {
      let stream = try bench.core.submit(chat)
      bench.finish()
      let reply = await Reply(of: stream)
      #expect(reply.cachedTokens == (turn == 0 ? 0 : chat.prompt.tokens.count - 5 - 1))
      let expected = try await alone(chat)
      #expect(reply.ids == expected)
      chat.prompt.tokens += reply.ids + [1, 2, 3, 4, TokenID(turn + 10)]
    }
  }

  @Test func `simultaneous prompts compute their common beginning once, even if the first is cancelled`()
    async throws
  {
    for leaderLeaves in [false, true] {
      let bench = Bench(.init(kvTokens: 10_000, prefillChunk: 16, prefixTokens: leaderLeaves ? 10_000 : 0))
      var streams: [AsyncThrowingStream<GenerationEvent, any Error>?] = try (0..<5).map {
        try bench.core.submit(question(shared: 200, own: 4, salt: $0))
      }
      bench.rounds(5)
      #expect(bench.core.load.running == 1 && bench.core.load.waiting == 4)
      if leaderLeaves { streams[0] = nil }
      bench.finish()
      for (salt, stream) in streams.enumerated() {
        guard let stream else { continue }
        let expected = try await alone(question(shared: 200, own: 4, salt: salt))
        #expect(await Reply(of: stream).ids == expected)
      }
      // Five times four own positions and four tokens; the shared positions once.
      let rows = bench.ledger.snapshot.rows
      #expect(leaderLeaves ? rows == 200 + 4 * 8 : rows == 200 + 5 * 8)
      #expect(bench.ledger.snapshot.faults == [])
    }
  }

  @Test func `keys share nothing`() async throws {
    let bench = Bench(caching)
    for key in ["anna", "bert", "anna"] {
      let images = [image(5, count: 30, at: 20)]
      let stream = try bench.core.submit(question(shared: 100, own: 4, salt: 1, images: images, key: key))
      bench.finish()
      #expect(await Reply(of: stream).ids.count == 5)
    }
    #expect(bench.ledger.snapshot.encoded == 2)
    #expect(bench.core.load.tally.prefixHits == 103 && bench.core.load.tally.imageHits == 1)
    let together = try ["carl", "dora"].map {
      try bench.core.submit(question(shared: 100, own: 4, salt: 1, images: [image(5, count: 30, at: 20)], key: $0))
    }
    bench.finish()
    for stream in together { #expect(await Reply(of: stream).cachedTokens == 0) }
    #expect(bench.ledger.snapshot.encoded == 4)
  }

  @Test func `positions of images are equal only where the images are`() async throws {
    let bench = Bench(caching)
    func asked(_ value: UInt8, unknown: Bool = false) -> GenerationRequest {
      question(shared: 100, own: 4, salt: 1, images: [image(value, count: 30, at: 20, unknown: unknown)])
    }
    for (request, cached, encoded) in [
      (asked(1), 0, 1), (asked(2), 20, 2), (asked(1), 103, 2), (asked(3, unknown: true), 20, 3),
      (asked(3, unknown: true), 20, 4),
    ] {
      let stream = try bench.core.submit(request)
      bench.finish()
      let reply = await Reply(of: stream)
      let expected = try await alone(request)
      #expect(reply.ids == expected)
      #expect(reply.cachedTokens == cached && bench.ledger.snapshot.encoded == encoded)
    }
  }

  @Test func `an image in several simultaneous requests with different texts is encoded once`() async throws {
    for cache in [0, 1 << 20] {
      let bench = Bench(.init(kvTokens: 10_000, imageCacheBytes: cache))
      let streams = try (0..<5).map {
        let images = [image(7, count: 30, at: 20, views: 3), image(UInt8(20 + $0), count: 5, at: 60)]
        return try bench.core.submit(question(family: $0, shared: 100, own: 4, salt: $0, images: images))
      }
      bench.finish()
      for (salt, stream) in streams.enumerated() {
        let reply = await Reply(of: stream)
        #expect(reply.ids.count == 5)
        #expect(salt > 0 || reply.encoding == [[1, 3], [2, 3], [3, 3], [1, 1]])
      }
      #expect(bench.ledger.snapshot.encoded == 6 && bench.core.load.tally.imageHits == 4)
      let again = try bench.core.submit(
        question(family: 9, shared: 100, own: 4, salt: 1, images: [image(7, count: 30, at: 20, views: 3)]))
      bench.finish()
      #expect(await Reply(of: again).ids.count == 5)
      #expect(bench.ledger.snapshot.encoded == (cache == 0 ? 7 : 6))
      #expect(bench.core.load.tally.cachedImageBytes == (cache == 0 ? 0 : (30 + 5 * 5) * 4))
    }
  }

  @Test func `cached prefixes make way for running requests, the least recently used first`() async throws {
    let bench = Bench(.init(kvTokens: 400, prefixTokens: 350))
    func ask(_ family: Int, length: Int = 100) async throws -> Int {
      let stream = try bench.core.submit(question(family: family, shared: length, own: 0, salt: 1, reply: 1))
      bench.finish()
      let reply = await Reply(of: stream)
      #expect(reply.ids.count == 1)
      return reply.cachedTokens
    }
    for family in 0..<3 { #expect(try await ask(family) == 0) }
    #expect(bench.core.load.tally.cachedPositions == 300)
    #expect(try await ask(0) == 99)
    // The cache holds 350: the second is the least recently used.
    #expect(try await ask(3) == 0)
    #expect(try await ask(1) == 0)
    #expect(try await ask(0) == 99)
    // A request that needs the whole KV gets it; its own sequence is too large for the cache.
    #expect(try await ask(9, length: 399) == 0)
    #expect(bench.core.load.tally.cachedPositions == 0 && bench.ledger.snapshot.openCapacity == 0)
    #expect(bench.ledger.snapshot.largestHeld <= 400)
  }
}

@Suite struct `Random requests to an engine with caches` {
  @Test(arguments: 0..<40 as Range<UInt64>)
  func `every reply is the one of an idle engine, and the budget holds`(seed: UInt64) async throws {
    var random = SplitMix64(seed: seed)
    let kvTokens = Int.random(in: 200...600, using: &random)
    let configuration = EngineConfiguration(
      maxRunning: .random(in: 1...6, using: &random), shortSlots: .random(in: 0...2, using: &random), maxWaiting: 12,
      kvTokens: kvTokens, replyReservation: .random(in: 1...40, using: &random),
      prefillChunk: .random(in: 1...40, using: &random),
      prefixTokens: .random(in: 0...kvTokens, using: &random), imageCacheBytes: .random(in: 0...400, using: &random))
    let runner = FakeRunner(contextLength: 200, maxBatch: .random(in: 8...48, using: &random))
    let bench = Bench(configuration, runner: runner)
    var asked: [(request: GenerationRequest, stream: AsyncThrowingStream<GenerationEvent, any Error>)] = []
    for _ in 0..<200 {
      switch random.next() % 8 {
      case 0, 1, 2:
        let shared = Int.random(in: 1...90, using: &random)
        let seen = shared > 40 && random.next() % 2 == 0
        var request = question(
          family: Int(random.next() % 3), shared: shared, own: Int(random.next() % 30), salt: Int(random.next() % 4),
          reply: .random(in: 1...30, using: &random),
          images: seen ? [image(UInt8(random.next() % 2), count: 20, at: 15)] : [], key: "\(random.next() % 2)")
        request.isShort = random.next() % 2 == 0
        request.serviceClass = random.next() % 5 == 0 ? .batch : .interactive
        if let stream = try? bench.core.submit(request) { asked.append((request, stream)) }
      case 3 where asked.count > 3: asked.remove(at: .random(in: asked.indices, using: &random))
      default: bench.rounds(Int(random.next() % 9))
      }
      let load = bench.core.load
      #expect(load.kvTokens <= kvTokens && load.running <= 2 * configuration.maxRunning)
    }
    bench.finish()
    for (request, stream) in asked {
      let reply = await Reply(of: stream), expected = try await alone(request)
      #expect(reply.ids == expected && reply.ends == 1)
    }
    let (load, ledger) = (bench.core.load, bench.ledger.snapshot)
    #expect(load.running == 0 && load.waiting == 0 && load.kvTokens == 0)
    #expect(ledger.faults == [] && ledger.largestHeld <= kvTokens)
    #expect(ledger.openCapacity == load.tally.cachedPositions && ledger.openCapacity <= configuration.prefixTokens)
    #expect(configuration.prefixTokens < 100 || !ledger.forked.isEmpty, "no prefix was shared")
  }
}
