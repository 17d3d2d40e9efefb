// A report of the ledger as CSV (RFC 4180): one line per bucket and group; members of nested objects have their own
// columns.
import JSON
import Ledger
import Text

/// Writes reports as CSV.
enum UsageTable {
  /// Returns the table of a report: its buckets if it has some, otherwise its groups.
  static func text(_ report: UsageReport, _ request: UsageRequest) -> String {
    var lines: [[String]] = []
    var header: [String] = []
    func add(_ from: Double, _ to: Double, _ groups: [(label: UsageLabel, summary: UsageSummary)], of all: Int) {
      for group in groups {
        var cells: [(name: String, text: String)] = [("from", number(from)), ("to", number(to))]
        flatten(UsageReport.json(group.label, group.summary, of: all), "", into: &cells)
        if header.isEmpty { header = cells.map(\.name) }
        let found = Dictionary(cells.map { ($0.name.exact, $0.text) }, uniquingKeysWith: { $1 })
        lines.append(header.map { found[$0.exact] ?? "" })
      }
    }
    if request.bucket == nil {
      add(report.from, report.to, shown(report.groups), of: report.total.requests)
    } else {
      for bucket in report.buckets { add(bucket.from, bucket.to, shown(bucket.groups), of: bucket.total.requests) }
    }
    if header.isEmpty {
      // A table without lines has the columns of a group without requests.
      add(report.from, report.to, [(UsageLabel(), report.total)], of: 0)
      lines = []
    }
    return ([header] + lines).map { $0.map(quoted).joined(separator: ",") + "\r\n" }.joined()
  }

  private static func shown(_ groups: [UsageGroup]) -> [(label: UsageLabel, summary: UsageSummary)] {
    groups.filter { $0.summary.requests > 0 }.map { ($0.label, $0.summary) }
  }

  private static func flatten(_ value: JSONValue, _ path: String, into cells: inout [(name: String, text: String)]) {
    switch value {
    case .object(let object):
      for (name, value) in object.members { flatten(value, path.isEmpty ? name : "\(path)_\(name)", into: &cells) }
    case .string(let text): cells.append((path, guarded(text)))
    case .null: cells.append((path, ""))
    default: cells.append((path, String(decoding: value.encoded, as: UTF8.self)))
    }
  }

  /// Guards a name, so that a spreadsheet does not take it for a formula.
  private static func guarded(_ text: String) -> String {
    guard let first = text.utf8.first, "=+-@\t\r\n".utf8.contains(first) else { return text }
    return "'" + text
  }

  private static func number(_ value: Double) -> String {
    String(decoding: JSONValue.number(value).encoded, as: UTF8.self)
  }

  private static func quoted(_ cell: String) -> String {
    // Compared as bytes, because CR LF is one character.
    let special = Array(",\"\r\n".utf8)
    guard cell.utf8.contains(where: { special.contains($0) }) else { return cell }
    return "\"" + cell.split(at: "\"", omittingEmpty: false).joined(separator: "\"\"") + "\""
  }
}
