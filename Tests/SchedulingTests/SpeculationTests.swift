// Verifying drafts in an engine: several rows of a reply in a step, with right and wrong drafts. No reply shows it.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Verified drafts` {
  private func replies(
    _ requests: [GenerationRequest], runner: FakeRunner, drafts: DraftSource? = nil, kvTokens: Int = 10_000
  ) async throws -> [Reply] {
    let bench = Bench(
      .init(maxRunning: 4, kvTokens: kvTokens, replyReservation: 16, prefixTokens: kvTokens / 2), runner: runner,
      drafts: drafts)
    let streams = try requests.map { try bench.core.submit($0) }
    bench.finish()
    #expect(bench.core.load.kvTokens == 0 && bench.ledger.snapshot.faults == [])
    #expect(bench.ledger.snapshot.largestHeld <= kvTokens)
    return await streams.mapInOrder { await Reply(of: $0) }
  }

  @Test(arguments: [0, 0.9], [10_000, 200])
  func `change no reply, greedy or sampled, with much KV or little`(temperature: Float, kvTokens: Int) async throws {
    let requests = (0..<6).map {
      request(prompt: 12 + $0, reply: 60, salt: $0, temperature: temperature, stop: $0 % 2 == 0 ? [3] : [])
    }
    let plain = FakeRunner(), drafting = FakeRunner()
    let expected = try await replies(requests, runner: plain, kvTokens: kvTokens)
    // Drafts of up to four tokens that follow in the known replies, and sometimes wrong ones.
    var random = SplitMix64(seed: 5)
    var known: [RequestID: [TokenID]] = [:]
    let actual = try await replies(
      requests, runner: drafting,
      drafts: { id, sampled in
        known[id, default: []] += sampled
        let reply = expected[Int(id) - 1].ids, done = known[id]?.count ?? 0
        #expect(known[id] == Array(reply.prefix(done)), "only accepted tokens are reported")
        let right = reply.dropFirst(done).prefix(Int(random.next() % 5))
        return right + (random.next() % 3 == 0 ? [1, 2] : [])
      }, kvTokens: kvTokens)
    for (reply, other) in zip(actual, expected) {
      #expect(reply.tokens == other.tokens && reply.finish == other.finish && reply.ends == 1)
    }
    #expect(
      drafting.ledger.steps * 3 < plain.ledger.steps * 2, "\(drafting.ledger.steps) of \(plain.ledger.steps) steps")
  }

  @Test func `a right draft of three tokens gives four in a step, and a wrong one gives one`() async throws {
    let asked = request(prompt: 10, reply: 9)
    let expected = try await replies([asked], runner: FakeRunner())[0].ids
    for (isRight, rows) in [(true, [10, 4, 4]), (false, [10, 4, 4, 4, 4, 4, 3, 2, 1])] {
      let runner = FakeRunner()
      var done = 0
      _ = try await replies(
        [asked], runner: runner,
        drafts: { _, sampled in
          done += sampled.count
          let next = expected.dropFirst(done).prefix(3)
          return isRight ? Array(next) : [(next.first ?? 0) ^ 1, 1, 1]
        })
      #expect(runner.ledger.snapshot.steps.map { $0.rows[0].count } == rows)
    }
  }
}
