// What a run asks and how. What changes results is in the manifest; what does not, such as the number of requests in flight, is not.
import JSON

/// The parameters of a run.
package struct RunParameters: Sendable {
  /// The modes that every question is asked in.
  package var modes: [Arm.Mode] = Arm.Mode.allCases
  /// Biases that `auto` is asked with besides.
  package var biases: [Double] = []
  /// How many questions of each set the biases are tried on, from the first; nil for all.
  package var sweepQuestions: Int?
  /// `max_completion_tokens`; nil leaves it to the server. Ours takes 8192 then, as in the paper (arXiv 2508.21113, section 4), or what the context leaves.
  package var maxTokens: Int?
  /// The request's `seed`. Of no consequence at temperature 0, which every request has.
  package var seed: UInt64 = 0
  /// The request's `model`; nil leaves it out.
  package var model: String?
  /// Who answers, so far as it changes answers: the server's address, or the checkpoint and the settings it is run with. A run is continued only by the same.
  package var source: JSONValue = ""
  /// Whether texts of answers and thoughts are kept.
  package var keepsText = false
  package var choices = ChoiceFormat()
  /// Requests in flight.
  package var parallel = 1
  /// So many failures of the server in a row, over all requests, end the run.
  package var failuresInARow = 10

  package init() {}

  /// The ways in which a question is asked that is the `position`-th (from 0) of its set. A bias of 0 is the plain `auto`, asked once.
  package func arms(position: Int) -> [Arm] {
    var arms = modes.map { Arm($0) }
    if sweepQuestions.map({ position < $0 }) ?? true {
      for bias in biases where !(bias == 0 && modes.contains(.auto)) { arms.append(Arm(.auto, bias: bias)) }
    }
    return arms
  }

  /// A question as a body of `/v1/chat/completions`. Throws when an image cannot be read.
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
