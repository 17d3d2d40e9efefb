// Why work was not done.

/// What `WorkQueue.run` throws beside the errors of the work itself and `CancellationError`.
package enum WorkError: Error, Equatable, Sendable {
  /// The work of one request took more processor time than it may.
  case overBudget(limit: Duration)
  /// As many jobs wait as may wait in all.
  case full(limit: Int)
  /// As many jobs wait as may wait for one client.
  case clientFull(limit: Int)
}
