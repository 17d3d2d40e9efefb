// The parameters of a run. The manifest contains those that affect results, but not others, such as the parallelism.
import JSON

/// The parameters of a run.
package struct RunParameters: Sendable {
  /// The modes in which every question is asked.
  package var modes: [Arm.Mode] = Arm.Mode.allCases
  /// The additional biases with which `auto` is asked.
  package var biases: [Double] = []
  /// The number of questions of each set, from the first, that are asked with biases; nil for all.
  package var sweepQuestions: Int?
  /// `max_completion_tokens`; nil for the server's default. This project's server uses 8192, as in the paper (arXiv
  /// 2508.21113, section 4), or the remaining context.
  package var maxTokens: Int?
  /// The `seed` of requests. It has no effect at temperature 0, which all requests use.
  package var seed: UInt64 = 0
  /// The `model` of requests; nil to omit it.
  package var model: String?
  /// The identity of the answering model, as far as it affects answers: the server's address, or the checkpoint and
  /// its settings. A run can be continued only with the same.
  package var source: JSONValue = ""
  /// Whether the texts of answers and thoughts are stored.
  package var keepsText = false
  package var choices = ChoiceFormat()
  /// The number of parallel requests.
  package var parallel = 1
  /// The number of consecutive server failures, over all requests, that ends the run.
  package var failuresInARow = 10

  package init() {}

  /// Returns the arms in which the question at index `position` of its set is asked. Plain `auto` serves as bias 0
  /// and is asked once.
  package func arms(position: Int) -> [Arm] {
    var arms = modes.map { Arm($0) }
    if sweepQuestions.map({ position < $0 }) ?? true {
      for bias in biases where !(bias == 0 && modes.contains(.auto)) { arms.append(Arm(.auto, bias: bias)) }
    }
    return arms
  }

  /// Returns a question as a body of `/v1/chat/completions`. Throws if an image cannot be read.
  package func body(_ question: Question, _ arm: Arm) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try question.message(choices.prompt(for: question))],
      "thinking_mode": .string(arm.mode.rawValue), "temperature": 0,
      "seed": .integer(Int64(clamping: seed)),
    ]
    body["max_completion_tokens"] = maxTokens.map { .integer(Int64($0)) }
    if let model { body["model"] = .string(model) }
    if let bias = arm.bias { body["think_bias"] = .number(bias) }
    return .object(body)
  }
}
