// The standard normal distribution and its inverse.
import Foundation

/// The normal distribution with mean 0 and variance 1.
package enum NormalDistribution {
  /// Returns the probability of a value of at most `x`.
  package static func probability(_ x: Double) -> Double { erfc(-x / 2.0.squareRoot()) / 2 }

  /// Returns the value below which the share `p` of the distribution lies: −∞ at 0, ∞ at 1, NaN outside. Uses
  /// bisection on the side of the smaller tail, where `erfc` is accurate, then Newton's method to full precision.
  package static func quantile(_ p: Double) -> Double {
    if p.isNaN || p < 0 || p > 1 { return .nan }
    if p == 0 { return -.infinity }
    if p == 1 { return .infinity }
    if p == 0.5 { return 0 }
    if p > 0.5 { return -quantile(1 - p) }
    // Below −39 the probability is zero in a double.
    var low = -39.0, high = 0.0
    for _ in 0..<60 {
      let middle = (low + high) / 2
      if probability(middle) < p { low = middle } else { high = middle }
    }
    var x = (low + high) / 2
    for _ in 0..<2 {
      let density = exp(-x * x / 2) / (2 * Double.pi).squareRoot()
      guard density > 0 else { break }
      x -= (probability(x) - p) / density
    }
    return x
  }
}
