// Finds out which forms a chat template reads, by rendering small conversations when the model is loaded. A template
// that fails on all of them, or prints no message, is rejected: every request would fail, or be answered unread.
import JSON
import Templates
import Text

/// The forms of content and tools that a template reads.
struct TemplateProbe: Sendable {
  /// Whether the template prints content that is a plain string.
  let strings: Bool
  /// Whether the template prints a list of typed parts, including images.
  let imageParts: Bool
  /// The roles whose content may be a list of text parts.
  let textParts: Set<Conversation.Role>
  /// Whether the template prints the definitions of tools.
  let tools: Bool
  /// Whether a conversation may begin with a system message.
  let systems: Bool

  private static let word = "probe-7f3a"

  /// The variables that every conversation gets besides its messages.
  let variables: JSONObject

  /// Renders the probes with the `variables` of the checkpoint.
  init(_ template: ChatTemplate, variables: JSONObject, imageToken: String) throws(TemplateError) {
    let text = JSONValue.string(Self.word)
    let part: JSONValue = ["type": "text", "text": text]
    // As in transformers, `tools` and `documents` are none if the request has none. Templates that iterate over them
    // unchecked get undefined.
    var complete = variables
    for name in ["tools", "documents"] where complete[name] == nil { complete[name] = .null }
    var prober = Prober(template: template, variables: complete)
    var plain = Prober(template: template, variables: variables)
    let contents = [text, [part]]
    if !contents.contains(where: { prober.prints(Self.word, $0) }),
      contents.contains(where: { plain.prints(Self.word, $0) })
    {
      prober = plain
    }
    self.variables = prober.variables
    let image: JSONValue = [["type": "image"], part]
    let ofImages = prober.user(image)
    imageParts = ofImages.contains { $0.contains(exactly: Self.word) && $0.contains(exactly: imageToken) }
    var roles: Set<Conversation.Role> = []
    for role in Conversation.Role.allCases
    where prober.readsParts(role, [part, ["type": "text", "text": "probe-91c0"]]) {
      roles.insert(role)
    }
    textParts = roles
    // A template that prints the repr of parts has not read them.
    let ofStrings = prober.user(text) + prober.user(text, tools: [Self.tool])
    strings = ofStrings.contains { $0.contains(exactly: Self.word) } || !(imageParts || roles.contains(.user))
    tools = prober.user(strings ? text : [part], tools: [Self.tool]).contains {
      $0.contains(exactly: "probe_tool_5e1d")
    }
    systems = prober.printsSystem(Self.word, isString: strings)
    if (ofStrings + ofImages + prober.user([part])).contains(where: { $0.contains(exactly: Self.word) }) { return }
    if let failure = prober.failure {
      throw TemplateError(
        kind: failure.kind, reason: "the template fails on every conversation: \(failure.reason)", line: failure.line,
        column: failure.column)
    }
    throw TemplateError(
      kind: .syntax,
      reason: template.isBlank
        ? "the template is empty; remove it to use the built-in one, or restore the model's template"
        : "the template prints no message of a conversation", line: 1, column: 1)
  }

  /// A tool as clients send it; templates read its description and the properties of its parameters.
  private static let tool: JSONValue = [
    "type": "function",
    "function": [
      "name": "probe_tool_5e1d", "description": "Says what the weather is.",
      "parameters": [
        "type": "object",
        "properties": ["place": ["type": "string", "description": "The name of a town."]],
        "required": ["place"],
      ],
    ],
  ]
}

/// Renders probes and keeps the first failure.
private struct Prober {
  let template: ChatTemplate
  let variables: JSONObject
  private(set) var failure: TemplateError?

  init(template: ChatTemplate, variables: JSONObject) { (self.template, self.variables) = (template, variables) }

  /// Whether the template prints `word` for one user message with `content`.
  mutating func prints(_ word: String, _ content: JSONValue) -> Bool {
    user(content).contains { $0.contains(exactly: word) }
  }

  /// Returns what the template prints for one user message, alone and after a system message.
  mutating func user(_ content: JSONValue, tools: [JSONValue] = []) -> [String] {
    let user: JSONValue = ["role": "user", "content": content]
    let system: JSONValue = [
      "role": "system", "content": content.string == nil ? [["type": "text", "text": "x"]] : "x",
    ]
    return [[user], [system, user]].compactMap { render($0, tools: tools) }
  }

  /// Whether the template prints `word` in a system message.
  mutating func printsSystem(_ word: String, isString: Bool) -> Bool {
    func content(_ text: String) -> JSONValue { isString ? .string(text) : [["type": "text", "text": .string(text)]] }
    let messages: [JSONValue] = [
      ["role": "system", "content": content(word)], ["role": "user", "content": content("x")],
    ]
    return render(messages)?.contains(exactly: word) ?? false
  }

  /// Whether the template prints two text parts in a message of `role` as text.
  mutating func readsParts(_ role: Conversation.Role, _ parts: JSONValue) -> Bool {
    let user: JSONValue = ["role": "user", "content": "x"]
    let call: JSONValue = [
      "role": "assistant", "content": "",
      "tool_calls": [["id": "call12345", "type": "function", "function": ["name": "f", "arguments": ["a": "b"]]]],
    ]
    var messages: [JSONValue] = [["role": .string(role.rawValue), "content": parts]]
    switch role {
    case .user: break
    case .system: messages.append(user)
    case .assistant: messages = [user] + messages + [user]
    case .tool: messages = [user, call, ["role": "tool", "content": parts, "tool_call_id": "call12345", "name": "f"]]
    }
    guard let text = render(messages) else { return false }
    let words = (parts.array ?? []).compactMap { $0["text"]?.string }
    return words.allSatisfy { text.contains(exactly: $0) } && !text.contains(exactly: "'text'")
      && !text.contains(exactly: "\"text\"")
  }

  private mutating func render(_ messages: [JSONValue], tools: [JSONValue] = []) -> String? {
    var context = variables
    context["messages"] = .array(messages)
    context["add_generation_prompt"] = true
    context["thinking_mode"] = "auto"
    context["enable_thinking"] = true
    if !tools.isEmpty { context["tools"] = .array(tools) }
    do throws(TemplateError) {
      return try template.render(context)
    } catch {
      failure = failure ?? error
      return nil
    }
  }
}
