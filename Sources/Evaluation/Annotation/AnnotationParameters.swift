// The parameters of annotation. The manifest contains those that affect labels, but not others, such as the
// parallelism.
import JSON

/// The parameters of an annotation.
package struct AnnotationParameters: Sendable {
  /// The decision for items without a known answer.
  package enum Difficulty: Sendable {
    /// A model judges how difficult the item is.
    case judge(DifficultyJudge)
    /// The model's own probability of thinking. Items at or above the threshold need reasoning.
    case thinkProbability(threshold: Double)
  }

  /// The number of answers drawn per item with a known answer: 8, as in the paper (arXiv 2508.21113, section 3.1).
  package var samples = 8
  /// The limit on the number of samples per item.
  package static let maxSamples = 1024
  /// The number of samples per request (`n`). A server that returns fewer is asked again.
  package var samplesPerRequest = 8
  /// The temperature of the samples. The paper gives none; 1 is the model's own distribution.
  package var temperature = 1.0
  /// `max_completion_tokens` of samples and judgements; nil for the server's default.
  package var maxTokens: Int?
  /// The seed of the samples, combined with the item's name.
  package var seed: UInt64 = 0
  package var difficulty = Difficulty.judge(DifficultyJudge())
  /// Whether the difficulty rule also decides on items with a known answer.
  package var ignoresAnswers = false
  /// The `model` of requests for samples and P(think), and below for judgements; nil to omit it.
  package var model: String?
  package var judgeModel: String?
  /// The identity of the answering and the judging model, as far as it affects answers. A run can be continued only
  /// with the same.
  package var source: JSONValue = ""
  package var judgeSource: JSONValue = ""
  /// Members to add to request bodies; null removes a member.
  package var extra = JSONObject()
  package var judgeExtra = JSONObject()
  /// Whether the texts of samples are stored as evidence.
  package var keepsText = false
  package var choices = ChoiceFormat()
  /// The number of items processed in parallel.
  package var parallel = 1
  /// The number of consecutive server failures, over all items, that ends the run.
  package var failuresInARow = 10

  package init() {}

  /// Throws if a parameter is out of its limits.
  func validate() throws(EvaluationError) {
    guard (1...Self.maxSamples).contains(samples), samplesPerRequest >= 1 else {
      throw EvaluationError(
        "samples and samples per request must be between 1 and \(Self.maxSamples), got \(samples) and \(samplesPerRequest)"
      )
    }
    guard parallel > 0, maxTokens ?? 1 > 0, failuresInARow > 0 else {
      throw EvaluationError("parallel items, tokens and consecutive failures must be at least 1")
    }
    guard temperature.isFinite, temperature >= 0, samples == 1 || temperature > 0 else {
      throw EvaluationError("the temperature must be above 0, so that samples differ, got \(temperature)")
    }
    if case .thinkProbability(let threshold) = difficulty, !(0...1).contains(threshold) {
      throw EvaluationError("the threshold must be between 0 and 1, got \(threshold)")
    }
  }

  /// Returns the rule that decides on an item.
  func rule(for item: Question) -> Annotation.Rule {
    item.scorer == nil || ignoresAnswers ? .difficulty : .performance
  }

  /// The members of the manifest.
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
  /// Returns a request for `count` samples without thinking, after `drawn` earlier ones.
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

  /// Returns a request for one token in `auto`, whose reply contains P(think).
  func probabilityBody(_ item: Question) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try item.message(choices.prompt(for: item))], "thinking_mode": "auto", "temperature": 0,
      "max_completion_tokens": 1,
    ]
    body["model"] = model.map(JSONValue.string)
    return Self.merged(body, extra)
  }

  /// Returns a request for a judgement, without any extension of this project's server.
  func judgeBody(_ item: Question, _ judge: DifficultyJudge) throws(EvaluationError) -> JSONValue {
    var body: JSONObject = [
      "messages": [try item.message(judge.text(choices.prompt(for: item)))], "temperature": 0,
    ]
    body["max_completion_tokens"] = maxTokens.map { .integer(Int64($0)) }
    if judge.asksForJSON { body["response_format"] = DifficultyJudge.responseFormat }
    body["model"] = judgeModel.map(JSONValue.string)
    return Self.merged(body, judgeExtra)
  }

  /// Returns the seed of an item's first sample. Items have different seeds, so that their samples are independent,
  /// far apart because samples use consecutive seeds, and small because some servers accept only 32 bits.
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
