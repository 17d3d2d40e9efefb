// Estimates how much auto-thinking saved compared with always thinking, from a random sample of requests that were
// answered again with thinking. The estimate is N·d̄ for N non-thinking requests and pair differences d, with the
// finite population correction (Cochran, Sampling Techniques, 3rd ed., 2.6). The interval is Hall's, which accounts
// for skewness (J. R. Stat. Soc. B 54, 1992), with Student's t. docs/savings.md states its coverage.

import Foundation

/// The sums of the differences of pairs, thinking minus non-thinking, in tokens or seconds.
package struct PairSums: Sendable, Equatable {
  package var count = 0
  package var sum = 0.0, squares = 0.0, cubes = 0.0

  package init(count: Int = 0, sum: Double = 0, squares: Double = 0, cubes: Double = 0) {
    self.count = count
    self.sum = sum
    self.squares = squares
    self.cubes = cubes
  }

  /// Adds one pair.
  package mutating func add(_ difference: Double) {
    count += 1
    sum += difference
    squares += difference * difference
    cubes += difference * difference * difference
  }
}

/// The auto requests in a span of time.
package struct AutoPopulation: Sendable, Equatable {
  /// The number of replies with thinking and without.
  package var thinking = 0, nonThinking = 0
  /// The cost of all requests in tokens or seconds.
  package var spent = 0.0

  package init(thinking: Int = 0, nonThinking: Int = 0, spent: Double = 0) {
    self.thinking = thinking
    self.nonThinking = nonThinking
    self.spent = spent
  }
}

/// The savings of all auto requests compared with always thinking, with an interval.
package struct SavingsEstimate: Sendable, Equatable {
  /// The savings over all requests, and their bounds.
  package var saved, low, high: Double
  /// The share of the cost of always thinking, and its bounds.
  package var share, shareLow, shareHigh: Double
  /// The mean savings per auto request.
  package var perRequest: Double
  /// The number of pairs.
  package var pairs: Int

  /// The reason why there is no estimate.
  package enum MissingData: Error, Sendable, Equatable {
    /// There was no auto request in the span.
    case noRequests
    /// Too few of the requests were answered again.
    case fewPairs(Int, needed: Int)
  }

  /// The minimum number of pairs. With fewer, no interval covers skewed lengths at its stated rate.
  package static let fewestPairs = 30

  /// Creates an estimate. Throws if there is no data for one.
  ///
  /// - Parameters:
  ///   - pairs: The pairs of requests that did not think.
  ///   - decision: The cost of deciding to think, which a reply in mode long does not have.
  ///   - confidence: The confidence level of the interval, between 0 and 1.
  package init(
    _ pairs: PairSums, _ population: AutoPopulation, decision: Double = 0, confidence: Double = 0.95
  ) throws(MissingData) {
    let all = population.thinking + population.nonThinking
    guard all > 0 else { throw .noRequests }
    let nonThinking = population.nonThinking
    let known = 0 - decision * Double(population.thinking)
    saved = known
    low = known
    high = known
    if nonThinking > 0 {
      guard pairs.count == nonThinking || pairs.count >= Self.fewestPairs && pairs.count < nonThinking else {
        throw .fewPairs(pairs.count, needed: Self.fewestPairs)
      }
      let mean = Self.mean(of: pairs, among: nonThinking, confidence: confidence)
      saved += Double(nonThinking) * mean.estimate
      low += Double(nonThinking) * mean.low
      high += Double(nonThinking) * mean.high
    }
    let spent = population.spent
    func part(_ saved: Double) -> Double { saved + spent > 0 ? saved / (saved + spent) : 0 }
    share = part(saved)
    shareLow = part(low)
    shareHigh = part(high)
    (perRequest, self.pairs) = (saved / Double(all), pairs.count)
  }

  /// Returns the mean of a population of `size`, from which the pairs were drawn without replacement.
  private static func mean(
    of pairs: PairSums, among size: Int, confidence: Double
  ) -> (estimate: Double, low: Double, high: Double) {
    let count = Double(pairs.count)
    let mean = pairs.sum / count
    let spread = max(0, pairs.squares / count - mean * mean)
    guard pairs.count > 1, pairs.count < size, spread > 0 else { return (mean, mean, mean) }
    let third = pairs.cubes / count - 3 * mean * pairs.squares / count + 2 * mean * mean * mean
    let skewness = third / (spread * spread.squareRoot())
    let error = (spread / (count - 1) * (1 - count / Double(size))).squareRoot()
    let quantile = StudentDistribution(degrees: count - 1).quantile((1 + confidence) / 2)
    return (
      mean, mean - error * hall(quantile, skewness, count), mean - error * hall(-quantile, skewness, count)
    )
  }

  /// Returns the inverse of Hall's transformation of a studentised mean of `count` values.
  private static func hall(_ quantile: Double, _ skewness: Double, _ count: Double) -> Double {
    let root = count.squareRoot()
    guard abs(skewness) > 1e-6 else { return quantile }
    let cube = 1 + skewness / root * (quantile - skewness / (6 * root))
    return 3 * root / skewness * (Self.cubeRoot(cube) - 1)
  }

  private static func cubeRoot(_ value: Double) -> Double {
    value < 0 ? -cubeRoot(-value) : Foundation.pow(value, 1.0 / 3)
  }
}
