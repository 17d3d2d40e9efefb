// How items are labelled. What changes labels is in the manifest; what does not, such as the number of items in flight, is not.
import JSON

/// The parameters of an annotation.
package struct AnnotationParameters: Sendable {
  /// What decides about items without a known answer.
  package enum Difficulty: Sendable {
    /// A model is asked how hard the item is.
    case judge(DifficultyJudge)
    /// The probability that the model itself gives to thinking; items at or above the threshold need reasoning.
    case thinkProbability(threshold: Double)
  }

  /// Answers drawn for an item with a known answer, 8 as in the paper (arXiv 2508.21113, section 3.1).
  package var samples = 8
  /// Samples of an item at most.
  package static let maxSamples = 1024
  /// How many of them one request asks for (`n`); a server that gives fewer is asked again.
  package var samplesPerRequest = 8
  /// Of the samples. The paper gives none; 1 is the model's own distribution.
  package var temperature = 1.0
  /// `max_completion_tokens` of samples and judgements; nil leaves it to the server.
  package var maxTokens: Int?
  /// Determines the seeds of the samples, together with the item's name.
  package var seed: UInt64 = 0
  package var difficulty = Difficulty.judge(DifficultyJudge())
  /// Whether the difficulty rule also decides about items with a known answer.
  package var ignoresAnswers = false
  /// The `model` of requests for samples and P(think), and of those for judgements; nil leaves it out.
  package var model: String?
  package var judgeModel: String?
  /// Who answers and who judges, so far as it changes answers. A run is continued only by the same.
  package var source: JSONValue = ""
  package var judgeSource: JSONValue = ""
  /// Members for the bodies of requests; null takes one of ours out.
  package var extra = JSONObject()
  package var judgeExtra = JSONObject()
  /// Whether the texts of samples are kept as evidence.
  package var keepsText = false
  package var choices = ChoiceFormat()
  /// Items in flight.
  package var parallel = 1
  /// So many failures of the server in a row, over all items, end the run.
  package var failuresInARow = 10

  package init() {}

  /// Throws for parameters that ask for nothing, naming the limit.
  func validate() throws(EvaluationError) {
    guard (1...Self.maxSamples).contains(samples), samplesPerRequest >= 1 else {
      throw EvaluationError(
        "\(samples) samples, \(samplesPerRequest) a request: from 1 to \(Self.maxSamples) are drawn")
    }
    guard parallel > 0, maxTokens ?? 1 > 0, failuresInARow > 0 else {
      throw EvaluationError("items in flight, tokens and failures in a row must be at least 1")
    }
    guard temperature.isFinite, temperature >= 0, samples == 1 || temperature > 0 else {
      throw EvaluationError("temperature \(temperature): samples would all be the same; it must be above 0")
    }
    if case .thinkProbability(let threshold) = difficulty, !(0...1).contains(threshold) {
      throw EvaluationError("threshold \(threshold): a probability is from 0 to 1")
    }
  }

  /// The rule that decides about an item.
  func rule(for item: Question) -> Annotation.Rule {
    item.scorer == nil || ignoresAnswers ? .difficulty : .performance
  }

  /// What a manifest holds of them.
  var manifest: JSONObject {
    var object: JSONObject = [
      "model": model.map(JSONValue.string) ?? .null, "source": source, "extra_body": .object(extra),
      "samples": .integer(Int64(samples)), "samples_per_request": .integer(Int64(samplesPerRequest)),
      "temperature": .number(temperature), "max_completion_tokens": maxTokens.map { .integer(Int64($0)) } ?? .null,
      "seed": .string(String(seed)), "ignore_answers": .bool(ignoresAnswers), "keep_text": .bool(keepsText),
    ]
    switch difficulty {
    case .judge(let judge):
      object["judge"] = [
        "model": judgeModel.map(JSONValue.string) ?? .null, "source": judgeSource,
        "extra_body": .object(judgeExtra), "prompt": .string(judge.prompt), "as_json": .bool(judge.asksForJSON),
      ]
    case .thinkProbability(let threshold): object["p_think"] = ["threshold": .number(threshold)]
    }
    return object
  }
}

extension AnnotationParameters {
  /// A request for `count` samples without thinking, after `drawn` others.
  func sampleBody(_ item: Question, drawn: Int, count: Int) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try item.message(choices.prompt(for: item))], "thinking_mode": "short",
      "temperature": .number(temperature), "n": .integer(Int64(count)),
      "seed": .integer(firstSeed(of: item) + Int64(drawn)),
    ]
    body["max_completion_tokens"] = maxTokens.map { .integer(Int64($0)) }
    body["model"] = model.map(JSONValue.string)
    return Self.merged(body, extra)
  }

  /// A request for one token in `auto`, whose reply tells P(think).
  func probabilityBody(_ item: Question) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try item.message(choices.prompt(for: item))], "thinking_mode": "auto", "temperature": 0,
      "max_completion_tokens": 1,
    ]
    body["model"] = model.map(JSONValue.string)
    return Self.merged(body, extra)
  }

  /// A request for a judgement. It holds nothing that only our server knows.
  func judgeBody(_ item: Question, _ judge: DifficultyJudge) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try item.message(judge.text(choices.prompt(for: item)))], "temperature": 0,
    ]
    body["max_completion_tokens"] = maxTokens.map { .integer(Int64($0)) }
    if judge.asksForJSON { body["response_format"] = DifficultyJudge.responseFormat }
    body["model"] = judgeModel.map(JSONValue.string)
    return Self.merged(body, judgeExtra)
  }

  /// The seed of an item's first sample. Items have seeds of their own, so that they are not drawn with the same numbers, far from those of
  /// other runs, as the samples take the numbers that follow; small ones, since some servers take 32 bits.
  private func firstSeed(of item: Question) -> Int64 {
    var hash = Fingerprint()
    hash.add(Array(item.key.set.utf8))
    hash.add(Array(item.key.id.utf8))
    hash.add((0..<8).map { UInt8(truncatingIfNeeded: seed >> (8 * $0)) })
    return Int64(hash.value % (1 << 30))
  }

  private static func merged(_ body: JSONObject, _ extra: JSONObject) -> JSONValue {
    var body = body
    for member in extra.members { body[member.name] = member.value.isNull ? Optional.none : member.value }
    return .object(body)
  }
}
