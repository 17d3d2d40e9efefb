// What came of one question asked in one way; one line of `results.jsonl`.
import JSON

/// An answer that was scored, or why there is none.
package struct EvaluationResult: Sendable, Equatable {
  package var key: Question.Key
  package var arm: Arm
  /// Whether the answer is right; false for a failure.
  package var isCorrect = false
  /// Why there was no answer; nil when there was one. Failures are asked again when a run is continued.
  package var failure: String?
  /// Whether the failure is the server's and not the question's own; not written down.
  package var blamesServer = false
  /// Texts of answer and thought, where they are kept.
  package var answer: String?
  package var thought: String?
  /// Counts by kind; nil where the server does not tell.
  package var promptTokens: Int?
  package var thinkingTokens: Int?
  package var controlTokens: Int?
  package var answerTokens: Int?
  package var outputTokens: Int?
  /// Whether the model thought; nil where nothing tells.
  package var isThinking: Bool?
  /// The probability of thinking, in `auto`.
  package var thinkProbability: Double?
  /// Why the reply and the thought ended.
  package var finish: String?
  package var stop: String?
  /// From asking to the whole reply, waiting and repeated tries included.
  package var seconds = 0.0
  /// The question's own label.
  package var needsReasoning: Bool?

  package init(key: Question.Key, arm: Arm) { (self.key, self.arm) = (key, arm) }

  /// Scores a reply.
  package init(_ question: Question, _ arm: Arm, _ reply: ModelReply, seconds: Double, keepsText: Bool) {
    self.init(key: question.key, arm: arm)
    isCorrect = question.scorer?.accepts(reply.answer) ?? false
    if keepsText { (answer, thought) = (reply.answer, reply.thought) }
    (promptTokens, outputTokens) = (reply.promptTokens, reply.outputTokens)
    (thinkingTokens, controlTokens) = (reply.thinkingTokens, reply.controlTokens)
    (answerTokens, isThinking) = (reply.answerTokens, reply.isThinking)
    (thinkProbability, finish, stop) = (reply.thinkProbability, reply.finish, reply.stop)
    (self.seconds, needsReasoning) = (seconds, question.needsReasoning)
  }
}

extension EvaluationResult: RunResult {
  /// What progress counts: right or wrong, or a failure.
  var outcome: Bool? { failure == nil ? isCorrect : nil }

  /// The line, without what is not known.
  package var json: JSONValue {
    var object: JSONObject = ["set": .string(key.set), "id": .string(key.id), "mode": .string(arm.mode.rawValue)]
    object["bias"] = arm.bias.map(JSONValue.number)
    if let failure {
      object["error"] = .string(failure)
    } else {
      object["correct"] = .bool(isCorrect)
    }
    object["answer"] = answer.map(JSONValue.string)
    object["thought"] = thought.map(JSONValue.string)
    for (name, count) in [
      ("prompt_tokens", promptTokens), ("thinking_tokens", thinkingTokens), ("control_tokens", controlTokens),
      ("answer_tokens", answerTokens), ("output_tokens", outputTokens),
    ] {
      object[name] = count.map { .integer(Int64($0)) }
    }
    object["thinks"] = isThinking.map(JSONValue.bool)
    object["p_think"] = thinkProbability.map(JSONValue.number)
    object["finish"] = finish.map(JSONValue.string)
    object["stop"] = stop.map(JSONValue.string)
    object["seconds"] = .number((seconds * 1e6).rounded() / 1e6)
    object["reasoning"] = needsReasoning.map(JSONValue.bool)
    return .object(object)
  }

  /// Reads a line back. Throws naming the member that is missing or wrong.
  package init(_ json: JSONValue) throws(EvaluationError) {
    let key = try Question.Key(json)
    guard let mode = json["mode"]?.string.flatMap(Arm.Mode.init) else {
      throw EvaluationError("mode is missing or unknown")
    }
    self.init(key: key, arm: Arm(mode, bias: json["bias"]?.double))
    failure = json["error"]?.string
    if failure == nil {
      guard let correct = json["correct"]?.bool else { throw EvaluationError("correct and error are missing") }
      isCorrect = correct
    }
    (answer, thought) = (json["answer"]?.string, json["thought"]?.string)
    func count(_ name: String) throws(EvaluationError) -> Int? {
      guard let value = json[name] else { return nil }
      guard let count = ModelReply.count(value) else { throw EvaluationError("\(name) is no count") }
      return count
    }
    promptTokens = try count("prompt_tokens")
    thinkingTokens = try count("thinking_tokens")
    controlTokens = try count("control_tokens")
    answerTokens = try count("answer_tokens")
    outputTokens = try count("output_tokens")
    (isThinking, thinkProbability) = (json["thinks"]?.bool, json["p_think"]?.double)
    (finish, stop) = (json["finish"]?.string, json["stop"]?.string)
    (seconds, needsReasoning) = (json["seconds"]?.double ?? 0, json["reasoning"]?.bool)
  }
}
