import Evaluation
import Foundation
import JSON

/// Returns the lines of a directory's `results.jsonl`, in order.
func storedResults(in folder: String) throws -> [EvaluationResult] {
  try Data(contentsOf: URL(fileURLWithPath: folder + "/results.jsonl")).split(separator: 0x0A).map {
    try EvaluationResult(JSONValue(parsing: Array($0)))
  }
}
