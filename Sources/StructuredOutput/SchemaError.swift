// Why a schema cannot constrain a reply. The API turns it into a 400 that names the place.

/// What is wrong with a schema, or what of it is not supported.
package struct SchemaError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Where, for instance `response_format.json_schema.schema.properties.age.pattern`.
  package var path: String
  /// The keyword at fault; nil where the schema as a whole is.
  package var keyword: String?
  /// What is wrong, as the end of a sentence.
  package var reason: String

  package init(path: String, keyword: String? = nil, reason: String) {
    (self.path, self.keyword, self.reason) = (path, keyword, reason)
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
  /// States of a pattern, before and after its determinisation.
  package static let patternStates = 4_000
  /// Steps of a pattern's determinisation.
  package static let patternSteps = 4_000_000
  /// Entries of all transition tables together, four bytes each.
  package static let tableEntries = 4_000_000
  /// Alternatives of a reply that are followed at once; what is beyond is not generated.
  package static let threads = 128
}
