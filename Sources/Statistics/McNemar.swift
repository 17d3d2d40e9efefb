// Whether two ways of answering the same questions differ: only questions that one way gets right and the other wrong say something,
// and without a difference each of those falls to either side like a coin (McNemar 1947).
import Foundation

/// McNemar's test of two paired yes-or-no outcomes.
package struct McNemar: Sendable, Equatable {
  /// Pairs where only the first is right.
  package let onlyFirst: Int
  /// Pairs where only the second is right.
  package let onlySecond: Int

  package init(onlyFirst: Int, onlySecond: Int) {
    precondition(onlyFirst >= 0 && onlySecond >= 0)
    (self.onlyFirst, self.onlySecond) = (onlyFirst, onlySecond)
  }

  /// Counts the pairs; outcomes without a partner, beyond the shorter array, are left out.
  package init(_ first: [Bool], _ second: [Bool]) {
    let pairs = zip(first, second)
    self.init(onlyFirst: pairs.count { $0 && !$1 }, onlySecond: pairs.count { !$0 && $1 })
  }

  /// The probability of a split at least as uneven when both are equally good: two-sided, from the binomial distribution of n coins.
  package var exactP: Double {
    let n = onlyFirst + onlySecond, smaller = min(onlyFirst, onlySecond)
    // Both halves of an even split overlap.
    if onlyFirst == onlySecond { return 1 }
    let whole = lgamma(Double(n) + 1) - Double(n) * log(2.0)
    // From the largest term down, so that what is too small to matter ends the sum.
    var tail = 0.0
    for k in stride(from: smaller, through: 0, by: -1) {
      let term = exp(whole - lgamma(Double(k) + 1) - lgamma(Double(n - k) + 1))
      tail += term
      if term < tail * 1e-18 { break }
    }
    return min(1, 2 * tail)
  }
}
