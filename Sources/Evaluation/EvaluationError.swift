// The error type of this room.

/// What is wrong with a question set, an output directory or a run, in one sentence that names the place.
package struct EvaluationError: Error, Equatable, CustomStringConvertible {
  /// The whole sentence: file, line, field, limit and value where there are any.
  package let description: String

  package init(_ description: String) { self.description = description }
}
