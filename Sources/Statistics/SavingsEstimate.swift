// How much auto-thinking saved against always thinking, from a sample of requests that were answered again.
//
// Of N auto requests that did not think, n were drawn at random and answered again with a thought; d is what each pair differs by.
// The total is estimated as N·d̄ with the variance N²·s²/n·(1 − n/N) of sampling without replacement and Student's t with n − 1
// degrees of freedom (Cochran, Sampling Techniques, 3rd ed., 2.5–2.7). Requests that thought would have thought anyway: what they
// saved is known exactly, minus the tokens by which they decided. docs/savings.md says what this assumes and how it was checked.

/// Differences of answered pairs: thinking minus not thinking, in tokens or seconds.
package struct PairSums: Sendable, Equatable {
  package var count = 0
  package var sum = 0.0, squares = 0.0

  package init(count: Int = 0, sum: Double = 0, squares: Double = 0) {
    (self.count, self.sum, self.squares) = (count, sum, squares)
  }

  /// Takes in one pair.
  package mutating func add(_ difference: Double) {
    count += 1
    sum += difference
    squares += difference * difference
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

  /// Pairs that an interval rests on at least: with fewer, t-intervals of counts as skewed as thoughts' lengths cover too seldom.
  package static let fewestPairs = 12

  /// - Parameters:
  ///   - pairs: of requests that did not think.
  ///   - decision: what a reply that thinks spends on deciding so, which one that was told to think does not.
  ///   - confidence: of the interval, between 0 and 1.
  package init(
    _ pairs: PairSums, _ population: AutoPopulation, decision: Double = 0, confidence: Double = 0.95
  ) throws(Lack) {
    let all = population.thinking + population.direct
    guard all > 0 else { throw .noRequests }
    let known = 0 - decision * Double(population.thinking)
    // Pairs of the span's first moments may belong to requests that ended before it.
    let direct = max(population.direct, pairs.count)
    var half = 0.0
    var total = known
    if direct > 0 {
      guard pairs.count >= Self.fewestPairs || pairs.count == direct else {
        throw .fewPairs(pairs.count, needed: Self.fewestPairs)
      }
      let count = Double(pairs.count), size = Double(direct)
      let mean = pairs.sum / count
      total += size * mean
      if pairs.count > 1, pairs.count < direct {
        let variance = max(0, (pairs.squares - pairs.sum * mean) / (count - 1))
        let error = size * (variance / count * (1 - count / size)).squareRoot()
        half = error * StudentT.quantile((1 + confidence) / 2, degreesOfFreedom: count - 1)
      }
    }
    (saved, low, high) = (total, total - half, total + half)
    let spent = population.spent
    func share(_ saved: Double) -> Double { saved + spent > 0 ? saved / (saved + spent) : 0 }
    (self.share, shareLow, shareHigh) = (share(total), share(low), share(high))
    (perRequest, self.pairs) = (total / Double(all), pairs.count)
  }
}
