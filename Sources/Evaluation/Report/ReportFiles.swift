// Writes the files of reports.
import Foundation
import JSON

enum ReportFiles {
  /// Writes texts into the named files of a directory, each atomically. Throws with the name of the file that cannot
  /// be written.
  static func write(_ texts: KeyValuePairs<String, String>, into directory: String) throws(EvaluationError) {
    for (name, text) in texts {
      let path = directory + "/" + name
      do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
        throw EvaluationError("\(path) cannot be written: \(error.localizedDescription)")
      }
    }
  }
}

extension EvaluationReport {
  /// Writes `report.json`, `report.md` and `report.html` into a directory. Throws with the name of the file that
  /// cannot be written.
  package func write(into directory: String) throws(EvaluationError) {
    try ReportFiles.write(
      ["report.json": json.pretty() + "\n", "report.md": markdown, "report.html": html], into: directory)
  }
}
