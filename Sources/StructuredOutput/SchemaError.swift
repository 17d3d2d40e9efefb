// Why a schema cannot constrain a reply. The API turns it into a 400 that names the place.

import Text

/// What is wrong with a schema, or what of it is not supported.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where, for instance `response_format.json_schema.schema.properties.age.pattern`.
  package var path: String
  /// The keyword at fault; nil where the schema as a whole is.
  package var keyword: String?
  /// What is wrong, as the end of a sentence.
  package var reason: String
  /// Whether the caller wanted the compilation no more, so that the schema is not to blame.
  package var isStopped = false

  package init(path: String, keyword: String? = nil, reason: String) {
    (self.path, self.keyword, self.reason) = (path, keyword, reason)
  }

  /// A pattern's error with its place.
  init(_ error: PatternError, path: String, keyword: String? = nil) {
    self.init(path: path, keyword: keyword, reason: error.reason)
    isStopped = error.isStopped
  }

  package var description: String { "\(path): \(reason)" }
}

/// Bounds on what a schema may make the compiler build; each is an error that names it.
package enum SchemaLimits {
  /// Objects and arrays open at once in a reply.
  package static let nesting = 32
  /// Schemas that are compiled, those that merging makes included.
  package static let schemas = 10_000
  /// Inline schemas within one another, references not counted.
  package static let depth = 100
  /// Values of one `enum`.
  package static let enumValues = 20_000
  /// Bytes of all names and literal values together.
  package static let literalBytes = 40_000
  /// Alternatives of one `anyOf` or `oneOf`.
  package static let alternatives = 256
  /// States of a pattern's deterministic automaton.
  package static let patternStates = 40_000
  /// States of a pattern's automaton before its determinisation.
  package static let patternNodes = 20_000
  /// States of a number's automaton.
  package static let numberStates = 60_000
  /// States that lengths may be unrolled to; beyond it characters are counted.
  package static let unrolledStates = 1_000
  /// Elements of an array whose elements differ, and members of an object whose number has a lower bound.
  package static let uniqueElements = 256
  /// Bytes of the declared names beside which others are generated.
  package static let takenBytes = 4_000
  /// Bytes of one pattern.
  package static let patternBytes = 4_096
  /// Steps of one compilation, each a few nanoseconds.
  package static let steps = 60_000_000
  /// Entries of all transition tables together, four bytes each.
  package static let tableEntries = 4_000_000
  /// Alternatives of a reply that are followed at once; what is beyond is not generated.
  package static let threads = 128
}
