// The result for one item: a line of `results.jsonl` and, together with the item, a line of `labels.jsonl`.
import JSON

/// A label with its rule and evidence, or the reason why there is none.
package struct Annotation: Sendable, Equatable {
  /// The way to answer an item in training: directly, or after thinking.
  package enum Label: String, Sendable, CaseIterable {
    case direct, reasoning
  }

  /// The two rules for the data of bi-mode annealing (arXiv 2508.21113, section 3.1).
  package enum Rule: String, Sendable, CaseIterable {
    /// For items with a known answer: draws samples without thinking; the label is reasoning if all are wrong.
    case performance
    /// For other items: how difficult a model considers the item.
    case difficulty
  }

  /// The evidence for a label.
  package enum Evidence: Sendable, Equatable {
    /// The number of correct samples, and their texts if they are kept.
    case samples(right: Int, of: Int, texts: [String]?)
    /// P(think) and the threshold.
    case thinkProbability(Double, threshold: Double)
    /// The end of the judge's answer, at most 500 characters.
    case judgement(String)
  }

  package var key: Question.Key
  package var rule: Rule
  /// The label; nil for a failure.
  package var label: Label?
  package var evidence: Evidence?
  /// The reason why there is no label, or nil. Failures are retried when a run is continued.
  package var failure: String?
  /// Whether the server is at fault and not the item. Not stored.
  package var blamesServer = false
  /// The number of answered requests.
  package var requests = 0
  /// The number of tokens over all requests; nil if a server does not report it.
  package var promptTokens: Int? = 0
  package var outputTokens: Int? = 0
  /// The time from the first request to the last reply, including waiting and retries.
  package var seconds = 0.0
  /// The item's own label.
  package var needsReasoning: Bool?

  init(_ item: Question, _ rule: Rule) {
    key = item.key
    self.rule = rule
    needsReasoning = item.needsReasoning
  }

  /// Adds the tokens of a reply.
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
  /// The outcome for the progress: whether the label is reasoning; nil for a failure.
  var outcome: Bool? { label.map { $0 == .reasoning } }

  /// The members `label`, `rule`, `evidence` and `counts`.
  var verdict: JSONObject {
    var object: JSONObject = [:]
    object["label"] = label.map { .string($0.rawValue) }
    object["rule"] = .string(rule.rawValue)
    switch evidence {
    case .samples(let right, let samples, let texts):
      var evidence: JSONObject = [
        "signal": "samples", "right": .integer(Int64(right)), "samples": .integer(Int64(samples)),
      ]
      evidence["texts"] = texts.map { .array($0.map(JSONValue.string)) }
      object["evidence"] = .object(evidence)
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
      throw EvaluationError("exactly one of label and error is required")
    }
    if let evidence = json["evidence"] { self.evidence = try Self.evidence(evidence) }
    if failure == nil, evidence == nil { throw EvaluationError("evidence is missing") }
    func count(_ name: String, upTo limit: Int) throws(EvaluationError) -> Int? {
      guard let value = json["counts"]?[name] else { return nil }
      guard let count = value.int, (0...limit).contains(count) else {
        throw EvaluationError("counts: \(name) must be a count")
      }
      return count
    }
    requests = try count("requests", upTo: AnnotationParameters.maxSamples) ?? 0
    // As large as all replies' counts can make them. A million of these do not overflow.
    let tokenLimit = AnnotationParameters.maxSamples * Int(Int32.max)
    promptTokens = try count("prompt_tokens", upTo: tokenLimit)
    outputTokens = try count("output_tokens", upTo: tokenLimit)
    (seconds, needsReasoning) = (json["seconds"]?.double ?? 0, json["reasoning"]?.bool)
  }

  private static func evidence(_ json: JSONValue) throws(EvaluationError) -> Evidence {
    switch json["signal"]?.string {
    case "samples":
      guard let samples = json["samples"]?.int, (1...AnnotationParameters.maxSamples).contains(samples),
        let right = json["right"]?.int, (0...samples).contains(right)
      else {
        throw EvaluationError("evidence: right and samples must be counts")
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
