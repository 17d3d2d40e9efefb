// A table of text cells, formatted as Markdown and HTML.
import Foundation

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
