// Tests whether two ways of answering the same questions differ. Only questions that exactly one way answers
// correctly count; without a difference, each of them falls to either side with equal probability (McNemar 1947).
import Foundation

/// McNemar's test of two paired binary outcomes.
package struct McNemar: Sendable, Equatable {
  /// The number of pairs in which only the first is correct.
  package let onlyFirst: Int
  /// The number of pairs in which only the second is correct.
  package let onlySecond: Int

  package init(onlyFirst: Int, onlySecond: Int) {
    precondition(onlyFirst >= 0 && onlySecond >= 0)
    (self.onlyFirst, self.onlySecond) = (onlyFirst, onlySecond)
  }

  /// Counts the pairs. Outcomes beyond the shorter array are ignored.
  package init(_ first: [Bool], _ second: [Bool]) {
    let pairs = zip(first, second)
    self.init(onlyFirst: pairs.count { $0 && !$1 }, onlySecond: pairs.count { !$0 && $1 })
  }

  /// The two-sided probability of a split at least as uneven if both are equally good, from the binomial
  /// distribution.
  package var exactP: Double {
    let n = onlyFirst + onlySecond, smaller = min(onlyFirst, onlySecond)
    // The two tails of an even split overlap.
    if onlyFirst == onlySecond { return 1 }
    let whole = lgamma(Double(n) + 1) - Double(n) * log(2.0)
    // Adds terms from the largest down, so that the sum can stop when they become negligible.
    var tail = 0.0
    for k in stride(from: smaller, through: 0, by: -1) {
      let term = exp(whole - lgamma(Double(k) + 1) - lgamma(Double(n - k) + 1))
      tail += term
      if term < tail * 1e-18 { break }
    }
    return min(1, 2 * tail)
  }
}
