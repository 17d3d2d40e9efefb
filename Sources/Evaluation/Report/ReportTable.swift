// A table of text cells, formatted as Markdown and HTML.
import Foundation
import Statistics

/// A table of a report. The first column is the row's name.
struct ReportTable {
  var caption: String
  var head: [String]
  var rows: [[String]]

  /// The table in GitHub's Markdown.
  var markdown: String {
    func line(_ cells: [String]) -> String { "| " + cells.map(Self.escapedForMarkdown).joined(separator: " | ") + " |" }
    let rule = "|---|" + head.dropFirst().map { _ in "---:|" }.joined()
    return ([Self.escapedForMarkdown(caption), "", line(head), rule] + rows.map(line)).joined(separator: "\n")
  }

  /// A `<table>` with caption and scopes.
  var html: String {
    let names = head.map { "<th scope=\"col\">\($0.escapedForHTML)</th>" }.joined()
    let body = rows.map { row in
      let cells = row.dropFirst().map { "<td>\($0.escapedForHTML)</td>" }.joined()
      return "<tr><th scope=\"row\">\((row.first ?? "").escapedForHTML)</th>\(cells)</tr>"
    }
    return """
      <div class="scroll" role="region" tabindex="0" aria-label="\(caption.escapedForHTML)">
      <table><caption>\(caption.escapedForHTML)</caption>
      <thead><tr>\(names)</tr></thead>
      <tbody>
      \(body.joined(separator: "\n"))
      </tbody></table></div>
      """
  }

  /// Escapes names of sets, which come from files and must not become markup.
  static func escapedForMarkdown(_ text: String) -> String {
    var escaped = String.UnicodeScalarView()
    // Compares scalars, not characters: a character that begins with markup may contain combining marks.
    for scalar in text.unicodeScalars {
      if "\\`*_[]<>|#".unicodeScalars.contains(scalar) { escaped.append("\\") }
      escaped.append(CharacterSet.newlines.contains(scalar) ? " " : scalar)
    }
    return String(escaped)
  }
}

extension String {
  /// The text, escaped for content and quoted attributes of HTML and SVG. Characters that XML does not allow are
  /// replaced.
  var escapedForHTML: String {
    var escaped = ""
    for scalar in unicodeScalars {
      switch scalar {
      case "&": escaped += "&amp;"
      case "<": escaped += "&lt;"
      case ">": escaped += "&gt;"
      case "\"": escaped += "&quot;"
      case "'": escaped += "&#39;"
      case "\u{0}"..."\u{8}", "\u{B}", "\u{C}", "\u{E}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": escaped += "\u{FFFD}"
      default: escaped.unicodeScalars.append(scalar)
      }
    }
    return escaped
  }
}

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
