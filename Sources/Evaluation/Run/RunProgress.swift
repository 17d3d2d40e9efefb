// How far a run is.

/// What a run has done and how long the rest may take.
package struct RunProgress: Sendable {
  /// Questions times ways of asking.
  package private(set) var total = 0
  /// Answered, earlier runs included.
  package private(set) var done = 0
  /// Without an answer in this run.
  package private(set) var failed = 0
  /// Of those done, how many are right.
  package private(set) var correct = 0
  /// Mean of the answered in this run and number of what is left, by way of asking.
  private var seconds: [Arm: (sum: Double, count: Int)] = [:]
  private var left: [Arm: Int] = [:]
  private let parallel: Int

  init(parallel: Int) { self.parallel = parallel }

  /// The part of the answered that is right; nil before the first.
  package var accuracy: Double? { done == 0 ? nil : Double(correct) / Double(done) }

  /// Seconds until the end when what is left takes as long as what was done in the same way of asking; nil before the first answer.
  package var remaining: Double? {
    let all = seconds.values.reduce((sum: 0.0, count: 0)) { ($0.sum + $1.sum, $0.count + $1.count) }
    guard all.count > 0 else { return nil }
    let whole = left.reduce(0.0) { sum, entry in
      let mean = seconds[entry.key].map { $0.sum / Double($0.count) } ?? all.sum / Double(all.count)
      return sum + mean * Double(entry.value)
    }
    return whole / Double(parallel)
  }

  mutating func expect(_ arm: Arm) {
    total += 1
    left[arm, default: 0] += 1
  }

  /// Counts a result; one of an earlier run says nothing about this one's speed.
  mutating func add(_ result: EvaluationResult, isEarlier: Bool) {
    left[result.arm, default: 1] -= 1
    if result.failure != nil {
      failed += 1
      return
    }
    done += 1
    if result.isCorrect { correct += 1 }
    guard !isEarlier else { return }
    let entry = seconds[result.arm] ?? (0, 0)
    seconds[result.arm] = (entry.sum + result.seconds, entry.count + 1)
  }
}
