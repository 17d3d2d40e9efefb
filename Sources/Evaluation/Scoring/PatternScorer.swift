// A regular expression against an answer. Expressions can take exponential time; the engine reports progress, and a search that has not
// ended after a while is stopped and counts as no match.
import Foundation

/// The scorer of questions whose right answers a pattern describes (ICU's syntax).
package struct PatternScorer: Sendable {
  /// Bytes of a pattern.
  package static let maxPattern = 1000
  /// How long a search may take.
  private static let patience = Duration.seconds(1)

  private let expression: NSRegularExpression

  /// Throws for a pattern that is too long or no regular expression.
  package init(_ pattern: String) throws(EvaluationError) {
    guard !pattern.isEmpty, pattern.utf8.count <= Self.maxPattern else {
      throw EvaluationError("\(pattern.utf8.count) bytes, from 1 to \(Self.maxPattern) are taken")
    }
    guard let expression = try? NSRegularExpression(pattern: pattern) else {
      throw EvaluationError("\"\(pattern)\" is no regular expression")
    }
    self.expression = expression
  }

  /// Whether the pattern is found anywhere in the answer.
  package func accepts(_ answer: String) -> Bool {
    let end = ContinuousClock.now + Self.patience
    var found = false
    expression.enumerateMatches(
      in: answer, options: .reportProgress, range: NSRange(answer.startIndex..., in: answer)
    ) { match, _, stop in
      if match != nil { found = true }
      if found || ContinuousClock.now > end { stop.pointee = true }
    }
    return found
  }
}
