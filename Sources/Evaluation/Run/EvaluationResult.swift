// The result of one question in one arm: a line of `results.jsonl`.
import JSON

/// A scored answer, or the reason why there is none.
package struct EvaluationResult: Sendable, Equatable {
  package var key: Question.Key
  package var arm: Arm
  /// Whether the answer is correct; false for a failure.
  package var isCorrect = false
  /// The reason why there is no answer, or nil. Failures are retried when a run is continued.
  package var failure: String?
  /// Whether the server is at fault and not the question. Not stored.
  package var blamesServer = false
  /// The texts of answer and thought, if they are kept.
  package var answer: String?
  package var thought: String?
  /// The token counts by kind; nil if the server does not report them.
  package var promptTokens: Int?
  package var thinkingTokens: Int?
  package var controlTokens: Int?
  package var answerTokens: Int?
  package var outputTokens: Int?
  /// Whether the model thought; nil if unknown.
  package var isThinking: Bool?
  /// The probability of thinking, in `auto`.
  package var thinkProbability: Double?
  /// The reasons why the reply and the thought ended.
  package var finish: String?
  package var stop: String?
  /// The time from the request to the complete reply, including waiting and retries.
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
    thinkProbability = reply.thinkProbability
    finish = reply.finish
    stop = reply.stop
    (self.seconds, needsReasoning) = (seconds, question.needsReasoning)
  }
}

extension EvaluationResult: RunResult {
  /// The outcome for the progress: whether the answer is correct; nil for a failure.
  var outcome: Bool? { failure == nil ? isCorrect : nil }

  /// The line, without unknown values.
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

  /// Reads a line. Throws with the name of the missing or invalid member.
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
      guard let count = ModelReply.count(value) else { throw EvaluationError("\(name) must be a count") }
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
