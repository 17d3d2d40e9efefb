// Efron's bootstrap: a statistic is computed on samples drawn with replacement, and the spread of the results is its
// uncertainty. Rows are drawn as a whole, so that paired values of a question stay together. The bounds are
// bias-corrected and accelerated (Efron 1987): percentiles shifted by the rank of the estimate among the resamples
// and by the skewness of the jackknife.
import Basics
import Foundation

/// Bootstrap intervals that are determined by a seed.
package struct Bootstrap: Sendable {
  /// The number of samples to draw.
  package var resamples = 2000
  /// The confidence level, above 0 and below 1.
  package var confidence = 0.95
  /// The seed of the draws.
  package var seed: UInt64 = 0

  package init(resamples: Int = 2000, confidence: Double = 0.95, seed: UInt64 = 0) {
    precondition(resamples > 0 && confidence > 0 && confidence < 1)
    self.resamples = resamples
    self.confidence = confidence
    self.seed = seed
  }

  /// Returns the interval of the mean; nil for an empty sample.
  package func mean(_ values: [Double]) -> Interval? {
    interval(columns: [values]) { sums, count in sums[0] / Double(count) }
  }

  /// Returns the interval of Σ numerators ∕ Σ denominators over pairs of one question each; nil without pairs or if
  /// the denominators sum to 0. Resamples with this sum are skipped.
  package func ratio(_ numerators: [Double], _ denominators: [Double]) -> Interval? {
    interval(columns: [numerators, denominators]) { sums, _ in sums[1] == 0 ? nil : sums[0] / sums[1] }
  }

  /// Returns the interval of mean(first) − mean(second) over pairs of one question each; nil without pairs.
  package func difference(_ first: [Double], _ second: [Double]) -> Interval? {
    precondition(first.count == second.count)
    return mean(zip(first, second).map { $0 - $1 })
  }

  /// Returns the interval of a statistic of column sums. Rows are drawn as a whole; all columns have the same length.
  private func interval(columns: [[Double]], _ statistic: ([Double], Int) -> Double?) -> Interval? {
    let count = columns[0].count
    precondition(columns.allSatisfy { $0.count == count })
    let totals = columns.map { $0.reduce(0, +) }
    guard count > 0, let estimate = statistic(totals, count) else { return nil }
    var generator = SplitMix64(seed: seed)
    var drawn: [Double] = []
    drawn.reserveCapacity(resamples)
    var sums = totals
    for _ in 0..<resamples {
      for column in sums.indices { sums[column] = 0 }
      for _ in 0..<count {
        let row = generator.index(below: count)
        for column in sums.indices { sums[column] += columns[column][row] }
      }
      if let value = statistic(sums, count) { drawn.append(value) }
    }
    drawn.sort()
    guard !drawn.isEmpty else { return nil }
    var ends = ((1 - confidence) / 2, (1 + confidence) / 2)
    if count > 1 {
      let jackknife = (0..<count).compactMap { row in
        statistic(totals.indices.map { totals[$0] - columns[$0][row] }, count - 1)
      }
      ends = Self.accelerated(ends, drawn, estimate, jackknife)
    }
    guard let low = Sample.percentile(sorted: drawn, ends.0), let high = Sample.percentile(sorted: drawn, ends.1) else {
      return nil
    }
    return Interval(estimate: estimate, low: low, high: high)
  }

  /// Returns the quantiles of the bounds among the resamples: Φ(z₀ + (z₀ + z) ∕ (1 − a (z₀ + z))) (Efron 1987). Plain
  /// percentiles are used if all resamples are on one side of the estimate, or if the jackknife does not vary.
  private static func accelerated(
    _ ends: (Double, Double), _ drawn: [Double], _ estimate: Double, _ jackknife: [Double]
  ) -> (Double, Double) {
    guard let centre = Sample.mean(jackknife) else { return ends }
    // Equal values count half, because statistics with few discrete outcomes often equal the estimate.
    let below = Double(drawn.count { $0 < estimate }) + Double(drawn.count { $0 == estimate }) / 2
    let bias = NormalDistribution.quantile(below / Double(drawn.count))
    let cubes = jackknife.reduce(0) { $0 + pow(centre - $1, 3) }
    let squares = jackknife.reduce(0) { $0 + pow(centre - $1, 2) }
    guard bias.isFinite, squares > 0 else { return ends }
    let acceleration = cubes / (6 * pow(squares, 1.5))
    func moved(_ p: Double) -> Double {
      let z = bias + NormalDistribution.quantile(p)
      return NormalDistribution.probability(bias + z / (1 - acceleration * z))
    }
    return (moved(ends.0), moved(ends.1))
  }
}
