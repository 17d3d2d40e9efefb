// An estimate with its confidence interval.

/// An estimate between two bounds.
package struct Interval: Sendable, Equatable {
  /// The measured value.
  package var estimate: Double
  /// The lower bound, at most `high`.
  package var low: Double
  /// The upper bound.
  package var high: Double

  package init(estimate: Double, low: Double, high: Double) {
    self.estimate = estimate
    self.low = low
    self.high = high
  }

  /// Whether a value is in the interval, including the bounds.
  package func contains(_ value: Double) -> Bool { low <= value && value <= high }
}

extension Interval {
  /// Returns Wilson's score interval of a proportion (Wilson 1927): `successes` of `trials`; nil without trials.
  /// Unlike the normal interval it stays within 0…1 and is not empty at the ends.
  package static func wilson(successes: Int, trials: Int, confidence: Double = 0.95) -> Interval? {
    guard trials > 0, (0...trials).contains(successes), confidence > 0, confidence < 1 else { return nil }
    let n = Double(trials), p = Double(successes) / n
    let z = NormalDistribution.quantile((1 + confidence) / 2)
    let centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    let half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)).squareRoot()
    // At the ends one bound is exactly the proportion, which rounding would miss.
    return Interval(
      estimate: p, low: successes == 0 ? 0 : max(0, centre - half),
      high: successes == trials ? 1 : min(1, centre + half))
  }

  /// Returns Student's interval of a mean: mean ± t · s / √n; nil for fewer than two values.
  package static func student(_ values: [Double], confidence: Double = 0.95) -> Interval? {
    guard confidence > 0, confidence < 1, let mean = Sample.mean(values), let deviation = Sample.deviation(values)
    else {
      return nil
    }
    let t = StudentDistribution(degrees: Double(values.count - 1)).quantile((1 + confidence) / 2)
    let half = t * deviation / Double(values.count).squareRoot()
    return Interval(estimate: mean, low: mean - half, high: mean + half)
  }
}
