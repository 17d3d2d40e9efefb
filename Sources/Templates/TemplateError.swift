// What can go wrong with a chat template, and how much of the machine it may use. Templates come inside model files and
// are as untrusted as the requests they print.

import Text

/// Why a template could not be read or rendered, with its place in the template's source.
package struct TemplateError: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The source is not a template this engine reads.
    case syntax
    /// An expression has no value: a wrong type, an undefined variable's attribute, a division by zero.
    case evaluation
    /// A bound of `TemplateLimits` is reached.
    case limit
    /// The template called `raise_exception`: it refuses the conversation, and `reason` is its author's message.
    case raised
  }

  package var kind: Kind
  package var reason: String
  /// Line in the template, from 1.
  package var line: Int
  /// Column in code points, from 1.
  package var column: Int

  package init(kind: Kind, reason: String, line: Int, column: Int) {
    (self.kind, self.reason, self.line, self.column) = (kind, reason, line, column)
  }

  init(_ kind: Kind, _ reason: String, _ position: TemplatePosition) {
    self.init(kind: kind, reason: reason, line: Int(position.line), column: Int(position.column))
  }

  package var description: String { "chat template, line \(line), column \(column): \(reason)" }
}

/// A place in a template's source; lines and columns count from 1.
struct TemplatePosition: Sendable {
  var line: Int32 = 1
  var column: Int32 = 1
}

/// Bounds on one template and one rendering of it.
package struct TemplateLimits: Sendable {
  /// UTF-8 bytes of source.
  package var source: Int
  /// Expressions evaluated, statements run and microseconds that reading and writing bytes is expected to take.
  package var steps: Int
  /// Syntax nested in syntax, values in values, and evaluations in progress at once, macro calls included.
  package var depth: Int
  /// UTF-8 bytes rendered, intermediate captures included.
  package var output: Int
  /// Bytes of all strings and lists built on the way, freed or not.
  package var memory: Int
  /// Processor time of the rendering thread.
  package var seconds: Double

  package init(
    source: Int = 1 << 20, steps: Int = 1_000_000, depth: Int = 96, output: Int = 32 << 20, memory: Int = 512 << 20,
    seconds: Double = 1
  ) {
    (self.source, self.steps, self.depth) = (source, steps, depth)
    (self.output, self.memory, self.seconds) = (output, memory, seconds)
  }
}
