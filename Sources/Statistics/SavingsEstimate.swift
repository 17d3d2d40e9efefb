// How much auto-thinking saved against always thinking, from a sample of requests that were answered again.
//
// Of N auto requests that did not think, n were drawn at random and answered again with a thought; d is what each pair differs by.
// The total is N·d̄, with the finite population correction 1 − n/N (Cochran, Sampling Techniques, 3rd ed., 2.6). As thoughts' lengths
// are skewed, the interval is Hall's, which takes the sample's skewness into account (P. Hall, On the removal of skewness by
// transformation, J. R. Stat. Soc. B 54, 1992), with Student's t for the normal quantile. Requests that thought would have thought
// anyway: they saved nothing and spent the tokens by which they decided. docs/savings.md tells how often it covers the truth.

import Foundation

/// Differences of answered pairs: thinking minus not thinking, in tokens or seconds.
package struct PairSums: Sendable, Equatable {
  package var count = 0
  package var sum = 0.0, squares = 0.0, cubes = 0.0

  package init(count: Int = 0, sum: Double = 0, squares: Double = 0, cubes: Double = 0) {
    (self.count, self.sum, self.squares, self.cubes) = (count, sum, squares, cubes)
  }

  /// Takes in one pair.
  package mutating func add(_ difference: Double) {
    count += 1
    sum += difference
    squares += difference * difference
    cubes += difference * difference * difference
  }
}

/// Auto requests in a span of time.
package struct AutoPopulation: Sendable, Equatable {
  /// Replies that thought, and that did not.
  package var thinking = 0, direct = 0
  /// What all of them took, in tokens or seconds.
  package var spent = 0.0

  package init(thinking: Int = 0, direct: Int = 0, spent: Double = 0) {
    (self.thinking, self.direct, self.spent) = (thinking, direct, spent)
  }
}

/// What all auto requests saved against always thinking, with an interval.
package struct SavingsEstimate: Sendable, Equatable {
  /// Over all requests.
  package var saved, low, high: Double
  /// Of what always thinking would have taken.
  package var share, shareLow, shareHigh: Double
  /// Of one auto request, in the mean.
  package var perRequest: Double
  /// Pairs it rests on.
  package var pairs: Int

  /// Why there is no estimate.
  package enum Lack: Error, Sendable, Equatable {
    /// No auto request in the span.
    case noRequests
    /// Too few of them were answered again.
    case fewPairs(Int, needed: Int)
  }

  /// Pairs that an interval rests on at least; with fewer, no interval covers skewed lengths at its stated rate.
  package static let fewestPairs = 30

  /// - Parameters:
  ///   - pairs: of requests that did not think.
  ///   - decision: what a reply that thinks spends on deciding so, which one that was told to think does not.
  ///   - confidence: of the interval, between 0 and 1.
  package init(
    _ pairs: PairSums, _ population: AutoPopulation, decision: Double = 0, confidence: Double = 0.95
  ) throws(Lack) {
    let all = population.thinking + population.direct
    guard all > 0 else { throw .noRequests }
    let direct = population.direct
    let known = 0 - decision * Double(population.thinking)
    (saved, low, high) = (known, known, known)
    if direct > 0 {
      guard pairs.count == direct || pairs.count >= Self.fewestPairs && pairs.count < direct else {
        throw .fewPairs(pairs.count, needed: Self.fewestPairs)
      }
      let mean = Self.mean(of: pairs, among: direct, confidence: confidence)
      saved += Double(direct) * mean.estimate
      low += Double(direct) * mean.low
      high += Double(direct) * mean.high
    }
    let spent = population.spent
    func part(_ saved: Double) -> Double { saved + spent > 0 ? saved / (saved + spent) : 0 }
    (share, shareLow, shareHigh) = (part(saved), part(low), part(high))
    (perRequest, self.pairs) = (saved / Double(all), pairs.count)
  }

  /// The mean of a population of `size`, of which the pairs were drawn without replacement.
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

  /// The inverse of Hall's transformation of a studentised mean of `count` values.
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
