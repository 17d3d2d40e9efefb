// Searches an answer for a regular expression. Expressions can take exponential time: the engine reports progress,
// and a search that takes too long is stopped and counts as no match.
import Foundation

/// The scorer of questions whose correct answers match a pattern (ICU syntax).
package struct PatternScorer: Sendable {
  /// The limit on the size of a pattern in bytes.
  package static let maxPattern = 1000
  /// The limit on the time of a search.
  private static let timeLimit = Duration.seconds(1)

  private let expression: NSRegularExpression

  /// Compiles a pattern. Throws if it is too long or invalid.
  package init(_ pattern: String) throws(EvaluationError) {
    guard !pattern.isEmpty, pattern.utf8.count <= Self.maxPattern else {
      throw EvaluationError("must have between 1 and \(Self.maxPattern) bytes, got \(pattern.utf8.count)")
    }
    guard let expression = try? NSRegularExpression(pattern: pattern) else {
      throw EvaluationError("\"\(pattern)\" is not a valid regular expression")
    }
    self.expression = expression
  }

  /// Whether the pattern matches anywhere in the answer.
  package func accepts(_ answer: String) -> Bool {
    let end = ContinuousClock.now + Self.timeLimit
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
