// Asks every question in every arm and stores the results. Cancelling the task ends the run; stored results remain.
import Basics
import Foundation

/// A run of questions through arms, with its results in a directory.
package struct EvaluationRun: Sendable {
  private let set: QuestionSet
  private let parameters: RunParameters
  private let directory: String

  /// Creates a run. Throws if a parameter is out of its limits.
  package init(_ set: QuestionSet, _ parameters: RunParameters, directory: String) throws(EvaluationError) {
    guard !parameters.modes.isEmpty || !parameters.biases.isEmpty else {
      throw EvaluationError("at least one mode or bias is required")
    }
    guard parameters.parallel > 0, parameters.maxTokens ?? 1 > 0, parameters.failuresInARow > 0 else {
      throw EvaluationError("parallel requests, tokens and consecutive failures must be at least 1")
    }
    guard Set(parameters.modes).count == parameters.modes.count, Set(parameters.biases).count == parameters.biases.count
    else {
      throw EvaluationError("modes and biases must not be repeated")
    }
    self.set = set
    self.parameters = parameters
    self.directory = directory
  }

  /// A question and the arm in which it is asked.
  private struct Job: Hashable {
    var question: Int
    var arm: Arm
  }

  /// Asks the questions that have no answer in the directory, and returns all results in the order of the questions.
  /// `progress` is called at the start and for every result. Throws `EvaluationError` if the directory belongs to
  /// another run or nothing is answered any more, and `CancellationError`.
  package func run(
    with client: any ModelClient, progress: (RunProgress) -> Void = { _ in }
  ) async throws -> [EvaluationResult] {
    let file = try ResultsFile<EvaluationResult>(in: directory, of: RunManifest(set, parameters))
    let earlier = try known(file.earlier)
    var results = earlier.filter { $0.value.failure == nil }
    let jobs = allJobs()
    var state = RunProgress(parallel: parameters.parallel, rateName: "right")
    for job in jobs { state.expect(job.arm.description) }
    for result in results.values { state.add(result.arm.description, result.outcome, seconds: nil) }
    progress(state)
    // Earlier failures go last: they may fail again and must not delay the rest.
    let waiting = jobs.filter { earlier[$0] == nil } + jobs.filter { earlier[$0]?.failure != nil }
    try await JobRunner(parallel: parameters.parallel, failuresInARow: parameters.failuresInARow)
      .run(waiting) {
        try await ask($0, client)
      } take: { job, result in
        try file.append(result)
        results[job] = result
        state.add(result.arm.description, result.outcome, seconds: result.seconds)
        progress(state)
      }
    return jobs.compactMap { results[$0] }
  }

  /// Returns all jobs, question by question in every arm, so that an interrupted run has the same questions in all
  /// arms.
  private func allJobs() -> [Job] {
    var positions: [String: Int] = [:]
    return set.questions.indices.flatMap { index in
      let name = set.questions[index].set
      let position = positions[name, default: 0]
      positions[name] = position + 1
      return parameters.arms(position: position).map { Job(question: index, arm: $0) }
    }
  }

  /// Returns the results of earlier runs, the last one for each job. Throws for a result that does not belong to this
  /// run.
  private func known(_ earlier: [EvaluationResult]) throws(EvaluationError) -> [Job: EvaluationResult] {
    let jobs = Set(allJobs())
    let indices = Dictionary(uniqueKeysWithValues: set.questions.indices.map { (set.questions[$0].key, $0) })
    var known: [Job: EvaluationResult] = [:]
    for result in earlier {
      guard let index = indices[result.key], jobs.contains(Job(question: index, arm: result.arm)) else {
        throw EvaluationError(
          "\(directory)/\(ResultsFile<EvaluationResult>.name) contains an answer to \(result.key) in \(result.arm), which is not part of this run"
        )
      }
      known[Job(question: index, arm: result.arm)] = result
    }
    return known
  }

  private func ask(_ job: Job, _ client: any ModelClient) async throws -> EvaluationResult {
    let question = set.questions[job.question]
    let start = ContinuousClock.now
    func failed(_ reason: String, blamesServer: Bool) -> EvaluationResult {
      var result = EvaluationResult(key: question.key, arm: job.arm)
      (result.failure, result.blamesServer) = (reason, blamesServer)
      result.seconds = (ContinuousClock.now - start).seconds
      result.needsReasoning = question.needsReasoning
      return result
    }
    do {
      let body = try parameters.body(question, job.arm)
      let reply = try ModelReply(try await client.complete(body))
      return EvaluationResult(
        question, job.arm, reply, seconds: (ContinuousClock.now - start).seconds, keepsText: parameters.keepsText)
    } catch let error as ModelClientError {
      // An interrupted client may throw its own error.
      try Task.checkCancellation()
      return failed(error.description, blamesServer: error.blamesServer)
    } catch let error as EvaluationError {
      return failed(error.description, blamesServer: false)
    }
  }
}
