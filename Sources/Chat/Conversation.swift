// A validated conversation: roles, parts and the requested mode. Chat turns it into a prompt.
import GenerationTypes
import JSON

/// A validated conversation. Its images are still encoded files.
package struct Conversation: Sendable {
  package enum Role: String, Sendable, CaseIterable { case system, user, assistant, tool }

  /// The resolution of an image: `low` is the base view only, `high` the base view and tiles.
  package enum Detail: String, Sendable { case low, high }

  package enum Part: Sendable {
    case text(String)
    /// An encoded image (PNG, JPEG, WebP or GIF) and its path in the request, for error messages.
    case image(bytes: [UInt8], detail: Detail, field: String)
  }

  package struct Message: Sendable {
    package var role: Role
    package var parts: [Part]
    /// The thought of an assistant message.
    package var reasoning: String?
    /// OpenAI-style `tool_calls` of an assistant message.
    package var toolCalls: [JSONValue]
    package var toolCallID: String?
    package var name: String?

    package init(
      role: Role, parts: [Part], reasoning: String? = nil, toolCalls: [JSONValue] = [], toolCallID: String? = nil,
      name: String? = nil
    ) {
      (self.role, self.parts, self.reasoning) = (role, parts, reasoning)
      (self.toolCalls, self.toolCallID, self.name) = (toolCalls, toolCallID, name)
    }
  }

  package var messages: [Message]
  package var mode: ThinkingMode
  /// The form of the answer, and the tools that it may call.
  package var answer: AnswerForm

  package init(messages: [Message], mode: ThinkingMode, answer: AnswerForm = AnswerForm()) {
    (self.messages, self.mode, self.answer) = (messages, mode, answer)
  }

  /// The definitions of the tools, as templates print them.
  var toolDefinitions: [JSONValue] { answer.tools?.tools.map(\.definition) ?? [] }
}
