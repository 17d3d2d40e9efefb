// The numbers of a request that are summed and sketched, and their whole-number form: tokens, or microseconds. Whole
// numbers make sums exact in any order, so roll-ups and raw rows agree to the last digit.

/// A number every request has, or may have.
package enum Measure: String, CaseIterable, Sendable {
  case promptText = "prompt_text"
  case promptImage = "prompt_image"
  case promptCached = "prompt_cached"
  case thinking, control, answer
  /// thinking + control + answer; computed, not stored with the row.
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

  /// Position in `allCases`, and in every array of measures.
  var index: Int { Self.positions[self] ?? 0 }
  private static let positions = Dictionary(uniqueKeysWithValues: zip(allCases, 0...))

  /// Name in the file; times say that they are microseconds.
  var column: String { isTime ? rawValue + "_us" : rawValue }
  /// What the raw table is asked for.
  var expression: String { self == .completion ? "thinking + control + answer" : column }
  /// Stored units in one unit of a report.
  var scale: Double { isTime ? 1e6 : 1 }
}

/// Numbers brought into the bounds of the file.
enum Bounded {
  /// The largest number that the file may hold, 2⁶¹: no sum of two can trap.
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

  /// A probability within 0 to 1; nil for what is not a number.
  static func probability(_ value: Double?) -> Double? {
    guard let value, !value.isNaN else { return nil }
    return min(max(value, 0), 1)
  }

  /// The sum of two numbers from 0 to `most`, or `most`.
  static func sum(_ a: Int, _ b: Int) -> Int { min(a + b, most) }
}
