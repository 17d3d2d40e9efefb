// Work on many questions side by side. Each job runs in a task of its own; results are taken by the one task that started them, so that what
// they are written to needs no lock.

/// Runs jobs, so many at once.
struct JobRunner {
  /// Jobs in flight.
  var parallel: Int
  /// So many failures of the server in a row, over all jobs, end the run: a server that is down fails every question. Failures of single
  /// questions, such as an image that the server does not take, neither count nor end a row.
  var failuresInARow: Int

  /// Runs the jobs, started in order, and hands each result to `take` as it comes. Throws what `work` and `take` throw, `EvaluationError` after too many failures of the server
  /// in a row, and `CancellationError`.
  func run<Job: Sendable, Result: RunResult>(
    _ jobs: some Sequence<Job>, work: @escaping @Sendable (Job) async throws -> Result,
    take: (Job, Result) throws -> Void
  ) async throws {
    var waiting = jobs.makeIterator()
    var failures = 0
    try await withThrowingTaskGroup(of: (Job, Result).self) { group in
      func start() {
        guard let job = waiting.next() else { return }
        group.addTask { (job, try await work(job)) }
      }
      for _ in 0..<parallel { start() }
      while let (job, result) = try await group.next() {
        try take(job, result)
        if let failure = result.failure {
          failures += result.blamesServer ? 1 : 0
          if failures >= failuresInARow {
            throw EvaluationError("\(failures) requests in a row failed, the last with: \(failure)")
          }
        } else {
          failures = 0
        }
        start()
      }
    }
    try Task.checkCancellation()
  }
}
