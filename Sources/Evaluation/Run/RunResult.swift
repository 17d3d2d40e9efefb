// The common properties of the results of all kinds of runs.
import JSON

/// One line of `results.jsonl`.
protocol RunResult: Sendable {
  /// The reason why there is no result, or nil. Failures are retried when a run is continued.
  var failure: String? { get }
  /// Whether the server is at fault, so that other questions are likely to fail too, and not the question. Not
  /// stored.
  var blamesServer: Bool { get }
  var json: JSONValue { get }
  /// Reads a line. Throws with the name of the missing or invalid member.
  init(_ json: JSONValue) throws(EvaluationError)
}
