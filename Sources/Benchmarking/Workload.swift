// Workloads and their results. Rates count the same units as llama.cpp's llama-bench and llama-batched-bench.
import GenerationTypes

/// One kind of work, measured several times.
package enum Workload: Hashable, Sendable {
  /// Appends `tokens` positions of a prompt to one sequence that holds `depth`, and computes the last logits.
  case prefill(tokens: Int, depth: Int)
  /// Runs `tokens` steps that append one token to each of `sequences` sequences at `depth`, with logits for each.
  case decode(tokens: Int, depth: Int, sequences: Int)
  /// Encodes one image of `count` views through vision tower and projector.
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

  /// The number of sequences.
  package var sequences: Int {
    switch self {
    case .prefill: 1
    case .decode(_, _, let sequences): sequences
    case .views: 0
    }
  }

  /// The units that a rate counts: positions of all sequences, or views.
  package var count: Int {
    switch self {
    case .prefill(let tokens, _): tokens
    case .decode(let tokens, _, let sequences): tokens * sequences
    case .views(let count): count
    }
  }
}

/// The seconds of each repetition of a workload.
package struct WorkloadResult: Sendable {
  package let workload: Workload
  /// In the order of measurement; at least one.
  package let seconds: [Double]

  package init(workload: Workload, seconds: [Double]) {
    self.workload = workload
    self.seconds = seconds
  }

  /// Tokens or views per second of each repetition, slowest first.
  package var rates: [Double] { seconds.map { Double(workload.count) / max($0, 1e-9) }.sorted() }
  /// The median rate; the mean of the two middle rates if their number is even.
  package var median: Double {
    let rates = rates
    return (rates[(rates.count - 1) / 2] + rates[rates.count / 2]) / 2
  }
}

/// The workloads of one benchmark.
package struct BenchmarkPlan: Sendable {
  /// Prompt sizes, numbers of decoded tokens, positions before them, and numbers of sequences decoded together.
  package var prefill: [Int], decode: [Int], depths: [Int], sequences: [Int]
  package var images: [PreparedImage]
  package var repetitions: Int

  package init(
    prefill: [Int] = [], decode: [Int] = [], depths: [Int] = [0], sequences: [Int] = [1],
    images: [PreparedImage] = [], repetitions: Int
  ) {
    self.prefill = prefill
    self.decode = decode
    self.depths = depths
    self.sequences = sequences
    self.images = images
    self.repetitions = repetitions
  }

  /// The workloads on sequences at `depth`, in order.
  package func workloads(depth: Int) -> [Workload] {
    prefill.map { .prefill(tokens: $0, depth: depth) }
      + decode.flatMap { tokens in sequences.map { .decode(tokens: tokens, depth: depth, sequences: $0) } }
  }

  /// The largest number of positions that a sequence needs.
  package var longest: Int { (depths.max() ?? 0) + max(prefill.max() ?? 0, decode.max() ?? 0) }
}
