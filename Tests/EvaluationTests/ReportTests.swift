import Evaluation
import Foundation
import JSON
import Testing

private let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent().appendingPathComponent("Fixtures").path

private func fixture(_ name: String) throws -> JSONValue {
  try JSONValue(parsing: Array(try Data(contentsOf: URL(fileURLWithPath: folder + "/" + name))))
}

private func golden() throws -> EvaluationReport {
  EvaluationReport(try storedResults(in: folder), title: "A <b> & \"c\"")
}

/// Returns the paths of members of `expected` that are missing or different in `found`; numbers are compared to a
/// relative 1e-9.
private func differences(_ expected: JSONValue, _ found: JSONValue?, _ path: String = "") -> [String] {
  switch (expected, found) {
  case (.object(let object), let found):
    return object.members.flatMap { differences($0.value, found?[$0.name], path + "." + $0.name) }
  case (.array(let values), .array(let others)?):
    if values.count != others.count { return ["\(path): \(values.count) and \(others.count) items"] }
    return zip(values, others).enumerated().flatMap { differences($1.0, $1.1, "\(path)[\($0)]") }
  default:
    if let a = expected.double, let b = found?.double {
      return abs(a - b) <= 1e-9 * max(1, abs(a)) ? [] : ["\(path): \(a), \(b)"]
    }
    return expected == found ? [] : ["\(path): \(expected), \(String(describing: found))"]
  }
}

@Suite struct `Reports` {
  @Test func `every number equals that of numpy, scipy and statsmodels`() throws {
    #expect(try differences(fixture("expected.json"), golden().json) == [])
  }

  @Test func `the comparison of numbers detects a difference`() {
    #expect(differences(["a": [1, 2]], ["a": [1, 3]]) == [".a[1]: 2.0, 3.0"])
    #expect(differences(["a": 1], [:]).count == 1 && differences(["a": [1]], ["a": []]).count == 1)
  }

  @Test func `there is a section for all sets and each set, and one if there is one set`() throws {
    let report = try golden()
    #expect(report.sections.map(\.name) == ["All sets", "easy <set>", "hard"])
    #expect(report.notes.contains("1 of 275 requests were not answered and are excluded from all other numbers."))
    let one = EvaluationReport(try storedResults(in: folder).filter { $0.key.set == "hard" }, title: "t")
    #expect(one.sections.map(\.name) == ["hard"])
  }

  @Test func `the page is well-formed and self-contained, and escapes text from files`() throws {
    let html = try golden().html
    #expect(html.contains("<h1>A &lt;b&gt; &amp; &quot;c&quot;</h1>") && html.contains("easy &lt;set&gt;"))
    #expect(!html.contains("<set>") && !html.contains("<b>") && !html.contains("<script"))
    #expect(!html.replacing("http://www.w3.org/2000/svg", with: "").contains("http:") && !html.contains("src="))
    // Parsed as XML, which requires every element to be closed, after removing HTML's meta elements.
    let xml = html.replacing("<!DOCTYPE html>", with: "").replacing(#/<meta [^>]*>/#, with: "")
    let parser = XMLCheck()
    #expect(parser.parse(xml) == nil)
    #expect(parser.counts["svg"] == 2 && parser.counts["title"] == 3 && parser.counts["desc"] == 2)
    #expect(parser.counts["table"] == 18 && parser.counts["caption"] == 18)
    // Three sections with three modes as bars, and three legend entries in each figure.
    #expect(parser.counts["rect"] == 15)
  }

  @Test func `the tables are the same in Markdown`() throws {
    let text = try golden().markdown
    #expect(text.hasPrefix("# A \\<b\\> & \"c\"\n"))
    #expect(text.contains("## easy \\<set\\> (30 questions)") && text.contains("| mode | n | accuracy |"))
    for line in text.split(separator: "\n") where line.hasPrefix("|") { #expect(line.hasSuffix("|")) }
  }

  @Test(arguments: [
    ("\u{600}<img src=x>", "\u{600}\\<img src=x\\>"), ("a|\u{200D}b", "a\\|\u{200D}b"),
    ("*\u{301}x*", "\\*\u{301}x\\*"),
    ("a\r\n\u{301}# b\u{2028}c", "a  \u{301}\\# b c"), ("`[\\]", "\\`\\[\\\\\\]"),
  ]) func `names are escaped, also with combining marks`(_ name: String, _ escaped: String) throws {
    let result = try EvaluationResult(["set": "s", "id": "1", "mode": "auto", "correct": true])
    let text = EvaluationReport([result], title: name).markdown
    #expect(text.unicodeScalars.starts(with: "# \(escaped)\n".unicodeScalars))
  }

  @Test func `the oracle chooses for all questions, correct or not`() throws {
    let text = try golden().markdown
    #expect(text.contains("| chosen by the oracle |") && !text.contains("cheapest right for"))
  }

  @Test func `unreported values are unknown, not zero`() throws {
    let results = try (0..<4).map { index in
      try EvaluationResult([
        "set": "s", "id": .string("\(index)"), "mode": index % 2 == 0 ? "auto" : "long", "correct": true,
      ])
    }
    let report = EvaluationReport(results, title: "t")
    #expect(report.sections[0].modes.allSatisfy { $0.output == nil && $0.thinkRate == nil && $0.count == 2 })
    #expect(report.sections[0].oracle == nil && report.notes.count == 4)
    #expect(report.json["sections"]?.array?[0]["modes"]?.array?[0]["output_tokens"] == .null)
    #expect(!report.html.contains("<svg") && report.markdown.contains("–"))
  }

  @Test func `a report can be made without answers and without results`() throws {
    #expect(EvaluationReport([], title: "none").markdown.contains("none"))
    let failure = try EvaluationResult(["set": "s", "id": "1", "mode": "auto", "error": "down"])
    let report = EvaluationReport([failure], title: "t")
    #expect(report.sections[0].modes[0].failures == 1 && report.sections[0].modes[0].accuracy == nil)
    #expect(report.html.contains("were not answered"))
  }

  @Test func `all files are written`() throws {
    let out = try TemporaryFolder()
    try golden().write(into: out.path)
    #expect(try JSONValue(parsing: out.read("report.json")) == golden().json)
    #expect(try out.read("report.html") == Array(golden().html.utf8) && !out.read("report.md").isEmpty)
    #expect(throws: EvaluationError.self) { try golden().write(into: out.path + "/none") }
  }
}
