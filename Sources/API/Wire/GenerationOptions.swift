// The options of generation that all endpoints share: sampling, limits, stop strings, service tier.
import GenerationTypes
import JSON
import Text

/// OpenAI's service tier: `flex` is the batch service class.
package enum ServiceTier: String, Sendable, CaseIterable { case standard = "default", flex }

/// The token limit of a reply, and the field that sets it.
package struct TokenLimit: Sendable, Equatable {
  package var field: String
  /// `Int.max` for no limit but the context.
  package var value: Int
}

/// How the replies to one request are generated.
package struct GenerationOptions: Sendable {
  package var sampling = SamplingParameters()
  package var maxTokens: TokenLimit?
  package var stop: [String] = []
  package var choices = 1
  package var stream = false
  package var includeUsage = false
  /// Whether a stream reports progress in chunks instead of comments.
  package var includeProgress = false
  /// nil if the client named none.
  package var serviceTier: ServiceTier?

  package init() {}
}

/// How a request asks for log-probabilities.
enum LogprobsForm {
  /// `logprobs` is a boolean, `top_logprobs` the number of alternatives.
  case flag
  /// `logprobs` is the number of alternatives.
  case count
  /// `top_logprobs` is the number of alternatives; 0 means no log-probabilities.
  case alternatives
}

extension FieldReader {
  /// The fields that `options` reads.
  static let optionFields = [
    "model", "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p", "presence_penalty",
    "frequency_penalty", "repetition_penalty", "seed", "stop", "n", "logprobs", "top_logprobs", "logit_bias", "stream",
    "stream_options", "user", "metadata", "service_tier",
  ]

  /// The options of a request for replies.
  func options(
    _ configuration: APIConfiguration, logprobs: LogprobsForm = .flag
  ) throws(APIError) -> GenerationOptions {
    var options = GenerationOptions()
    _ = try string("user")
    _ = try opaque("metadata")
    options.sampling = try sampling(configuration)
    options.sampling.topLogprobs = try topLogprobs(logprobs)
    // A response has one reply, no stop strings and a token limit with another name.
    if logprobs != .alternatives {
      options.choices = try integer("n", in: 1...configuration.limits.choices) ?? 1
      options.stop = try stopStrings(configuration.limits)
      options.maxTokens = try tokenLimit()
    }
    options.stream = try bool("stream") ?? false
    if let stream = try object("stream_options") {
      if !options.stream { throw fail("stream_options", "requires stream: true") }
      options.includeUsage = try stream.bool("include_usage") ?? false
      options.includeProgress = try stream.bool("include_progress") ?? false
      // Only chat completions have such chunks.
      if options.includeProgress, logprobs != .flag { stream.ignore("include_progress") }
      try stream.close()
    }
    options.serviceTier = try serviceTier()
    return options
  }

  private static let serviceTiers = ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"]

  /// OpenAI's tiers. All but `flex` mean `default`, as the response states.
  func serviceTier() throws(APIError) -> ServiceTier? {
    try word("service_tier", of: Self.serviceTiers).map { $0 == "flex" ? .flex : .standard }
  }

  /// Rejects every name but those of the loaded model.
  func checkModel(_ model: ModelDescription) throws(APIError) {
    guard let name = try string("model"), !model.isNamed(name) else { return }
    throw APIError(404, "No model of this name is loaded. Use \(model.id).", param: "model", code: "model_not_found")
  }

  /// The sampling parameters: fields of the request, otherwise the server's defaults.
  func sampling(_ configuration: APIConfiguration) throws(APIError) -> SamplingParameters {
    var sampling = configuration.defaults.sampling
    if let value = try number("temperature", in: 0...2) { sampling.temperature = Float(value) }
    if let value = try number("top_p", in: 0...1) { sampling.topP = Float(value) }
    // On some servers -1 means all, as 0 does here.
    if let value = try integer("top_k", in: -1...1_000_000) { sampling.topK = max(0, value) }
    if let value = try number("min_p", in: 0...1) { sampling.minP = Float(value) }
    if let value = try number("presence_penalty", in: -2...2) { sampling.presencePenalty = Float(value) }
    if let value = try number("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = Float(value) }
    if let value = try number("repetition_penalty", in: 0.01...10) { sampling.repetitionPenalty = Float(value) }
    if let value = try integer("seed", in: Int.min...Int.max) { sampling.seed = UInt64(bitPattern: Int64(value)) }
    if let biases = try object("logit_bias") {
      sampling.logitBias = try biases.logitBias(configuration)
    }
    return sampling
  }

  /// The number of alternatives to return; nil for no log-probabilities.
  func topLogprobs(_ form: LogprobsForm) throws(APIError) -> Int? {
    if form == .count { return try integer("logprobs", in: 0...20) }
    if form == .alternatives { return try integer("top_logprobs", in: 0...20).flatMap { $0 == 0 ? nil : $0 } }
    let logprobs = try bool("logprobs") ?? false
    let top = try integer("top_logprobs", in: 0...20)
    if let top, top > 0, !logprobs { throw fail("top_logprobs", "requires logprobs: true") }
    return logprobs ? top ?? 0 : nil
  }

  private func logitBias(_ configuration: APIConfiguration) throws(APIError) -> [TokenID: Float] {
    if object.count > configuration.limits.logitBiases {
      throw .invalid(
        path, "\(path) must have at most \(configuration.limits.logitBiases) members, got \(object.count).")
    }
    var biases: [TokenID: Float] = [:]
    for name in object.names {
      // The message repeats the name only if it is a plain number.
      guard let id = TokenID(name), String(id).isEqual(exactly: name) else {
        throw .invalid(
          path, "\(path) must have token ids as names, written as decimal numbers.", code: "invalid_value")
      }
      guard id >= 0, Int(id) < configuration.model.vocabularySize else {
        throw fail(name, "must name a token id between 0 and \(configuration.model.vocabularySize - 1)")
      }
      biases[id] = Float(try require(name, number(name, in: -100...100)))
    }
    return biases
  }

  /// `stop`: a string or several strings, none empty.
  func stopStrings(_ limits: RequestLimits) throws(APIError) -> [String] {
    guard let value = value("stop") else { return [] }
    if value.string == nil && value.array == nil { throw mismatch("stop", "a string or an array of strings", value) }
    let values = try value.string == nil ? array("stop", max: limits.stopStrings) ?? [] : [value]
    var strings: [String] = []
    for (index, element) in values.enumerated() {
      let name = value.string == nil ? "stop[\(index)]" : "stop"
      guard let string = element.string else { throw mismatch(name, "a string", element) }
      if string.isEmpty { throw fail(name, "must not be empty") }
      if string.utf8.count > limits.stopBytes {
        throw fail(name, "must have at most \(limits.stopBytes) bytes, got \(string.utf8.count)")
      }
      strings.append(string)
    }
    return strings
  }

  /// `max_completion_tokens`, or its older name.
  func tokenLimit() throws(APIError) -> TokenLimit? {
    let new = try tokenLimit("max_completion_tokens")
    let old = try tokenLimit("max_tokens")
    if let new, let old, new.value != old.value {
      func shown(_ limit: TokenLimit) -> Int { limit.value == .max ? -1 : limit.value }
      throw .invalid(
        "max_tokens",
        "max_tokens (\(shown(old))) contradicts max_completion_tokens (\(shown(new))). Send only one of them.",
        code: "contradiction")
    }
    return new ?? old
  }

  /// The token limit under one of its names; −1 means no limit but the context, as on other servers.
  func tokenLimit(_ name: String) throws(APIError) -> TokenLimit? {
    guard let value = value(name) else { return nil }
    if value.int == -1 { return TokenLimit(field: name, value: .max) }
    return try integer(name, in: 1...1_000_000_000).map { TokenLimit(field: name, value: $0) }
  }
}
