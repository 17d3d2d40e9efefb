// What the results of all kinds of runs have in common.
import JSON

/// One line of `results.jsonl`.
protocol RunResult: Sendable {
  /// Why there is no result; nil when there is one. Failures are asked again when a run is continued.
  var failure: String? { get }
  /// Whether a failure is the server's, so that other questions are likely to fail, too, and not the question's own. It is not written down.
  var blamesServer: Bool { get }
  var json: JSONValue { get }
  /// Reads a line back. Throws naming the member that is missing or wrong.
  init(_ json: JSONValue) throws(EvaluationError)
}
