// Writes `summary.md` and `summary.json`.
import JSON
import Statistics

extension AnnotationSummary {
  /// Table 1 of the paper, with one row per set.
  package var table: String { paperTable.markdown }

  private var paperTable: ReportTable {
    ReportTable(
      caption: "Labels by set (as in arXiv 2508.21113, Table 1)",
      head: ["set", "non-reasoning", "reasoning", "total", "share", "reasoning of total"],
      rows: (sets + [all]).map { row in
        [
          row.name, "\(row.direct)", "\(row.reasoning)", "\(row.total)", Self.percent(row.total, of: all.total),
          Self.percent(row.reasoning, of: row.total),
        ]
      })
  }

  /// All tables as Markdown.
  package var markdown: String {
    var tables = [paperTable]
    tables.append(
      ReportTable(
        caption: "Labels by rule", head: ["rule", "non-reasoning", "reasoning", "total", "without a label"],
        rows: (rules + [all]).map { row in
          [row.name, "\(row.direct)", "\(row.reasoning)", "\(row.total)", "\(row.failures)"]
        }))
    if !rightSamples.isEmpty {
      tables.append(
        ReportTable(
          caption: "Items by number of correct samples", head: ["correct of \(rightSamples.count - 1)", "items"],
          rows: rightSamples.enumerated().map { ["\($0)", "\($1)"] }))
    }
    if !agreements.isEmpty {
      tables.append(
        ReportTable(
          caption: "Agreement with the items' own labels (95 % interval)",
          head: [
            "rule", "items", "agree", "kappa", "easy as direct", "easy as reasoning", "hard as direct",
            "hard as reasoning",
          ],
          rows: agreements.map { row in
            [
              row.name, "\(row.count)", ReportNumber.percent(row.part),
              row.kappa.map { ReportNumber.text($0, 2) } ?? "–",
              "\(row.easyDirect)", "\(row.easyReasoning)", "\(row.hardDirect)", "\(row.hardReasoning)",
            ]
          }))
    }
    let cost = [
      "\(requests) requests", promptTokens.map { "\($0) prompt tokens" }, outputTokens.map { "\($0) output tokens" },
    ]
    let parts = ["# " + ReportTable.escapedForMarkdown(title)] + tables.map(\.markdown)
    return (parts + [cost.compactMap { $0 }.joined(separator: ", ") + "."]).joined(separator: "\n\n") + "\n"
  }

  /// All numbers as JSON; unknown ones are null.
  package var json: JSONValue {
    func row(_ row: Row) -> JSONValue {
      [
        "name": .string(row.name), "direct": integer(row.direct), "reasoning": integer(row.reasoning),
        "total": integer(row.total), "failures": integer(row.failures),
      ]
    }
    return [
      "title": .string(title), "items": integer(items), "sets": .array(sets.map(row)), "all": row(all),
      "rules": .array(rules.map(row)), "items_by_right_samples": .array(rightSamples.map(integer)),
      "agreement": .array(
        agreements.map { row in
          [
            "name": .string(row.name), "n": integer(row.count), "easy_direct": integer(row.easyDirect),
            "easy_reasoning": integer(row.easyReasoning), "hard_direct": integer(row.hardDirect),
            "hard_reasoning": integer(row.hardReasoning), "part": EvaluationReport.json(row.part),
            "kappa": row.kappa.map(JSONValue.number) ?? .null,
          ]
        }),
      "requests": integer(requests), "prompt_tokens": promptTokens.map(integer) ?? .null,
      "output_tokens": outputTokens.map(integer) ?? .null,
    ]
  }

  /// Writes `summary.md` and `summary.json` into a directory. Throws with the name of the file that cannot be
  /// written.
  package func write(into directory: String) throws(EvaluationError) {
    try ReportFiles.write(["summary.json": json.pretty() + "\n", "summary.md": markdown], into: directory)
  }

  private func integer(_ value: Int) -> JSONValue { .integer(Int64(value)) }

  private static func percent(_ part: Int, of whole: Int) -> String {
    whole == 0 ? "–" : ReportNumber.percent(Double(part) / Double(whole))
  }
}
