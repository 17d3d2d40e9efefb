// The numbers of a request that reports add up, as whole tokens or microseconds. Whole numbers make sums exact in any
// order, so roll-ups and rows agree to the last digit.

/// A number that a request has or may have.
package enum Measure: String, CaseIterable, Sendable {
  case promptText = "prompt_text"
  case promptImage = "prompt_image"
  case promptCached = "prompt_cached"
  case thinking, control, answer
  /// thinking + control + answer; computed, not stored.
  case completion
  case queue, image, prefill
  case firstToken = "first_token"
  case firstAnswerToken = "first_answer_token"
  case decode, total

  /// Whether the unit is seconds (stored as microseconds) rather than tokens.
  package var isTime: Bool {
    switch self {
    case .promptText, .promptImage, .promptCached, .thinking, .control, .answer, .completion: false
    case .queue, .image, .prefill, .firstToken, .firstAnswerToken, .decode, .total: true
    }
  }

  /// The index in `allCases` and in every array of measures.
  var index: Int { Self.positions[self] ?? 0 }
  private static let positions = Dictionary(uniqueKeysWithValues: zip(allCases, 0...))

  /// The name of the column; times end with `_us`.
  var column: String { isTime ? rawValue + "_us" : rawValue }
  /// The SQL expression that reads it from `request`.
  var expression: String { self == .completion ? "thinking + control + answer" : column }
  /// The number of stored units in one unit of a report.
  var scale: Double { isTime ? 1e6 : 1 }
}

/// Clamps numbers to the limits of the file.
enum Bounded {
  /// The largest number in the file, 2⁶¹; the sum of two cannot trap.
  static let most = 1 << 61

  /// Tokens, 0 to 2³¹ − 1.
  static func count(_ value: Int) -> Int { min(max(value, 0), Int(Int32.max)) }

  /// Whole microseconds, 0 to 10¹¹ (28 hours).
  static func microseconds(_ duration: Duration) -> Int {
    let (seconds, attoseconds) = min(max(duration, .zero), .seconds(100_000)).components
    return Int(seconds) * 1_000_000 + Int((attoseconds + 500_000_000_000) / 1_000_000_000_000)
  }

  /// Unix seconds → Unix microseconds within the years 1970 to 9999.
  static func moment(_ seconds: Double) -> Int {
    seconds.isNaN ? 0 : Int((min(max(seconds, 0), 253_402_300_799) * 1e6).rounded())
  }

  /// A probability from 0 to 1; nil for NaN.
  static func probability(_ value: Double?) -> Double? {
    guard let value, !value.isNaN else { return nil }
    return min(max(value, 0), 1)
  }

  /// The sum of two numbers from 0 to `most`, at most `most`.
  static func sum(_ a: Int, _ b: Int) -> Int { min(a + b, most) }
}
