// How far a run is.

/// What a run has done and how long the rest may take.
package struct RunProgress: Sendable {
  /// All jobs.
  package private(set) var total = 0
  /// Answered, earlier runs included.
  package private(set) var done = 0
  /// Without an answer in this run.
  package private(set) var failed = 0
  /// What is counted among the answered, in a word for readers.
  package let rateName: String
  private var counted = 0
  /// Mean of the answered in this run and number of what is left, by kind of job.
  private var seconds: [String: (sum: Double, count: Int)] = [:]
  private var left: [String: Int] = [:]
  private let parallel: Int

  init(parallel: Int, rateName: String) { (self.parallel, self.rateName) = (parallel, rateName) }

  /// The part of the answered that is `rateName`; nil before the first.
  package var rate: Double? { done == 0 ? nil : Double(counted) / Double(done) }

  /// Seconds until the end when what is left takes as long as what was done of the same kind; nil before the first answer.
  package var remaining: Double? {
    let all = seconds.values.reduce((sum: 0.0, count: 0)) { ($0.sum + $1.sum, $0.count + $1.count) }
    guard all.count > 0 else { return nil }
    let whole = left.reduce(0.0) { sum, entry in
      let mean = seconds[entry.key].map { $0.sum / Double($0.count) } ?? all.sum / Double(all.count)
      return sum + mean * Double(entry.value)
    }
    return whole / Double(parallel)
  }

  mutating func expect(_ kind: String) {
    total += 1
    left[kind, default: 0] += 1
  }

  /// Counts a result: whether it is `rateName`, nil for a failure. `seconds` is nil for one of an earlier run, which says nothing about this one's speed.
  mutating func add(_ kind: String, _ outcome: Bool?, seconds: Double?) {
    left[kind, default: 1] -= 1
    guard let outcome else {
      failed += 1
      return
    }
    done += 1
    if outcome { counted += 1 }
    guard let seconds else { return }
    let entry = self.seconds[kind] ?? (0, 0)
    self.seconds[kind] = (entry.sum + seconds, entry.count + 1)
  }
}
