// The benchmark on R-Tiny: what it counts and the state it leaves, never its speed.
import Benchmarking
import Foundation
import GenerationTypes
import Inference
import ModelFiles
import Testing

private func tiny() throws -> RRunner {
  let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let checkpoint = try Checkpoint(directory: root.appending(path: "Models/r-tiny").path)
  return try RRunner(model: try RModel(checkpoint: checkpoint), threads: 2, maxBatch: 16)
}

@Suite struct `A benchmark of a model` {
  @Test func `measures images, then prompts and batches at each depth, in order and with the requested repetitions`()
    throws
  {
    var benchmark = ModelBenchmark(runner: try tiny())
    let plan = BenchmarkPlan(
      prefill: [20, 40], decode: [3], depths: [0, 33], sequences: [1, 4],
      images: [.noise(views: 1, side: 56, patchesPerSide: 4), .noise(views: 3, side: 56, patchesPerSide: 4)],
      repetitions: 3)
    var results: [WorkloadResult] = []
    try benchmark.run(plan) { results.append($0) }
    #expect(
      results.map(\.workload.name) == [
        "view × 1", "view × 3", "pp20", "pp40", "tg3", "tg3 × 4", "pp20 @ d33", "pp40 @ d33", "tg3 @ d33",
        "tg3 × 4 @ d33",
      ])
    #expect(results.map(\.workload.count) == [1, 3, 20, 40, 3, 12, 20, 40, 3, 12])
    for result in results {
      #expect(result.seconds.count == 3 && result.rates.allSatisfy { $0 > 0 && $0.isFinite })
      #expect(result.rates == result.rates.sorted() && result.rates[1] == result.median)
    }
  }

  @Test func `the median of an even number of rates is the mean of the middle two`() {
    let work = Workload.decode(tokens: 10, depth: 0, sequences: 2)
    #expect(WorkloadResult(workload: work, seconds: [4, 1, 2]).median == 10)
    #expect(WorkloadResult(workload: work, seconds: [4, 1, 2, 5]).median == 7.5)
  }

  @Test func `throws before any work when a workload exceeds the context`() throws {
    let runner = try tiny()
    var benchmark = ModelBenchmark(runner: runner)
    let plan = BenchmarkPlan(prefill: [100], depths: [0, runner.contextLength], repetitions: 1)
    #expect(throws: InferenceError.sequenceFull(needed: runner.contextLength + 100, capacity: runner.contextLength)) {
      try benchmark.run(plan) { _ in Issue.record("ran") }
    }
  }

  @Test func `a truncated sequence continues as one that was never longer`() throws {
    let runner = try tiny()
    let straight = try runner.makeSequence(capacity: 64), back = try runner.makeSequence(capacity: 64)
    func append(_ ids: [TokenID], to sequence: KVSequence) throws -> [Float] {
      var row: [Float] = []
      let entry = Batch.Entry(sequence: sequence, inputs: [.tokens(ids[...])], logitRows: 1)
      try runner.step(Batch(entries: [entry])) { row = Array($1) }
      return row
    }
    _ = try append([5, 6, 7], to: straight)
    _ = try append([5, 6, 7], to: back)
    _ = try append([8, 9, 10, 11], to: back)
    back.truncate(to: 3)
    #expect(back.count == 3)
    #expect(try append([12, 13], to: back) == append([12, 13], to: straight))
  }

  @Test func `measures a plausible read bandwidth`() throws {
    let rate = try #require(ReadBandwidth.measure(threads: 2, byteCount: 8 << 20, passes: 2))
    #expect(rate > 1e7 && rate < 1e13)
  }
}
