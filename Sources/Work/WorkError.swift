// The reasons why work was not done.

/// The errors of `WorkQueue.run` in addition to those of the work itself and `CancellationError`.
package enum WorkError: Error, Equatable, Sendable {
  /// The work for one request took more processor time than allowed.
  case overBudget(limit: Duration)
  /// The queue of waiting jobs is full.
  case full(limit: Int)
  /// The client's queue of waiting jobs is full.
  case clientFull(limit: Int)
}
