// Errors and limits of chat templates. Templates come with model files and are as untrusted as the requests they
// format.

import Text

/// An error while parsing or rendering a template, with its position in the template's source.
package struct TemplateError: Error, Equatable, CustomStringConvertible {
  package enum Kind: Sendable {
    /// The source is not a supported template.
    case syntax
    /// An expression has no value: wrong type, attribute of an undefined variable, division by zero.
    case evaluation
    /// A limit of `TemplateLimits` was exceeded.
    case limit
    /// The template called `raise_exception` to reject the conversation; `reason` is its message.
    case raised
  }

  package var kind: Kind
  package var reason: String
  /// The line in the template, starting at 1.
  package var line: Int
  /// The column in code points, starting at 1.
  package var column: Int

  package init(kind: Kind, reason: String, line: Int, column: Int) {
    self.kind = kind
    self.reason = reason
    self.line = line
    self.column = column
  }

  init(_ kind: Kind, _ reason: String, _ position: TemplatePosition) {
    self.init(kind: kind, reason: reason, line: Int(position.line), column: Int(position.column))
  }

  package var description: String { "chat template, line \(line), column \(column): \(reason)" }
}

/// A position in a template's source. Lines and columns start at 1.
struct TemplatePosition: Sendable {
  var line: Int32 = 1
  var column: Int32 = 1
}

/// Limits on a template and on one rendering of it.
package struct TemplateLimits: Sendable {
  /// The size of the source in UTF-8 bytes.
  package var source: Int
  /// The number of steps: evaluated expressions, executed statements, and microseconds that processing bytes is
  /// expected to take.
  package var steps: Int
  /// The nesting depth of syntax, of values, and of evaluations in progress, including macro calls.
  package var depth: Int
  /// The size of the output in UTF-8 bytes, including intermediate captures.
  package var output: Int
  /// The total size of all created strings and lists in bytes, including freed ones.
  package var memory: Int
  /// The processor time of the rendering thread in seconds.
  package var seconds: Double

  package init(
    source: Int = 1 << 20, steps: Int = 1_000_000, depth: Int = 96, output: Int = 32 << 20, memory: Int = 512 << 20,
    seconds: Double = 1
  ) {
    self.source = source
    self.steps = steps
    self.depth = depth
    self.output = output
    self.memory = memory
    self.seconds = seconds
  }
}
