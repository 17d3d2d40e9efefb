// The figures of a report of the ledger as JSON, and the columns of its table.
import JSON
import Ledger
import Text

/// Writes one group's figures.
enum UsageFigures {
  /// Names of measures as clients read them.
  static let tokenNames = Measure.allCases.filter { !$0.isTime }.map(name)
  static let timeNames = Measure.allCases.filter(\.isTime).map(name)

  private static func name(_ measure: Measure) -> String {
    measure.rawValue + (measure.isTime ? "_seconds" : "_tokens")
  }

  /// A group of a span with `all` requests.
  static func group(_ label: UsageLabel, _ summary: UsageSummary, of all: Int) -> JSONValue {
    var object = JSONObject()
    for (name, value) in members(of: label) { object[name] = value }
    object["requests"] = count(summary.requests)
    object["replies"] = count(summary.replies)
    object["share"] = all > 0 ? .number(Double(summary.requests) / Double(all)) : .null
    object["decided_requests"] = count(summary.decided)
    object["think_rate"] =
      summary.decided > 0 ? .number(Double(summary.decidedThinking) / Double(summary.decided)) : .null
    object["tokens_per_answer"] = per(summary.replies, summary.measures[.completion]?.sum)
    object["seconds_per_answer"] = per(summary.replies, summary.measures[.total]?.sum)
    for measure in Measure.allCases { object[name(measure)] = figures(measure, summary.measures[measure]) }
    object["finish"] = counts(summary.finishes, ["stop", "length", "tool_calls"])
    object["thought_ends"] = counts(summary.thoughtEnds, ["natural", "budget", "loop", "length"])
    return .object(object)
  }

  /// What the requests of a group have in common.
  private static func members(of label: UsageLabel) -> [(String, JSONValue)] {
    var members: [(String, JSONValue)] = []
    if let mode = label.requestedMode { members.append(("requested_mode", .string(mode))) }
    if let mode = label.mode { members.append(("mode", .string(mode))) }
    if let key = label.key { members.append(("key", key.isEmpty ? .null : .string(key))) }
    return members
  }

  private static func figures(_ measure: Measure, _ values: MeasureSummary?) -> JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }
    var object = JSONObject()
    if !measure.isTime { object["total"] = count(Int(values?.sum ?? 0)) }
    (object["mean"], object["p50"], object["p95"]) = (number(values?.mean), number(values?.p50), number(values?.p95))
    if measure.isTime { object["p99"] = number(values?.p99) }
    return .object(object)
  }

  private static func per(_ count: Int, _ sum: Double?) -> JSONValue {
    count > 0 ? .number((sum ?? 0) / Double(count)) : .null
  }

  /// The named counts, and others that are not zero.
  private static func counts(_ all: [String: Int], _ names: [String]) -> JSONValue {
    var object = JSONObject()
    for name in names { object[name] = count(all[name] ?? 0) }
    for (name, value) in all.sorted(by: { $0.key.exact < $1.key.exact }) where value > 0 && object[name] == nil {
      object[name] = count(value)
    }
    return .object(object)
  }

  static func count(_ value: Int) -> JSONValue { .integer(Int64(value)) }
}
