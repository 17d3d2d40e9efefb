// A report of the ledger as JSON.
import JSON
import Ledger
import Text

extension UsageReport {
  /// The usage of the requests with `label` in a span with `all` requests.
  static func json(_ label: UsageLabel, _ summary: UsageSummary, of all: Int) -> JSONValue {
    var object = JSONObject()
    if let mode = label.requestedMode { object["requested_mode"] = .string(mode) }
    if let mode = label.mode { object["mode"] = .string(mode) }
    if let key = label.key { object["key"] = key.isEmpty ? .null : .string(key) }
    object["requests"] = .count(summary.requests)
    object["replies"] = .count(summary.replies)
    object["share"] = all > 0 ? .number(Double(summary.requests) / Double(all)) : .null
    object["decided_requests"] = .count(summary.decided)
    object["think_rate"] =
      summary.decided > 0 ? .number(Double(summary.decidedThinking) / Double(summary.decided)) : .null
    object["tokens_per_answer"] = mean(summary.measures[.completion]?.sum, over: summary.replies)
    object["seconds_per_answer"] = mean(summary.measures[.total]?.sum, over: summary.replies)
    for measure in Measure.allCases { object[measure.jsonName] = json(measure, summary.measures[measure]) }
    object["finish"] = counts(summary.finishes, ["stop", "length", "tool_calls"])
    object["thought_ends"] = counts(summary.thoughtEnds, ["natural", "budget", "loop", "length"])
    return .object(object)
  }

  private static func json(_ measure: Measure, _ values: MeasureSummary?) -> JSONValue {
    func number(_ value: Double?) -> JSONValue { value.map(JSONValue.number) ?? .null }
    var object = JSONObject()
    if !measure.isTime { object["total"] = .count(Int(values?.sum ?? 0)) }
    (object["mean"], object["p50"], object["p95"]) = (number(values?.mean), number(values?.p50), number(values?.p95))
    if measure.isTime { object["p99"] = number(values?.p99) }
    return .object(object)
  }

  private static func mean(_ sum: Double?, over count: Int) -> JSONValue {
    count > 0 ? .number((sum ?? 0) / Double(count)) : .null
  }

  /// The counts of `names`, and other counts that are not zero.
  private static func counts(_ all: [String: Int], _ names: [String]) -> JSONValue {
    var object = JSONObject()
    for name in names { object[name] = .count(all[name] ?? 0) }
    for (name, value) in all.sorted(by: { $0.key.exact < $1.key.exact }) where value > 0 && object[name] == nil {
      object[name] = .count(value)
    }
    return .object(object)
  }
}

extension Measure {
  /// The name of the measure in JSON and CSV.
  var jsonName: String { rawValue + (isTime ? "_seconds" : "_tokens") }
}
