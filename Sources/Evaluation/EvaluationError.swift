// The error type of this module.

/// An error in a question set, an output directory or a run, as one sentence that states the location.
package struct EvaluationError: Error, Equatable, CustomStringConvertible {
  /// The complete sentence: file, line, field, value and limit if applicable.
  package let description: String

  package init(_ description: String) { self.description = description }
}
