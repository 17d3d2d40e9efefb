// A chat request after validation. It can only be made by decoding, so whoever holds one need not check it again.
import Chat
import GenerationTypes
import JSON

/// Who comes first, in OpenAI's words: `flex` gives way to all others.
package enum ServiceTier: String, Sendable, CaseIterable { case standard = "default", flex }

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Sendable {
  /// Its pictures by reference are empty until they are fetched.
  package let conversation: Conversation
  /// Pictures that the request names instead of holding.
  package let references: [PictureReference]
  package let sampling: SamplingParameters
  /// The limit the client named, and under which field.
  package let maxTokens: (field: String, value: Int)?
  package let stop: [String]
  package let choices: Int
  package let stream: Bool
  package let includeUsage: Bool
  /// Whether a stream tells how far the prompt is in chunks, not in comments.
  package let includeProgress: Bool
  /// nil: the client named none.
  package let serviceTier: ServiceTier?
  /// Names that were accepted and have no effect.
  package let ignored: [String]

  /// Fields this server reads.
  private static let fields =
    [
      "model", "messages", "max_completion_tokens", "max_tokens", "temperature", "top_p", "top_k", "min_p",
      "presence_penalty",
      "frequency_penalty", "repetition_penalty", "seed", "stop", "n", "logprobs", "top_logprobs", "logit_bias",
      "stream",
      "stream_options", "response_format", "tools", "tool_choice", "parallel_tool_calls", "user", "metadata",
      "service_tier",
    ] + FieldReader.modeFields

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    guard let object = body.object else {
      throw .invalid(nil, "The body must be a JSON object, got \(body.typeName).", code: "invalid_type")
    }
    let reader = FieldReader(object)
    var ignored = try FieldNames.unknown(in: reader, known: Self.fields)
    try Self.checkModel(reader, configuration.model)
    let mode = try reader.mode(default: configuration.defaults.mode, ignored: &ignored)
    try Self.checkFormatAndTools(reader, limits: configuration.limits)
    _ = try reader.string("user")
    _ = try reader.object("metadata")

    sampling = try reader.sampling(configuration)
    choices = try reader.integer("n", in: 1...configuration.limits.choices) ?? 1
    stop = try reader.stopStrings(configuration.limits)
    maxTokens = try reader.tokenLimit()
    stream = try reader.bool("stream") ?? false
    if let options = try reader.object("stream_options") {
      if !stream { throw reader.fail("stream_options", "is only allowed with stream") }
      includeUsage = try options.bool("include_usage") ?? false
      includeProgress = try options.bool("include_progress") ?? false
      ignored += try FieldNames.unknown(in: options, known: ["include_usage", "include_progress"])
    } else {
      (includeUsage, includeProgress) = (false, false)
    }
    // `auto` and `priority` are served as `default`, and the reply says so.
    serviceTier = try reader.word("service_tier", of: ["auto", "default", "flex", "priority"]).map {
      $0 == "flex" ? .flex : .standard
    }
    // Last, because pictures cost the most to read.
    var decoder = MessageDecoder(limits: configuration.limits, pictures: configuration.pictures)
    conversation = Conversation(messages: try decoder.messages(reader), mode: mode)
    references = decoder.references
    self.ignored = ignored + decoder.ignored
  }

  private static func checkModel(_ reader: FieldReader, _ model: ModelDescription) throws(APIError) {
    guard let name = try reader.string("model"), name != model.id, !model.aliases.contains(name) else { return }
    throw APIError(404, "This server has no such model; it has \(model.id).", param: "model", code: "model_not_found")
  }

  private static func checkFormatAndTools(_ reader: FieldReader, limits: RequestLimits) throws(APIError) {
    if let format = try reader.object("response_format") {
      let type = try format.require("type", format.word("type", of: ["text", "json_object", "json_schema"]))
      if type != "text" {
        throw .invalid(
          format.path(to: "type"), "response_format \(type) is not offered by this server yet.",
          code: "unsupported_parameter")
      }
    }
    _ = try reader.bool("parallel_tool_calls")
    let tools = try reader.array("tools", max: limits.toolCalls) ?? []
    var choice = "auto"
    if let value = reader.value("tool_choice") {
      if value.object == nil {
        choice = try reader.word("tool_choice", of: ["none", "auto", "required"]) ?? choice
      } else {
        choice = "named"
      }
    }
    if tools.isEmpty {
      if choice == "required" || choice == "named" {
        throw reader.fail("tool_choice", "asks for a call, but tools has none")
      }
    } else if choice != "none" {
      throw reader.notOffered("tools")
    }
  }
}

extension FieldReader {
  /// How to draw tokens: the fields of the request over the server's defaults.
  fileprivate func sampling(_ configuration: APIConfiguration) throws(APIError) -> SamplingParameters {
    var sampling = configuration.defaults.sampling
    if let value = try number("temperature", in: 0...2) { sampling.temperature = Float(value) }
    if let value = try number("top_p", in: 0...1) { sampling.topP = Float(value) }
    // -1 means all on some servers, as 0 does here.
    if let value = try integer("top_k", in: -1...1_000_000) { sampling.topK = max(0, value) }
    if let value = try number("min_p", in: 0...1) { sampling.minP = Float(value) }
    if let value = try number("presence_penalty", in: -2...2) { sampling.presencePenalty = Float(value) }
    if let value = try number("frequency_penalty", in: -2...2) { sampling.frequencyPenalty = Float(value) }
    if let value = try number("repetition_penalty", in: 0.01...10) { sampling.repetitionPenalty = Float(value) }
    if let value = try integer("seed", in: Int.min...Int.max) { sampling.seed = UInt64(bitPattern: Int64(value)) }
    let logprobs = try bool("logprobs") ?? false
    let top = try integer("top_logprobs", in: 0...20)
    if let top, top > 0, !logprobs { throw fail("top_logprobs", "needs logprobs to be true") }
    sampling.topLogprobs = logprobs ? top ?? 0 : nil
    if let biases = try object("logit_bias") {
      sampling.logitBias = try biases.logitBias(configuration)
    }
    return sampling
  }

  private func logitBias(_ configuration: APIConfiguration) throws(APIError) -> [TokenID: Float] {
    if object.count > configuration.limits.logitBiases {
      throw .invalid(
        path, "\(path) has \(object.count) members; at most \(configuration.limits.logitBiases) are allowed.")
    }
    var biases: [TokenID: Float] = [:]
    for name in object.names {
      // The name is repeated only when it is a plain number.
      guard let id = TokenID(name), String(id) == name else {
        throw .invalid(
          path, "\(path) takes token ids as names, written as plain decimal numbers.", code: "invalid_value")
      }
      guard id >= 0, Int(id) < configuration.model.vocabularySize else {
        throw fail(name, "is not a token id of this model (0 to \(configuration.model.vocabularySize - 1))")
      }
      biases[id] = Float(try require(name, number(name, in: -100...100)))
    }
    return biases
  }

  /// `stop`: a string or a few of them, none empty.
  fileprivate func stopStrings(_ limits: RequestLimits) throws(APIError) -> [String] {
    guard let value = value("stop") else { return [] }
    if value.string == nil && value.array == nil { throw mismatch("stop", "a string or an array of strings", value) }
    let values = try value.string == nil ? array("stop", max: limits.stopStrings) ?? [] : [value]
    var strings: [String] = []
    for (index, element) in values.enumerated() {
      let name = value.string == nil ? "stop[\(index)]" : "stop"
      guard let string = element.string else { throw mismatch(name, "a string", element) }
      if string.isEmpty { throw fail(name, "must not be empty") }
      if string.utf8.count > limits.stopBytes {
        throw fail(name, "has \(string.utf8.count) bytes; at most \(limits.stopBytes) are allowed")
      }
      strings.append(string)
    }
    return strings
  }

  /// `max_completion_tokens`, or its older name.
  fileprivate func tokenLimit() throws(APIError) -> (field: String, value: Int)? {
    let range = 1...1_000_000_000
    let new = try integer("max_completion_tokens", in: range)
    let old = try integer("max_tokens", in: range)
    if let new, let old, new != old {
      throw .invalid(
        "max_tokens", "max_tokens (\(old)) contradicts max_completion_tokens (\(new)); give one of them.",
        code: "contradiction")
    }
    return new.map { ("max_completion_tokens", $0) } ?? old.map { ("max_tokens", $0) }
  }
}
