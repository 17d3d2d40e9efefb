// `messages` of a chat request: roles, parts, pictures, the thoughts and tool calls of earlier turns.
import Chat
import JSON

/// Reads the messages of one request and counts its pictures.
package struct MessageDecoder {
  let limits: RequestLimits
  /// Checks pictures that are named, not held; nil refuses them.
  let pictures: (any PictureFetching)?
  private(set) var images = 0
  private(set) var references: [PictureReference] = []
  /// Names of the request that have no effect.
  var ignored: IgnoredFields

  /// `ignored` is what the rest of the request has noted, so that one budget holds for all of it.
  init(limits: RequestLimits, pictures: (any PictureFetching)?, ignored: IgnoredFields) {
    (self.limits, self.pictures, self.ignored) = (limits, pictures, ignored)
  }

  /// Fields of a message that are read, or known and left alone.
  package static let fields = [
    "role", "content", "name", "reasoning_content", "reasoning", "tool_calls", "tool_call_id", "refusal", "audio",
    "function_call",
    "annotations",
  ]

  /// The conversation's messages in order; at least one.
  mutating func messages(_ request: FieldReader) throws(APIError) -> [Conversation.Message] {
    let values = try request.require("messages", request.array("messages", max: limits.messages))
    if values.isEmpty { throw request.fail("messages", "must have at least one message") }
    var messages: [Conversation.Message] = []
    for (index, value) in values.enumerated() {
      let path = "messages[\(index)]"
      guard let object = value.object else {
        throw .invalid(path, "\(path) must be an object, got \(value.typeName).", code: "invalid_type")
      }
      messages.append(try message(FieldReader(object, at: path)))
    }
    return messages
  }

  private mutating func message(_ reader: FieldReader) throws(APIError) -> Conversation.Message {
    let words = ["system", "developer", "user", "assistant", "tool"]
    let word = try reader.require("role", reader.word("role", of: words))
    let role = Conversation.Role(rawValue: word) ?? .system
    var reasoning = try reader.string("reasoning_content")
    if reasoning == nil { reasoning = try reader.string("reasoning") }
    let calls = try toolCalls(reader)
    if role != .assistant {
      if reasoning != nil { throw reader.fail("reasoning_content", "belongs to assistant messages") }
      if !calls.isEmpty { throw reader.fail("tool_calls", "belongs to assistant messages") }
    }
    let refusal = try reader.string("refusal")
    let callID = try reader.string("tool_call_id")
    if role == .tool { _ = try reader.require("tool_call_id", callID) }
    try ignored.note(unknownIn: reader, known: Self.fields)
    var parts = try self.parts(reader, role: role)
    if parts == nil {
      guard role == .assistant, !calls.isEmpty || reasoning != nil || refusal != nil else {
        throw reader.fail("content", "is required")
      }
      parts = refusal.map { [.text($0)] }
    }
    return Conversation.Message(
      role: role, parts: parts ?? [], reasoning: reasoning, toolCalls: calls, toolCallID: callID,
      name: try reader.string("name"))
  }

  /// The parts of `content`, or nil when it is missing or null.
  mutating func parts(
    _ reader: FieldReader, _ name: String = "content", role: Conversation.Role
  ) throws(APIError) -> [Conversation.Part]? {
    guard let content = reader.value(name) else { return nil }
    if let text = content.string { return [.text(text)] }
    guard let values = content.array else { throw reader.mismatch(name, "a string or an array of parts", content) }
    if values.isEmpty { throw reader.fail(name, "must have at least one part") }
    var parts: [Conversation.Part] = []
    for (index, value) in values.enumerated() {
      let path = "\(reader.path).\(name)[\(index)]"
      guard let object = value.object else {
        throw .invalid(path, "\(path) must be an object, got \(value.typeName).", code: "invalid_type")
      }
      parts.append(try part(FieldReader(object, at: path), role: role))
    }
    return parts
  }

  private mutating func part(_ reader: FieldReader, role: Conversation.Role) throws(APIError) -> Conversation.Part {
    let type = try reader.require("type", reader.string("type"))
    switch type {
    case "text", "input_text", "output_text": return .text(try reader.require("text", reader.string("text")))
    case "refusal" where role == .assistant: return .text(try reader.require("refusal", reader.string("refusal")))
    case "image_url", "input_image":
      if role != .user { throw reader.fail("type", "names a picture, which only user messages may hold") }
      return try image(reader)
    default: throw reader.fail("type", "must be text, image_url or input_image")
    }
  }

  /// `{"type": "image_url", "image_url": {"url", "detail"}}`, or with the URL in place of the object and `detail` beside it.
  private mutating func image(_ reader: FieldReader) throws(APIError) -> Conversation.Part {
    images += 1
    if images > limits.images {
      throw .invalid(
        reader.path, "\(reader.path) is picture number \(images); at most \(limits.images) are accepted.",
        code: "too_many_images")
    }
    let nested: FieldReader? = reader.value("image_url")?.string == nil ? try reader.object("image_url") : nil
    let holder = nested ?? reader
    let name = nested == nil ? "image_url" : "url"
    let url = try holder.require(name, holder.string(name))
    let detail = try holder.word("detail", of: ["auto", "low", "high"])
    let field = holder.path(to: name)
    var bytes: [UInt8] = []
    if let location = try PictureReference.location(of: url, field: field, pictures) {
      references.append(
        PictureReference(field: field, location: location))
    } else {
      bytes = try DataURI.picture(url, field: field, maxBytes: limits.imageBytes)
    }
    return .image(bytes: bytes, detail: detail == "low" ? .low : .high, field: field)
  }

  /// The calls of an earlier assistant turn, checked as far as a template relies on them.
  private func toolCalls(_ reader: FieldReader) throws(APIError) -> [JSONValue] {
    let calls = try reader.array("tool_calls", max: limits.toolCalls) ?? []
    for (index, call) in calls.enumerated() {
      let path = "\(reader.path).tool_calls[\(index)]"
      guard let object = call.object else {
        throw .invalid(path, "\(path) must be an object, got \(call.typeName).", code: "invalid_type")
      }
      let call = FieldReader(object, at: path)
      _ = try call.string("id")
      _ = try call.require("type", call.word("type", of: ["function"]))
      let function = try call.require("function", call.object("function"))
      _ = try function.require("name", function.string("name"))
      _ = try function.require("arguments", function.string("arguments"))
    }
    return calls
  }
}
