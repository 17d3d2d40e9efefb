// What is measured, and what came out. Rates are counted as llama.cpp's llama-bench and llama-batched-bench count them.
import GenerationTypes

/// One kind of work, measured several times.
package enum Workload: Hashable, Sendable {
  /// `tokens` more places of a prompt on one sequence that holds `depth`; the logits after the last are computed.
  case prefill(tokens: Int, depth: Int)
  /// `tokens` steps that append one token to each of `sequences`, all of which hold `depth`, with logits for each.
  case decode(tokens: Int, depth: Int, sequences: Int)
  /// One image of `count` views through the vision tower and the projector.
  case views(count: Int)

  /// A short name: `pp512 @ d4096`, `tg64 × 8`, `view × 5`.
  package var name: String {
    func at(_ depth: Int) -> String { depth > 0 ? " @ d\(depth)" : "" }
    switch self {
    case .prefill(let tokens, let depth): return "pp\(tokens)\(at(depth))"
    case .decode(let tokens, let depth, let sequences):
      return "tg\(tokens)\(sequences > 1 ? " × \(sequences)" : "")\(at(depth))"
    case .views(let count): return "view × \(count)"
    }
  }

  /// Sequences that take part.
  package var sequences: Int {
    switch self {
    case .prefill: 1
    case .decode(_, _, let sequences): sequences
    case .views: 0
    }
  }

  /// What a rate counts: places of all sequences, or views.
  package var count: Int {
    switch self {
    case .prefill(let tokens, _): tokens
    case .decode(let tokens, _, let sequences): tokens * sequences
    case .views(let count): count
    }
  }
}

/// The seconds that repetitions of a workload took.
package struct WorkloadResult: Sendable {
  package let workload: Workload
  /// In the order they were taken; at least one.
  package let seconds: [Double]

  package init(workload: Workload, seconds: [Double]) { (self.workload, self.seconds) = (workload, seconds) }

  /// Tokens, or views, per second of each repetition, slowest first.
  package var rates: [Double] { seconds.map { Double(workload.count) / max($0, 1e-9) }.sorted() }
  /// The middle rate, or the mean of the two in the middle.
  package var median: Double {
    let rates = rates
    return (rates[(rates.count - 1) / 2] + rates[rates.count / 2]) / 2
  }
}

/// Which workloads to run.
package struct BenchmarkPlan: Sendable {
  /// Prompt sizes, numbers of decoded tokens, places held before, sequences decoding together.
  package var prefill: [Int], decode: [Int], depths: [Int], sequences: [Int]
  package var images: [PreparedImage]
  package var repetitions: Int

  package init(
    prefill: [Int] = [], decode: [Int] = [], depths: [Int] = [0], sequences: [Int] = [1],
    images: [PreparedImage] = [], repetitions: Int
  ) {
    (self.prefill, self.decode, self.depths) = (prefill, decode, depths)
    (self.sequences, self.images, self.repetitions) = (sequences, images, repetitions)
  }

  /// The workloads on sequences that hold `depth`, in the order they are run.
  package func workloads(depth: Int) -> [Workload] {
    prefill.map { .prefill(tokens: $0, depth: depth) }
      + decode.flatMap { tokens in sequences.map { .decode(tokens: tokens, depth: depth, sequences: $0) } }
  }

  /// Positions that a sequence needs at most.
  package var longest: Int { (depths.max() ?? 0) + max(prefill.max() ?? 0, decode.max() ?? 0) }
}
