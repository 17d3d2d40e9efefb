// Labels every item by the applicable rule and stores the results. Cancelling the task ends the run; stored results
// remain.
import Basics
import Foundation
import JSON

/// A run of items through the rules, with its results in a directory.
package struct AnnotationRun: Sendable {
  private let set: QuestionSet
  private let parameters: AnnotationParameters
  private let directory: String

  /// Creates a run. Throws if a parameter is out of its limits.
  package init(
    _ set: QuestionSet, _ parameters: AnnotationParameters, directory: String
  ) throws(EvaluationError) {
    try parameters.validate()
    self.set = set
    self.parameters = parameters
    self.directory = directory
  }

  /// Labels the items that have no label in the directory, writes `labels.jsonl`, and returns all results in the
  /// order of the items. `model` draws samples and reports P(think), `judge` judges. `progress` is called at the
  /// start and for every result. Throws `EvaluationError` if the directory belongs to another run or nothing is
  /// answered any more, and `CancellationError`.
  package func run(
    with model: any ModelClient, judge: any ModelClient, progress: (RunProgress) -> Void = { _ in }
  ) async throws -> [Annotation] {
    let file = try ResultsFile<Annotation>(
      in: directory, of: RunManifest("annotation", set, parameters.manifest))
    var earlier: [Question.Key: Annotation] = [:]
    let items = Set(set.questions.map(\.key))
    for result in file.earlier {
      guard items.contains(result.key) else {
        throw EvaluationError(
          "\(directory)/\(ResultsFile<Annotation>.name) contains a label for \(result.key), which is not an item of this run"
        )
      }
      earlier[result.key] = result
    }
    var results = earlier.filter { $0.value.failure == nil }
    var state = RunProgress(parallel: parameters.parallel, rateName: "reasoning")
    for item in set.questions { state.expect(parameters.rule(for: item).rawValue) }
    for result in results.values { state.add(result.rule.rawValue, result.outcome, seconds: nil) }
    progress(state)
    // Earlier failures go last: they may fail again and must not delay the rest.
    let waiting =
      set.questions.filter { earlier[$0.key] == nil } + set.questions.filter { earlier[$0.key]?.failure != nil }
    try await JobRunner(parallel: parameters.parallel, failuresInARow: parameters.failuresInARow)
      .run(waiting) {
        try await annotate($0, model, judge)
      } take: { item, result in
        try file.append(result)
        results[item.key] = result
        state.add(result.rule.rawValue, result.outcome, seconds: result.seconds)
        progress(state)
      }
    let ordered = set.questions.compactMap { results[$0.key] }
    try LabelsFile.write(set.questions, ordered, into: directory)
    return ordered
  }

  private func annotate(
    _ item: Question, _ model: any ModelClient, _ judge: any ModelClient
  ) async throws -> Annotation {
    var result = Annotation(item, parameters.rule(for: item))
    let start = ContinuousClock.now
    do {
      switch (result.rule, parameters.difficulty) {
      case (.performance, _): try await sample(item, model, &result)
      case (.difficulty, .judge(let difficulty)):
        let reply = try await judge.complete(parameters.judgeBody(item, difficulty))
        result.count(reply)
        let answer = try ModelReply(reply).answer
        guard let label = DifficultyJudge.label(in: answer) else {
          throw EvaluationError("the judge answered neither direct nor reasoning: \(answer.suffix(200))")
        }
        (result.label, result.evidence) = (label, .judgement(String(answer.suffix(500))))
      case (.difficulty, .thinkProbability(let threshold)):
        let reply = try await model.complete(parameters.probabilityBody(item))
        result.count(reply)
        guard let probability = try ModelReply(reply).thinkProbability else {
          throw ModelClientError.fatal("the reply has no thinking.p_think")
        }
        result.label = probability >= threshold ? .reasoning : .direct
        result.evidence = .thinkProbability(probability, threshold: threshold)
      }
    } catch let error as ModelClientError {
      // An interrupted client may throw its own error.
      try Task.checkCancellation()
      (result.failure, result.blamesServer) = (error.description, error.blamesServer)
    } catch let error as EvaluationError {
      result.failure = error.description
    }
    result.seconds = (ContinuousClock.now - start).seconds
    return result
  }

  /// Draws all samples, whatever the first ones are, so that the evidence for all items has the same size. Throws if
  /// a sample is not available.
  private func sample(_ item: Question, _ model: any ModelClient, _ result: inout Annotation) async throws {
    var answers: [String] = []
    while answers.count < parameters.samples {
      let count = min(parameters.samplesPerRequest, parameters.samples - answers.count)
      let reply = try await model.complete(parameters.sampleBody(item, drawn: answers.count, count: count))
      result.count(reply)
      answers += try ModelReply.answers(reply).prefix(count)
    }
    let right = answers.count { item.scorer?.accepts($0) ?? false }
    result.label = right == 0 ? .reasoning : .direct
    result.evidence = .samples(right: right, of: answers.count, texts: parameters.keepsText ? answers : nil)
  }
}
