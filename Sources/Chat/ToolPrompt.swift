// Tools for chat templates that do not print them: writes definitions, calls and results into the messages in the words
// of Qwen's own template, on which the decoder was trained.
import JSON
import Templates
import Text

/// Writes tools into the texts of a conversation.
struct ToolPrompt: Sendable {
  private let template: ChatTemplate

  init() throws(TemplateError) { template = try ChatTemplate(source: Self.definitions) }

  /// Returns the conversation with texts and images only. The definitions go into the system message, or into the first
  /// message if the template does not accept a system message.
  func written(_ conversation: Conversation, intoSystem: Bool) throws(TemplateError) -> Conversation {
    var messages: [Conversation.Message] = []
    for message in conversation.messages {
      switch message.role {
      case .assistant where !message.toolCalls.isEmpty:
        var written = message
        let text = try message.toolCalls.map { call throws(TemplateError) in try self.text(of: call) }
        let gap = message.parts.isEmpty ? "" : "\n"
        written.parts.append(.text(gap + text.joined(separator: "\n")))
        written.toolCalls = []
        messages.append(written)
      case .tool:
        let parts = [.text("<tool_response>\n")] + message.parts + [.text("\n</tool_response>")]
        // Consecutive results form one turn.
        if let last = messages.last, last.role == .user, last.toolCallID != nil {
          messages[messages.count - 1].parts += [.text("\n")] + parts
        } else {
          messages.append(Conversation.Message(role: .user, parts: parts, toolCallID: message.toolCallID ?? ""))
        }
      default: messages.append(message)
      }
    }
    for index in messages.indices where messages[index].role == .user { messages[index].toolCallID = nil }
    var written = conversation
    written.messages = messages
    guard let tools = conversation.answer.tools?.tools, !tools.isEmpty else { return written }
    let text = try template.render(["tools": .array(tools.map(\.definition))])
    if !intoSystem, written.messages.first?.role == .user {
      written.messages[0].parts.insert(.text(text + "\n\n"), at: 0)
    } else if written.messages.first?.role == .system {
      written.messages[0].parts.append(.text("\n\n" + text))
    } else {
      written.messages.insert(Conversation.Message(role: .system, parts: [.text(text)]), at: 0)
    }
    return written
  }

  private func text(of call: JSONValue) throws(TemplateError) -> String {
    let function = call["function"] ?? call
    let arguments = function["arguments"] ?? .object(JSONObject())
    return ToolCallReader.opening + "\n{\"name\": " + Self.encoded(function["name"] ?? "") + ", \"arguments\": "
      + (arguments.string ?? Self.encoded(arguments)) + "}\n" + ToolCallReader.closing
  }

  private static func encoded(_ value: JSONValue) -> String { String(decoding: value.encoded, as: UTF8.self) }

  private static let definitions = """
    {{- '# Tools\\n\\nYou may call one or more functions to assist with the user query.\\n\\n' }}
    {{- 'You are provided with function signatures within <tools></tools> XML tags:\\n<tools>' }}
    {%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
    {{- '\\n</tools>\\n\\nFor each function call, return a json object with function name and arguments within ' }}
    {{- '<tool_call></tool_call> XML tags:\\n<tool_call>\\n' }}
    {{- '{"name": <function-name>, "arguments": <args-json-object>}\\n</tool_call>' }}
    """
}
