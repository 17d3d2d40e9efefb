// Writing the report's files.
import Foundation
import JSON

extension EvaluationReport {
  /// Writes `report.json`, `report.md` and `report.html` into a directory, each whole or not at all. Throws naming the file that cannot be written.
  package func write(into directory: String) throws(EvaluationError) {
    for (name, text) in [
      ("report.json", json.pretty() + "\n"), ("report.md", markdown), ("report.html", html),
    ] {
      let path = directory + "/" + name
      do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
        throw EvaluationError("\(path) cannot be written: \(error.localizedDescription)")
      }
    }
  }
}
