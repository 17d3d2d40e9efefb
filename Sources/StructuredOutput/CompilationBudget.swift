// Bounds the work of the compilations for one request. Every loop whose length a schema decides spends steps; now and then the caller is asked whether
// the result is still wanted. A step is a few nanoseconds of work.

import Text

/// The steps that the grammars of one request may still take. Not shared between threads.
package final class CompilationBudget {
  private var left: Int
  private var unchecked = 0
  /// Strings and numbers that were compiled, by what was said about them.
  let known: KnownScalars
  /// Conjunctions of schemas within one another.
  var conjunctions = 0
  private let shouldStop: () -> Bool

  /// Steps between two questions whether to stop: less than a millisecond of work.
  private static let interval = 16_384

  /// `shouldStop` is asked at least every 16,384 steps whether the result is still wanted.
  package init(steps: Int = SchemaLimits.steps, shouldStop: @escaping () -> Bool = { false }) {
    (left, self.shouldStop, known) = (steps, shouldStop, KnownScalars())
  }

  /// As many steps again for other grammars of the same request, which find what was compiled for `other`.
  package init(beside other: CompilationBudget) {
    (left, shouldStop, known) = (SchemaLimits.steps, other.shouldStop, other.known)
  }

  /// Takes note of `steps` of work; throws when there were too many, or when the caller wants no more.
  func spend(_ steps: Int) throws(PatternError) {
    left -= steps
    unchecked += steps
    if unchecked >= Self.interval {
      unchecked = 0
      if shouldStop() { throw PatternError(reason: "was not compiled: the request ended", isStopped: true) }
    }
    if left < 0 {
      throw PatternError(reason: "takes too long to compile; make the schema smaller or its patterns simpler")
    }
  }
}

/// Nodes without parts, which any grammar may hold.
final class KnownScalars {
  var nodes: [[UInt8]: Grammar.Node] = [:]
}
