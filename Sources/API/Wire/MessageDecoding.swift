// Decodes `messages`: roles, parts, images, and the thoughts and tool calls of earlier turns.
import Chat
import JSON
import Text

/// Decodes the messages of one request and counts its images.
package struct MessageDecoder {
  let limits: RequestLimits
  /// Checks the URLs of images; nil rejects them.
  let fetcher: (any ImageFetching)?
  private(set) var imageCount = 0
  private(set) var references: [ImageReference] = []

  init(_ configuration: APIConfiguration) { (limits, fetcher) = (configuration.limits, configuration.imageFetcher) }

  /// The fields of a message that are read or skipped.
  package static let fields = [
    "role", "content", "name", "reasoning_content", "reasoning", "tool_calls", "tool_call_id", "refusal", "audio",
    "function_call", "annotations",
  ]

  /// The conversation's messages in order; at least one.
  mutating func messages(_ request: FieldReader) throws(APIError) -> [Conversation.Message] {
    let values = try request.require("messages", request.array("messages", max: limits.messages))
    if values.isEmpty { throw request.fail("messages", "must have at least one message") }
    var messages: [Conversation.Message] = []
    for (index, value) in values.enumerated() {
      try JSONBody.checkpoint()
      let reader = try request.element("messages", index, value)
      messages.append(try message(reader))
      try reader.close()
    }
    return messages
  }

  /// The id of a call in the older API, which has one call per message and no ids.
  private static let olderCallID = "function_call"

  private mutating func message(_ reader: FieldReader) throws(APIError) -> Conversation.Message {
    let words = ["system", "developer", "user", "assistant", "tool", "function"]
    let word = try reader.require("role", reader.word("role", of: words))
    let isOlder = word == "function"
    let role = isOlder ? .tool : Conversation.Role(exactly: word.string) ?? .system
    var reasoning = try reader.string("reasoning_content")
    let other = try reader.string("reasoning")
    if reasoning == nil { reasoning = other }
    let calls = try toolCalls(reader)
    if role != .assistant {
      if reasoning != nil { throw reader.fail("reasoning_content", "is allowed in assistant messages only") }
      if !calls.isEmpty { throw reader.fail("tool_calls", "is allowed in assistant messages only") }
    }
    let refusal = try reader.string("refusal")
    let callID = try reader.string("tool_call_id") ?? (isOlder ? Self.olderCallID : nil)
    if role == .tool { _ = try reader.require("tool_call_id", callID) }
    reader.leave("audio", "annotations")
    var parts = try self.parts(reader, role: role)
    // An assistant message may be empty. All others require content, as in OpenAI's API.
    if role == .assistant {
      if parts?.isEmpty ?? true { parts = refusal.map { [.text($0)] } }
    } else if !isOlder {
      parts = try reader.require("content", parts)
    }
    return Conversation.Message(
      role: role, parts: parts ?? [], reasoning: reasoning, toolCalls: calls, toolCallID: callID,
      name: try reader.string("name"))
  }

  /// The parts of `content`; nil if it is absent or null.
  mutating func parts(
    _ reader: FieldReader, _ name: String = "content", role: Conversation.Role
  ) throws(APIError) -> [Conversation.Part]? {
    guard let content = reader.value(name) else { return nil }
    if let text = content.string { return [.text(text)] }
    guard let values = content.array else { throw reader.mismatch(name, "a string or an array of parts", content) }
    if values.isEmpty, role != .assistant { throw reader.fail(name, "must have at least one part") }
    var parts: [Conversation.Part] = []
    for (index, value) in values.enumerated() {
      let element = try reader.element(name, index, value)
      parts.append(try part(element, role: role))
      try element.close()
    }
    return parts
  }

  private mutating func part(_ reader: FieldReader, role: Conversation.Role) throws(APIError) -> Conversation.Part {
    let type = try reader.require("type", reader.string("type"))
    switch type.exact {
    case "text", "input_text", "output_text":
      // Members of a response's text.
      reader.leave("annotations", "logprobs")
      return .text(try reader.require("text", reader.string("text")))
    case "refusal" where role == .assistant: return .text(try reader.require("refusal", reader.string("refusal")))
    case "image_url", "input_image":
      guard role == .user || role == .tool else {
        throw reader.fail("type", "must be text: only user and tool messages may contain images")
      }
      return try image(reader)
    default: throw reader.fail("type", "must be text, image_url or input_image, got \"\(type.excerpt(40))\"")
    }
  }

  /// `{"type": "image_url", "image_url": {"url", "detail"}}`, or the URL instead of the object, with `detail` beside
  /// it.
  private mutating func image(_ reader: FieldReader) throws(APIError) -> Conversation.Part {
    imageCount += 1
    if imageCount > limits.images {
      throw .invalid(
        reader.path,
        "\(reader.path): a request must have at most \(limits.images) images, but this is image \(imageCount).",
        code: "too_many_images")
    }
    if reader.value("image_url") == nil, reader.value("file_id") != nil {
      throw .invalid(
        reader.path(to: "file_id"),
        "\(reader.path(to: "file_id")) is not supported, because this server stores no files. "
          + "Send the image as a data: URI.",
        code: "unsupported_parameter")
    }
    let nested: FieldReader? = reader.value("image_url")?.string == nil ? try reader.object("image_url") : nil
    let holder = nested ?? reader
    let name = nested == nil ? "image_url" : "url"
    let url = try holder.require(name, holder.string(name))
    let detail = try holder.word("detail", of: ["auto", "low", "high", "original"])
    let field = holder.path(to: name)
    var bytes: [UInt8] = []
    if let location = try ImageReference.location(of: url, field: field, fetcher) {
      references.append(
        ImageReference(field: field, location: location))
    } else {
      bytes = try DataURI.image(url, field: field, maxBytes: limits.imageBytes)
    }
    return .image(bytes: bytes, detail: detail == "low" ? .low : .high, field: field)
  }

  /// The calls of an earlier assistant message as templates read them, checked as far as templates need it.
  private func toolCalls(_ reader: FieldReader) throws(APIError) -> [JSONValue] {
    var calls: [JSONValue] = []
    for (index, value) in (try reader.array("tool_calls", max: limits.toolCalls) ?? []).enumerated() {
      let call = try reader.element("tool_calls", index, value)
      _ = try call.string("id")
      _ = try call.word("type", of: ["function"])
      var object = call.object
      object["type"] = "function"
      object["function"] = try Self.function(call.require("function", call.object("function")))
      calls.append(.object(object))
      try call.close()
    }
    // The single call of the older API.
    if let function = try reader.object("function_call") {
      let call: JSONObject = [
        "id": .string(Self.olderCallID), "type": "function", "function": try Self.function(function),
      ]
      if calls.isEmpty { calls.append(.object(call)) } else { reader.ignore("function_call") }
      try function.close()
    }
    return calls
  }

  /// The function of a call. Arguments that are an object become text, as in OpenAI's API.
  private static func function(_ function: FieldReader) throws(APIError) -> JSONValue {
    _ = try function.require("name", function.string("name"))
    let arguments = try function.require("arguments", function.value("arguments"))
    guard arguments.string == nil else { return .object(function.object) }
    guard arguments.object != nil else { throw function.mismatch("arguments", "a string of JSON", arguments) }
    var object = function.object
    object["arguments"] = .string(String(decoding: arguments.encoded, as: UTF8.self))
    return .object(object)
  }
}

extension FieldReader {
  /// The conversation in `messages`.
  func conversation(_ configuration: APIConfiguration) throws(APIError) -> ReplyRequest.Prompt {
    var decoder = MessageDecoder(configuration)
    let messages = try decoder.messages(self)
    return .conversation(messages, images: decoder.references)
  }
}
