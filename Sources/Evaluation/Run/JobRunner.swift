// Runs jobs in parallel. Each job runs in its own task; the task that started them takes all results, so that storing
// them needs no lock.

/// Runs a limited number of jobs at a time.
struct JobRunner {
  /// The number of parallel jobs.
  var parallel: Int
  /// The number of consecutive server failures, over all jobs, that ends the run: a server that is down fails every
  /// question. Failures caused by single questions, such as a rejected image, are not counted and do not interrupt
  /// the sequence.
  var failuresInARow: Int

  /// Runs the jobs, started in order, and passes each result to `take` as it arrives. Throws the errors of `work` and
  /// `take`, `EvaluationError` after too many consecutive server failures, and `CancellationError`.
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
            throw EvaluationError("\(failures) consecutive requests failed, the last one with: \(failure)")
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
