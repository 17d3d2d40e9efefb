// What came of one item; one line of `results.jsonl`, and with the item one of `labels.jsonl`.
import JSON

/// A label with the rule that gave it and why, or why there is none.
package struct Annotation: Sendable, Equatable {
  /// How an item is to be answered in training: at once, or after a thought.
  package enum Label: String, Sendable, CaseIterable {
    case direct, reasoning
  }

  /// The two rules of bi-mode annealing's data (arXiv 2508.21113, section 3.1).
  package enum Rule: String, Sendable, CaseIterable {
    /// For items with a known answer: samples without thinking; all wrong is reasoning.
    case performance
    /// For the rest: how hard a model finds the item.
    case difficulty
  }

  /// What a label rests on.
  package enum Evidence: Sendable, Equatable {
    /// How many samples are right, and their texts where they are kept.
    case samples(right: Int, of: Int, texts: [String]?)
    /// P(think) and the threshold.
    case thinkProbability(Double, threshold: Double)
    /// The end of the judge's answer, at most 500 characters.
    case judgement(String)
  }

  package var key: Question.Key
  package var rule: Rule
  /// nil for a failure.
  package var label: Label?
  package var evidence: Evidence?
  /// Why there is no label; nil when there is one. Failures are asked again when a run is continued.
  package var failure: String?
  /// Whether the failure is the server's and not the item's own; not written down.
  package var blamesServer = false
  /// Requests that were answered.
  package var requests = 0
  /// Tokens over all requests; nil where a server does not tell.
  package var promptTokens: Int? = 0
  package var outputTokens: Int? = 0
  /// From the first request to the last reply, waiting and repeated tries included.
  package var seconds = 0.0
  /// The item's own label.
  package var needsReasoning: Bool?

  init(_ item: Question, _ rule: Rule) { (key, self.rule, needsReasoning) = (item.key, rule, item.needsReasoning) }

  /// Counts a reply's tokens in.
  mutating func count(_ reply: JSONValue) {
    requests += 1
    func sum(_ total: Int?, _ name: String) -> Int? {
      guard let total, let more = ModelReply.count(reply["usage"]?[name]) else { return nil }
      return total + more
    }
    promptTokens = sum(promptTokens, "prompt_tokens")
    outputTokens = sum(outputTokens, "completion_tokens")
  }
}

extension Annotation: RunResult {
  /// What progress counts: reasoning or not, or a failure.
  var outcome: Bool? { label.map { $0 == .reasoning } }

  /// `label`, `rule`, `evidence` and `counts`.
  var verdict: JSONObject {
    var object: JSONObject = [:]
    object["label"] = label.map { .string($0.rawValue) }
    object["rule"] = .string(rule.rawValue)
    switch evidence {
    case .samples(let right, let samples, let texts):
      var told: JSONObject = [
        "signal": "samples", "right": .integer(Int64(right)), "samples": .integer(Int64(samples)),
      ]
      told["texts"] = texts.map { .array($0.map(JSONValue.string)) }
      object["evidence"] = .object(told)
    case .thinkProbability(let probability, let threshold):
      object["evidence"] = [
        "signal": "p_think", "p_think": .number(probability), "threshold": .number(threshold),
      ]
    case .judgement(let text): object["evidence"] = ["signal": "judge", "reply": .string(text)]
    case nil: break
    }
    var counts: JSONObject = ["requests": .integer(Int64(requests))]
    counts["prompt_tokens"] = promptTokens.map { .integer(Int64($0)) }
    counts["output_tokens"] = outputTokens.map { .integer(Int64($0)) }
    object["counts"] = .object(counts)
    return object
  }

  package var json: JSONValue {
    var object: JSONObject = ["set": .string(key.set), "id": .string(key.id)]
    for member in verdict.members { object[member.name] = member.value }
    object["error"] = failure.map(JSONValue.string)
    object["seconds"] = .number((seconds * 1e6).rounded() / 1e6)
    object["reasoning"] = needsReasoning.map(JSONValue.bool)
    return .object(object)
  }

  package init(_ json: JSONValue) throws(EvaluationError) {
    key = try Question.Key(json)
    guard let rule = json["rule"]?.string.flatMap(Rule.init) else {
      throw EvaluationError("rule is missing or unknown")
    }
    self.rule = rule
    failure = json["error"]?.string
    label = json["label"]?.string.flatMap(Label.init)
    guard (label == nil) != (failure == nil) else {
      throw EvaluationError("one of label and error is expected")
    }
    if let evidence = json["evidence"] { self.evidence = try Self.evidence(evidence) }
    if failure == nil, evidence == nil { throw EvaluationError("evidence is missing") }
    func count(_ name: String, upTo limit: Int) throws(EvaluationError) -> Int? {
      guard let value = json["counts"]?[name] else { return nil }
      guard let count = value.int, (0...limit).contains(count) else {
        throw EvaluationError("counts: \(name) is no count")
      }
      return count
    }
    requests = try count("requests", upTo: AnnotationParameters.maxSamples) ?? 0
    // As large as all replies' counts can make them; a million of these are no overflow.
    let mostTokens = AnnotationParameters.maxSamples * Int(Int32.max)
    promptTokens = try count("prompt_tokens", upTo: mostTokens)
    outputTokens = try count("output_tokens", upTo: mostTokens)
    (seconds, needsReasoning) = (json["seconds"]?.double ?? 0, json["reasoning"]?.bool)
  }

  private static func evidence(_ json: JSONValue) throws(EvaluationError) -> Evidence {
    switch json["signal"]?.string {
    case "samples":
      guard let samples = json["samples"]?.int, (1...AnnotationParameters.maxSamples).contains(samples),
        let right = json["right"]?.int, (0...samples).contains(right)
      else {
        throw EvaluationError("evidence: right and samples are no counts")
      }
      return .samples(right: right, of: samples, texts: json["texts"]?.array?.compactMap(\.string))
    case "p_think":
      guard let probability = json["p_think"]?.double, let threshold = json["threshold"]?.double else {
        throw EvaluationError("evidence: p_think or threshold is missing")
      }
      return .thinkProbability(probability, threshold: threshold)
    case "judge":
      guard let reply = json["reply"]?.string else { throw EvaluationError("evidence: reply is missing") }
      return .judgement(reply)
    default: throw EvaluationError("evidence: signal is missing or unknown")
    }
  }
}
