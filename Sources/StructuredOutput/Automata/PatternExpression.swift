// The syntax tree of a regular expression, and errors of patterns.

/// A regular expression.
indirect enum PatternExpression: Sendable {
  case empty
  /// One character in these ranges of code points.
  case set([ClosedRange<UInt32>])
  case sequence([PatternExpression])
  case alternatives([PatternExpression])
  /// Repetitions; `most` is nil for no maximum.
  case repeated(PatternExpression, least: Int, most: Int?)
  /// The start of the text.
  case start
  /// The end of the text.
  case end
  /// A position at which the rest of the text begins, or does not begin, with the expression.
  case lookahead(PatternExpression, isNegative: Bool)

  /// Any text.
  static let anything = PatternExpression.repeated(.set(CodePoints.all), least: 0, most: nil)

  /// Returns the expression that matches exactly `text`.
  static func text(_ text: String) -> PatternExpression {
    .sequence(text.unicodeScalars.map { .set([$0.value...$0.value]) })
  }
}

extension PatternExpression {
  /// Removes a leading `(?=.{m,n}$)`, also with optional parts before its end, and returns its range. A negative
  /// lookahead for line ends remains.
  mutating func takeLengths() -> ClosedRange<Int>? {
    guard case .alternatives(let whole) = self, whole.count == 1, case .sequence(var parts) = whole[0],
      case .lookahead(.alternatives(let inner), false)? = parts.first, inner.count == 1,
      case .sequence(let rest) = inner[0], rest.count >= 2, case .end? = rest.last,
      case .repeated(.set(let ranges), let least, let most?) = rest[0], ranges == ClassBounds.dot.least,
      rest[1..<(rest.count - 1)].allSatisfy({ if case .repeated(_, 0, _) = $0 { true } else { false } })
    else { return nil }
    parts[0] = .lookahead(.sequence([.repeated(.set(ranges), least: 0, most: nil), .end]), isNegative: false)
    self = .alternatives([.sequence(parts)])
    return least...most
  }
}

/// The reason why a pattern is rejected.
struct PatternError: Error {
  let reason: String
  /// Whether compilation stopped because the result was no longer needed.
  var isStopped = false
}
