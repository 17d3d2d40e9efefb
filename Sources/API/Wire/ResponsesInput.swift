// Decodes `input` of a Responses request: a text, or the items of a conversation.
import Chat
import JSON
import Text

extension MessageDecoder {
  /// The conversation in `instructions` and `input`; at least one message.
  mutating func messages(ofResponses request: FieldReader) throws(APIError) -> [Conversation.Message] {
    var messages: [Conversation.Message] = []
    if let instructions = try request.string("instructions") {
      messages.append(Conversation.Message(role: .system, parts: [.text(instructions)]))
    }
    let input = try request.require("input", request.value("input"))
    if let text = input.string {
      return messages + [Conversation.Message(role: .user, parts: [.text(text)])]
    }
    guard let items = input.array else { throw request.mismatch("input", "a string or an array of items", input) }
    if items.isEmpty { throw request.fail("input", "must have at least one item") }
    if items.count > limits.messages {
      throw request.fail("input", "must have at most \(limits.messages) elements, got \(items.count)")
    }
    for (index, item) in items.enumerated() {
      let reader = try request.element("input", index, item)
      try take(reader, into: &messages)
      try reader.close()
    }
    // A trailing thought belongs to an answer that was cut off.
    return messages
  }

  private mutating func take(_ item: FieldReader, into messages: inout [Conversation.Message]) throws(APIError) {
    // Members of the items of earlier responses.
    for name in ["id", "status", "phase"] { _ = item.value(name) }
    switch try (item.string("type") ?? "message").exact {
    case "message": merge(try message(of: item), into: &messages)
    case "function_call":
      let call: JSONObject = [
        "id": .string(try item.require("call_id", item.string("call_id"))), "type": "function",
        "function": [
          "name": .string(try item.require("name", item.string("name"))),
          "arguments": .string(try item.require("arguments", item.string("arguments"))),
        ],
      ]
      merge(Conversation.Message(role: .assistant, parts: [], toolCalls: [.object(call)]), into: &messages)
    case "function_call_output":
      let id = try item.require("call_id", item.string("call_id"))
      let parts = try item.require("output", parts(item, "output", role: .tool))
      messages.append(Conversation.Message(role: .tool, parts: parts, toolCallID: id))
    case "reasoning":
      let contents = try item.array("content", max: limits.messages) ?? []
      let text = contents.compactMap { $0["text"]?.string }.joined()
      // Summaries and encrypted thoughts come from other models.
      item.leave("summary", "encrypted_content")
      merge(Conversation.Message(role: .assistant, parts: [], reasoning: text), into: &messages)
    default:
      throw item.fail("type", "must be message, function_call, function_call_output or reasoning")
    }
  }

  private mutating func message(of item: FieldReader) throws(APIError) -> Conversation.Message {
    let word = try item.require("role", item.word("role", of: ["system", "developer", "user", "assistant"]))
    let role = Conversation.Role(exactly: word.string) ?? .system
    let parts = try self.parts(item, "content", role: role)
    return Conversation.Message(
      role: role, parts: role == .assistant ? parts ?? [] : try item.require("content", parts))
  }

  /// Merges the items of one assistant turn: thought, text, calls.
  private func merge(_ message: Conversation.Message, into messages: inout [Conversation.Message]) {
    guard message.role == .assistant, let last = messages.last, last.role == .assistant else {
      return messages.append(message)
    }
    messages[messages.count - 1].parts += message.parts
    messages[messages.count - 1].toolCalls += message.toolCalls
    if let reasoning = message.reasoning {
      messages[messages.count - 1].reasoning = (last.reasoning ?? "") + reasoning
    }
  }
}
