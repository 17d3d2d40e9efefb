// Student's t distribution, computed with the regularised incomplete beta function (DLMF 8.17): P(T ≤ t) for t ≤ 0 is
// I_x(ν/2, 1/2) / 2 at x = ν / (ν + t²).
import Foundation

/// Student's t distribution.
package struct StudentDistribution: Sendable {
  /// The degrees of freedom ν, above 0.
  package let degrees: Double

  package init(degrees: Double) { self.degrees = degrees }

  /// Returns the probability of a value of at most `t`; NaN if the degrees of freedom are not positive.
  package func probability(_ t: Double) -> Double {
    guard degrees > 0, !t.isNaN else { return .nan }
    if t.isInfinite { return t < 0 ? 0 : 1 }
    let tail = IncompleteBeta.regularised(degrees / 2, 0.5, at: degrees / (degrees + t * t)) / 2
    return t <= 0 ? tail : 1 - tail
  }

  /// Returns the value below which the share `p` of the distribution lies: −∞ at 0, ∞ at 1, NaN outside.
  package func quantile(_ p: Double) -> Double {
    if p.isNaN || p < 0 || p > 1 || !(degrees > 0) { return .nan }
    if p == 0 { return -.infinity }
    if p == 1 { return .infinity }
    if p == 0.5 { return 0 }
    if p > 0.5 { return -quantile(1 - p) }
    var low = -1.0
    while probability(low) > p {
      low *= 2
      if low < -1e300 { return -.infinity }
    }
    var high = 0.0
    // Some 60 halvings between a power of two and 0 exhaust the precision of a double.
    for _ in 0..<200 {
      let middle = (low + high) / 2
      if middle == low || middle == high { break }
      if probability(middle) < p { low = middle } else { high = middle }
    }
    return (low + high) / 2
  }
}

/// The regularised incomplete beta function.
enum IncompleteBeta {
  /// Returns I_x(a, b) for positive a and b and x in 0…1.
  static func regularised(_ a: Double, _ b: Double, at x: Double) -> Double {
    if x <= 0 { return 0 }
    if x >= 1 { return 1 }
    let front = exp(lgamma(a + b) - lgamma(a) - lgamma(b) + a * log(x) + b * log1p(-x))
    // The fraction converges fast on this side of the mean; the other side follows by symmetry.
    return x < (a + 1) / (a + b + 2)
      ? front * fraction(a, b, x) / a : 1 - front * fraction(b, a, 1 - x) / b
  }

  /// Returns the continued fraction of DLMF 8.17.22, evaluated from the front by Lentz's method.
  private static func fraction(_ a: Double, _ b: Double, _ x: Double) -> Double {
    let tiny = 1e-300
    func nonZero(_ value: Double) -> Double { abs(value) < tiny ? tiny : value }
    var c = 1.0
    var d = 1 / nonZero(1 - (a + b) * x / (a + 1))
    var result = d
    // About √max(a, b) terms are needed.
    for step in 1...10_000 {
      let m = Double(step)
      let even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
      d = 1 / nonZero(1 + even * d)
      c = nonZero(1 + even / c)
      result *= d * c
      let odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
      d = 1 / nonZero(1 + odd * d)
      c = nonZero(1 + odd / c)
      result *= d * c
      if abs(d * c - 1) < 1e-16 { break }
    }
    return result
  }
}
