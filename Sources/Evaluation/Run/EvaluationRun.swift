// Asks every question in every way and writes down what comes back. Cancelling the task ends the run with what is written.
import Basics
import Foundation

/// A run of questions through modes, with its results in a directory.
package struct EvaluationRun: Sendable {
  private let set: QuestionSet
  private let parameters: RunParameters
  private let directory: String

  /// Throws for parameters that ask for nothing.
  package init(_ set: QuestionSet, _ parameters: RunParameters, directory: String) throws(EvaluationError) {
    guard !parameters.modes.isEmpty || !parameters.biases.isEmpty else { throw EvaluationError("no mode to ask in") }
    guard parameters.parallel > 0, parameters.maxTokens ?? 1 > 0, parameters.failuresInARow > 0 else {
      throw EvaluationError("parallel requests, tokens and failures in a row must be at least 1")
    }
    guard Set(parameters.modes).count == parameters.modes.count, Set(parameters.biases).count == parameters.biases.count
    else {
      throw EvaluationError("a mode or bias is given twice")
    }
    (self.set, self.parameters, self.directory) = (set, parameters, directory)
  }

  /// A question and the way to ask it.
  private struct Job: Hashable {
    var question: Int
    var arm: Arm
  }

  /// Asks what the directory has no answer to yet, and returns all results in the order of the questions. `progress` is called at first and for every result. Throws `EvaluationError`
  /// when the directory is another run's or nothing is answered any more, and `CancellationError`.
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
    // What failed before goes last: it may fail again, and the rest is not to wait for it.
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

  /// The questions one after the other, each in every way, so that a run that ends early has all ways of the same questions.
  private func allJobs() -> [Job] {
    var positions: [String: Int] = [:]
    return set.questions.indices.flatMap { index in
      let name = set.questions[index].set
      let position = positions[name, default: 0]
      positions[name] = position + 1
      return parameters.arms(position: position).map { Job(question: index, arm: $0) }
    }
  }

  /// The results of earlier runs, the last for each job. Throws for one to a question that this run does not ask.
  private func known(_ earlier: [EvaluationResult]) throws(EvaluationError) -> [Job: EvaluationResult] {
    let jobs = Set(allJobs())
    let indices = Dictionary(uniqueKeysWithValues: set.questions.indices.map { (set.questions[$0].key, $0) })
    var known: [Job: EvaluationResult] = [:]
    for result in earlier {
      guard let index = indices[result.key], jobs.contains(Job(question: index, arm: result.arm)) else {
        throw EvaluationError(
          "\(directory)/\(ResultsFile<EvaluationResult>.name) answers \(result.key) in \(result.arm), which this run does not ask"
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
      // A client that was interrupted may say so in its own words.
      try Task.checkCancellation()
      return failed(error.description, blamesServer: error.blamesServer)
    } catch let error as EvaluationError {
      return failed(error.description, blamesServer: false)
    }
  }
}
