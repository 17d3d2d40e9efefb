/// An error in a tokenizer's description: the document, and the path of the invalid value (`model.merges[3]`).

import Text

package struct TokenizerError: Error, Equatable, CustomStringConvertible {
  /// `tokenizer.json`, or the path of a GGUF file.
  package var document: String
  /// The path of the value; empty if the whole document is meant.
  package var path: String
  package var reason: String

  package init(document: String = "tokenizer.json", path: String, reason: String) {
    self.document = document
    self.path = path
    self.reason = reason
  }

  package var description: String { "\(document)\(path.isEmpty ? "" : ": \(path)"): \(reason)" }
}
