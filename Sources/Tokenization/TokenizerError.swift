/// Why a `tokenizer.json` cannot be used, and the JSON path of the value at fault (`model.merges[3]`).
package struct TokenizerError: Error, Equatable, CustomStringConvertible {
  /// Empty when the document as a whole is meant.
  package var path: String
  package var reason: String

  package init(path: String, reason: String) { (self.path, self.reason) = (path, reason) }

  package var description: String { "tokenizer.json\(path.isEmpty ? "" : ": \(path)"): \(reason)" }
}
