/// Why a tokenizer cannot be used: the document that describes it, and the path of the value at fault (`model.merges[3]`).

import Text

package struct TokenizerError: Error, Equatable, CustomStringConvertible {
  /// `tokenizer.json`, or the path of a GGUF file.
  package var document: String
  /// Empty when the document as a whole is meant.
  package var path: String
  package var reason: String

  package init(document: String = "tokenizer.json", path: String, reason: String) {
    (self.document, self.path, self.reason) = (document, path, reason)
  }

  package var description: String { "\(document)\(path.isEmpty ? "" : ": \(path)"): \(reason)" }
}
