// Limits on the size of grammars and on the work of compiling them.

/// Limits on the automata that a schema may cause the compiler to build. Exceeding one is an error that states it.
package enum SchemaLimits {
  /// The nesting depth of objects and arrays in a reply.
  package static let nesting = 32
  /// The number of compiled schemas, including merged ones.
  package static let schemas = 10_000
  /// The nesting depth of inline schemas, not counting references.
  package static let depth = 100
  /// The number of values of one `enum`.
  package static let enumValues = 20_000
  /// The total size of all names and literal values in bytes.
  package static let literalBytes = 40_000
  /// The number of alternatives of one `anyOf` or `oneOf`.
  package static let alternatives = 256
  /// The number of states of a pattern's deterministic automaton.
  package static let patternStates = 40_000
  /// The number of states of a pattern's automaton before determinisation.
  package static let patternNodes = 20_000
  /// The number of states of a number's automaton.
  package static let numberStates = 60_000
  /// The number of states up to which string lengths are unrolled; above it characters are counted.
  package static let unrolledStates = 1_000
  /// The number of elements of an array with unique elements, and of members of an object with a minimum number.
  package static let uniqueElements = 256
  /// The total size in bytes of the declared names beside which additional members are generated.
  package static let takenBytes = 4_000
  /// The size of one pattern in bytes.
  package static let patternBytes = 4_096
  /// The number of steps of one compilation, each a few nanoseconds.
  package static let steps = 60_000_000
  /// The number of entries in all transition tables together, four bytes each.
  package static let tableEntries = 4_000_000
  /// The number of parse states that are followed at the same time; further alternatives are not generated.
  package static let parseStates = 128
}
