// The progress of a run.

/// The finished part of a run and the estimated remaining time.
package struct RunProgress: Sendable {
  /// The number of all jobs.
  package private(set) var total = 0
  /// The number of answered jobs, including earlier runs.
  package private(set) var done = 0
  /// The number of jobs without an answer in this run.
  package private(set) var failed = 0
  /// The name of the rate, in a word for readers.
  package let rateName: String
  private var counted = 0
  /// The total time and number of the jobs answered in this run, by kind; below, the remaining jobs.
  private var seconds: [String: (sum: Double, count: Int)] = [:]
  private var left: [String: Int] = [:]
  private let parallel: Int

  init(parallel: Int, rateName: String) { (self.parallel, self.rateName) = (parallel, rateName) }

  /// The share of answered jobs that count towards `rateName`; nil before the first answer.
  package var rate: Double? { done == 0 ? nil : Double(counted) / Double(done) }

  /// The estimated seconds to the end, from the mean time of answered jobs of the same kind; nil before the first
  /// answer.
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

  /// Adds a result. `outcome` is whether it counts towards `rateName`, nil for a failure. `seconds` is nil for a
  /// result of an earlier run.
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
