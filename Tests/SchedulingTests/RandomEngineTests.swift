// Random requests, cancellations and failures: every request ends once and every reservation is given back.
import Basics
import GenerationTypes
import Inference
import Scheduling
import Testing

@Suite struct `Random requests to an engine` {
  @Test(arguments: 0..<30 as Range<UInt64>)
  func `every request ends once, and all memory is given back`(seed: UInt64) async throws {
    var random = SplitMix64(seed: seed)
    let configuration = EngineConfiguration(
      maxRunning: .random(in: 1...6, using: &random), maxWaiting: .random(in: 1...10, using: &random),
      kvTokens: .random(in: 120...400, using: &random), prefillChunk: .random(in: 1...40, using: &random))
    let runner = FakeRunner(contextLength: 200, maxBatch: .random(in: 1...48, using: &random))
    // Sometimes the machine has less than the budget.
    if seed % 3 == 0 { runner.memory = 100 }
    let bench = Bench(configuration, runner: runner)
    var failures = SplitMix64(seed: seed &+ 99)
    runner.beforeStep = { _ in if failures.next() % 50 == 0 { throw Scripted(description: "step") } }

    var streams: [(limit: Int, stream: AsyncThrowingStream<GenerationEvent, any Error>)] = []
    var refused = 0
    for _ in 0..<250 {
      switch random.next() % 8 {
      case 0, 1:
        let (prompt, limit) = (Int.random(in: 1...120, using: &random), Int.random(in: 1...60, using: &random))
        let images = prompt > 40 && random.next() % 2 == 0 ? [image(3, count: 20, at: prompt - 21)] : []
        let stop: Set<TokenID> = random.next() % 2 == 0 ? [1, 2, 3] : []
        do {
          let request = request(
            prompt: prompt, reply: limit, salt: Int(random.next() % 1000), stop: stop, images: images)
          streams.append((limit, try bench.core.submit(request)))
        } catch {
          refused += 1
        }
      case 2 where !streams.isEmpty: streams.remove(at: .random(in: streams.indices, using: &random))
      default:
        let rounds = Int(random.next() % 12)
        bench.rounds(rounds)
        // When memory runs out, admitted requests return to the queue.
        if rounds > 0, runner.memory == .max { #expect(bench.core.load.waiting <= configuration.maxWaiting) }
      }
      let load = bench.core.load
      #expect(load.kvTokens <= configuration.kvTokens && load.running <= configuration.maxRunning)
      #expect(load.running + load.waiting <= configuration.maxRunning + configuration.maxWaiting)
    }
    bench.finish()
    for (limit, stream) in streams {
      let reply = await Reply(of: stream)
      #expect(reply.ends == 1)
      #expect(reply.tokens.count <= limit)
      #expect(reply.finish != .length || reply.tokens.count == limit)
      #expect(reply.finish != .stop || [1, 2, 3].contains(reply.ids.last))
      #expect((reply.finish == nil) == (reply.error != nil))
    }
    #expect(bench.loop.round() == false)
    let (load, ledger) = (bench.core.load, bench.ledger.snapshot)
    #expect(load.running == 0 && load.waiting == 0 && load.kvTokens == 0)
    #expect(ledger.openCapacity == 0 && ledger.faults == [])
    #expect(ledger.largestOpenCapacity <= configuration.kvTokens)
    #expect(ledger.made >= 3 && ledger.steps.count > 30, "hardly anything ran")
  }
}
