// Numbers as text in reports.

import Foundation
import Statistics

/// Formats numbers for readers.
enum ReportNumber {
  /// Formats a number with the given decimals and a true minus sign.
  static func text(_ value: Double, _ decimals: Int = 1) -> String {
    let text = String(format: "%.\(decimals)f", value)
    let digits = text.drop { $0 == "-" }
    // A number that rounds to zero has no sign.
    return text.hasPrefix("-") && digits.contains { $0 != "0" && $0 != "." } ? "−" + digits : String(digits)
  }

  /// Formats a share in per cent: 0.123 is `12.3 %`.
  static func percent(_ value: Double) -> String { text(100 * value) + " %" }

  static func percent(_ interval: Interval?) -> String {
    guard let interval else { return "–" }
    return "\(percent(interval.estimate)) (\(text(100 * interval.low)) to \(text(100 * interval.high)))"
  }

  static func text(_ interval: Interval?) -> String {
    guard let interval else { return "–" }
    return "\(text(interval.estimate)) (\(text(interval.low)) to \(text(interval.high)))"
  }

  /// Formats mean, median and 95th percentile.
  static func text(_ spread: EvaluationReport.Spread?, _ decimals: Int = 1) -> String {
    guard let spread else { return "–" }
    return [spread.mean, spread.median, spread.p95].map { text($0, decimals) }.joined(separator: " / ")
  }

  /// Formats the p-value of a test.
  static func probability(_ p: Double) -> String { p < 0.0001 ? "< 0.0001" : text(p, 4) }
}
