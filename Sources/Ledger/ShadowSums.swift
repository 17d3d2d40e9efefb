// Sums over shadows and their originals, sufficient for the mean difference and its error.
import GenerationTypes

/// Sums over pairs of an original and its shadow, where d is thinking minus non-thinking.
package struct ShadowSums: Sendable, Equatable {
  /// The number of pairs.
  package var pairs = 0
  /// Σ d, Σ d² and Σ d³ of completion tokens.
  package var tokenDifference = 0.0, tokenDifferenceSquared = 0.0, tokenDifferenceCubed = 0.0
  /// Σ d, Σ d² and Σ d³ of decoding seconds.
  package var secondsDifference = 0.0, secondsDifferenceSquared = 0.0, secondsDifferenceCubed = 0.0
  /// The cost of the shadows in generated tokens and computed prompt tokens.
  package var shadowTokens = 0, shadowPromptTokens = 0
  /// The cost of the shadows in seconds of decoding.
  package var shadowSeconds = 0.0

  /// No pairs.
  package init() {}

  /// One pair.
  init(_ row: ShadowRow) {
    let shadowSeconds = Double(row.shadowMicroseconds) / 1e6
    let sign = row.mode == ThinkingOutcome.thinking.rawValue ? 1.0 : -1
    let difference = sign * Double(row.tokens - row.shadowTokens)
    let longer = sign * (Double(row.microseconds) / 1e6 - shadowSeconds)
    pairs = 1
    (tokenDifference, tokenDifferenceSquared) = (difference, difference * difference)
    tokenDifferenceCubed = difference * difference * difference
    (secondsDifference, secondsDifferenceSquared) = (longer, longer * longer)
    secondsDifferenceCubed = longer * longer * longer
    (shadowTokens, shadowPromptTokens) = (row.shadowTokens, row.shadowPromptTokens)
    self.shadowSeconds = shadowSeconds
  }

  /// Adds the pairs of `other`.
  mutating func merge(_ other: ShadowSums) {
    pairs = Bounded.sum(pairs, other.pairs)
    tokenDifference += other.tokenDifference
    tokenDifferenceSquared += other.tokenDifferenceSquared
    tokenDifferenceCubed += other.tokenDifferenceCubed
    secondsDifference += other.secondsDifference
    secondsDifferenceSquared += other.secondsDifferenceSquared
    secondsDifferenceCubed += other.secondsDifferenceCubed
    shadowTokens = Bounded.sum(shadowTokens, other.shadowTokens)
    shadowPromptTokens = Bounded.sum(shadowPromptTokens, other.shadowPromptTokens)
    shadowSeconds += other.shadowSeconds
  }
}
