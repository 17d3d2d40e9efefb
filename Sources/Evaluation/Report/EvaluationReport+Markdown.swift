// Writes `report.md`.

extension EvaluationReport {
  /// The report as Markdown, without figures.
  package var markdown: String {
    var parts = ["# " + ReportTable.escapedForMarkdown(title)]
    if !notes.isEmpty { parts.append(notes.map { "- " + ReportTable.escapedForMarkdown($0) }.joined(separator: "\n")) }
    for section in sections {
      parts.append("## \(ReportTable.escapedForMarkdown(section.name)) (\(section.questions) questions)")
      parts += Self.tables(of: section).map(\.markdown)
    }
    return parts.joined(separator: "\n\n") + "\n"
  }
}
