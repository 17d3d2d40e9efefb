// Errors of schemas that cannot constrain a reply. The API turns them into a 400 that names the path.

import Text

/// An invalid or unsupported part of a schema.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The path of the error, for instance `response_format.json_schema.schema.properties.age.pattern`.
  package var path: String
  /// The keyword at fault; nil if the whole schema is.
  package var keyword: String?
  /// The reason, as the predicate of a sentence whose subject is the path.
  package var reason: String
  /// Whether compilation stopped because the result was no longer needed, so that the schema is not at fault.
  package var isStopped = false

  package init(path: String, keyword: String? = nil, reason: String) {
    self.path = path
    self.keyword = keyword
    self.reason = reason
  }

  /// Creates the error of a pattern at `path`.
  init(_ error: PatternError, path: String, keyword: String? = nil) {
    self.init(path: path, keyword: keyword, reason: error.reason)
    isStopped = error.isStopped
  }

  package var description: String { "\(path): \(reason)" }
}
