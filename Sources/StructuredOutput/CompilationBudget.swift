// Limits the work of compiling the grammars of one request. Every loop whose length depends on a schema spends steps
// of a few nanoseconds each and regularly checks whether the result is still needed.

import Text

/// The remaining compilation steps for the grammars of one request. Not shared between threads.
package final class CompilationBudget {
  private var left: Int
  private var unchecked = 0
  /// The compiled strings and numbers, by their constraints.
  let known: ScalarCache
  /// The current nesting depth of merged schemas.
  var conjunctions = 0
  private let shouldStop: () -> Bool

  /// The number of steps between two calls of `shouldStop`: less than a millisecond of work.
  private static let interval = 16_384

  /// Creates a budget. `shouldStop` is called at least every 16,384 steps and returns whether the result is no longer
  /// needed.
  package init(steps: Int = SchemaLimits.steps, shouldStop: @escaping () -> Bool = { false }) {
    left = steps
    self.shouldStop = shouldStop
    known = ScalarCache()
  }

  /// Creates a budget of the same size for other grammars of the same request. They reuse the scalars compiled for
  /// `other`.
  package init(sharing other: CompilationBudget) {
    left = SchemaLimits.steps
    shouldStop = other.shouldStop
    known = other.known
  }

  /// Counts `steps` of work. Throws if the budget is exhausted or the result is no longer needed.
  func spend(_ steps: Int) throws(PatternError) {
    left -= steps
    unchecked += steps
    if unchecked >= Self.interval {
      unchecked = 0
      if shouldStop() { throw PatternError(reason: "was not compiled because the request ended", isStopped: true) }
    }
    if left < 0 {
      throw PatternError(reason: "takes too long to compile; make the schema smaller or its patterns simpler")
    }
  }
}

/// A cache of nodes without children, which every grammar may contain.
final class ScalarCache {
  var nodes: [[UInt8]: Grammar.Node] = [:]
}
