// Times the runner through the interface that the scheduler uses, without server, tokenizer and sampling.
import Basics
import GenerationTypes
import Inference

/// Runs workloads on one runner. Fills sequences to a depth once and truncates them after each repetition.
package struct ModelBenchmark {
  private let runner: RRunner
  private var random = NumberSource()

  package init(runner: RRunner) { self.runner = runner }

  /// Runs the whole plan, images first, then depth by depth; calls `report` after each workload.
  package mutating func run(_ plan: BenchmarkPlan, report: (WorkloadResult) -> Void) throws {
    guard plan.longest <= runner.contextLength else {
      throw InferenceError.sequenceFull(needed: plan.longest, capacity: runner.contextLength)
    }
    for image in plan.images {
      let times = try repeated(plan.repetitions) { _ in try seconds { _ = try runner.encode(image) } }
      report(WorkloadResult(workload: .views(count: image.viewCount), seconds: times))
    }
    for depth in plan.depths {
      var sequences: [KVSequence] = []
      for workload in plan.workloads(depth: depth) {
        while sequences.count < workload.sequences {
          let sequence = try runner.makeSequence(capacity: max(1, plan.longest))
          try prefill(sequence, random.tokens(depth, below: runner.vocabularySize))
          sequences.append(sequence)
        }
        let chosen = Array(sequences.prefix(workload.sequences))
        let times = try repeated(plan.repetitions) { isWarmup in
          defer { for sequence in chosen { sequence.truncate(to: depth) } }
          return try time(workload, chosen, isWarmup: isWarmup)
        }
        report(WorkloadResult(workload: workload, seconds: times))
      }
    }
  }

  /// The seconds of each repetition, after one that is not counted: it touches the pages and raises the clock.
  private func repeated(_ count: Int, _ body: (_ isWarmup: Bool) throws -> Double) rethrows -> [Double] {
    _ = try body(true)
    return try (0..<max(1, count)).map { _ in try body(false) }
  }

  /// Returns the seconds of one repetition. The warm-up runs a whole prompt, but decodes only one token.
  private mutating func time(_ workload: Workload, _ sequences: [KVSequence], isWarmup: Bool) throws -> Double {
    let size = runner.vocabularySize
    if case .decode(let tokens, _, _) = workload {
      let steps = isWarmup ? 1 : tokens
      let ids = random.tokens(steps * sequences.count, below: size)
      return try seconds { for step in 0..<steps { try decode(sequences, ids, step) } }
    }
    let prompt = random.tokens(workload.count, below: size)
    return try seconds { for sequence in sequences { try prefill(sequence, prompt) } }
  }

  /// Appends one token to each sequence.
  private func decode(_ sequences: [KVSequence], _ ids: [TokenID], _ step: Int) throws {
    let first = step * sequences.count
    let entries = sequences.enumerated().map { index, sequence in
      Batch.Entry(sequence: sequence, inputs: [.tokens(ids[first + index...first + index])], logitRows: 1)
    }
    try runner.step(Batch(entries: entries)) { _, _ in }
  }

  /// Appends a prompt in steps of the largest size. Computes logits only after the last position.
  private func prefill(_ sequence: KVSequence, _ tokens: [TokenID]) throws {
    for start in stride(from: 0, to: tokens.count, by: runner.maxBatch) {
      let end = min(tokens.count, start + runner.maxBatch)
      let entry = Batch.Entry(
        sequence: sequence, inputs: [.tokens(tokens[start..<end])], logitRows: end == tokens.count ? 1 : 0)
      try runner.step(Batch(entries: [entry])) { _, _ in }
    }
  }
}

/// Returns the seconds that `body` takes.
private func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start).seconds
}
