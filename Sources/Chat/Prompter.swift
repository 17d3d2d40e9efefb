// Renders a conversation through the checkpoint's chat template. Templates differ in the form of `content` they read: a string,
// a list of typed parts, or either; which one is probed once, as nothing in a checkpoint says it.
import GenerationTypes
import JSON

/// A chat template and how to feed it.
struct Prompter: Sendable {
  private let template: ChatTemplate
  private let imageToken: String
  private let spellings: [String]
  private let variables: JSONObject
  /// Whether the template prints a message whose content is a plain string.
  private let readsStrings: Bool
  /// Whether the template prints a message whose content is a list of typed parts, and an image in it.
  private let readsParts: Bool
  /// Writes tools for a template that prints none; nil where it does.
  private let toolPrompt: ToolPrompt?

  /// Parses `template` and probes it. `variables` are given to it with every conversation.
  init(
    template source: String, imageToken: String, spellings: [String], variables: [String: String] = [:]
  ) throws(TemplateError) {
    template = try ChatTemplate(source: source)
    self.imageToken = imageToken
    self.spellings = spellings
    var object = JSONObject()
    for (name, text) in variables { object[name] = .string(text) }
    self.variables = object
    let probe = "probe-7f3a"
    let parts: JSONValue = [["type": "image"], ["type": "text", "text": .string(probe)]]
    let ofString = Self.probe(template, object, content: .string(probe))
    let ofParts = Self.probe(template, object, content: parts)
    readsParts = ofParts.contains(probe) && ofParts.contains(imageToken)
    // A template that prints parts by their repr has not read them.
    readsStrings = ofString.contains(probe) || !readsParts
    let tool: JSONValue = ["type": "function", "function": ["name": .string(probe), "parameters": [:]]]
    let ofTools = Self.probe(template, object, content: readsStrings ? "x" : parts, tools: [tool])
    toolPrompt = ofTools.contains(probe) ? nil : try ToolPrompt()
  }

  private static func probe(
    _ template: ChatTemplate, _ variables: JSONObject, content: JSONValue, tools: [JSONValue] = []
  ) -> String {
    let message: JSONValue = ["role": "user", "content": content]
    var context = variables
    context["messages"] = [message]
    context["add_generation_prompt"] = true
    if !tools.isEmpty { context["tools"] = .array(tools) }
    return (try? template.render(context)) ?? ""
  }

  /// The prompt's text, and the UTF-8 ranges where special tokens must not be recognised.
  func render(_ conversation: Conversation) throws(ChatError) -> (text: String, literal: [Range<Int>]) {
    do throws(TemplateError) {
      return try print(try toolPrompt?.written(conversation) ?? conversation)
    } catch {
      throw .template(error.reason)
    }
  }

  private func print(_ conversation: Conversation) throws(TemplateError) -> (text: String, literal: [Range<Int>]) {
    let literal = LiteralText(spellings: spellings, texts: texts(of: conversation))
    var context = variables
    context["messages"] = .array(conversation.messages.map { message(of: $0, literal) })
    context["add_generation_prompt"] = true
    context["thinking_mode"] = .string(conversation.mode.rawValue)
    context["enable_thinking"] = .bool(conversation.mode != .short)
    let tools = conversation.toolDefinitions
    if toolPrompt == nil, !tools.isEmpty { context["tools"] = .array(tools.map(literal.mark)) }
    return literal.unmark(try template.render(context))
  }

  private func message(of message: Conversation.Message, _ literal: LiteralText) -> JSONValue {
    var object: JSONObject = ["role": .string(message.role.rawValue), "content": content(of: message, literal)]
    if let reasoning = message.reasoning { object["reasoning_content"] = .string(literal.mark(reasoning)) }
    if !message.toolCalls.isEmpty { object["tool_calls"] = .array(message.toolCalls.map(literal.mark)) }
    if let id = message.toolCallID { object["tool_call_id"] = .string(literal.mark(id)) }
    if let name = message.name { object["name"] = .string(literal.mark(name)) }
    return .object(object)
  }

  private func content(of message: Conversation.Message, _ literal: LiteralText) -> JSONValue {
    let hasImage = message.parts.contains { if case .image = $0 { true } else { false } }
    if readsParts, hasImage || !readsStrings {
      return .array(
        message.parts.map { part in
          switch part {
          case .text(let text): ["type": "text", "text": .string(literal.mark(text))]
          case .image: ["type": "image"]
          }
        })
    }
    // The LLaVA form for templates that know no parts: the placeholder on a line of its own.
    let text = message.parts.map { part in
      switch part {
      case .text(let text): literal.mark(text)
      case .image: imageToken + "\n"
      }
    }
    return .string(text.joined())
  }

  /// Bytes of everything the client wrote.
  func textBytes(of conversation: Conversation) -> Int { texts(of: conversation).reduce(0) { $0 + $1.utf8.count } }

  /// Everything the client wrote, to find a sentinel that is not in it.
  private func texts(of conversation: Conversation) -> [String] {
    var texts: [String] = []
    for message in conversation.messages {
      for case .text(let text) in message.parts { texts.append(text) }
      texts += [message.reasoning, message.toolCallID, message.name].compactMap { $0 }
      for call in message.toolCalls { Self.collect(call, into: &texts) }
    }
    for tool in conversation.toolDefinitions { Self.collect(tool, into: &texts) }
    return texts
  }

  private static func collect(_ value: JSONValue, into texts: inout [String]) {
    switch value {
    case .string(let text): texts.append(text)
    case .array(let values): for value in values { collect(value, into: &texts) }
    case .object(let object):
      texts += object.names
      for value in object.values { collect(value, into: &texts) }
    default: break
    }
  }

  /// R-4B's prompt form as far as it is known (spec §4.3), for checkpoints without a template; `ChatModel` opens the thought.
  /// Thoughts of earlier turns are dropped, as Qwen3's own template does.
  static let fallbackTemplate = """
    {%- for message in messages %}
        {{- '<|im_start|>' + message.role + '\\n' }}
        {%- if message.content is string %}
            {{- message.content.split('</think>')[-1].lstrip('\\n') if message.role == 'assistant' else message.content }}
        {%- else %}
            {%- for part in message.content %}
                {%- if part.type == 'image' %}{{- '<image>\\n' }}{%- elif part.type == 'text' %}{{- part.text }}{%- endif %}
            {%- endfor %}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}
        {{- '<|im_start|>assistant\\n' }}
    {%- endif %}
    """

  /// For models whose vocabulary has no turns: names before texts.
  static let plainTemplate = """
    {%- for message in messages %}
        {{- message.role | capitalize + ': ' + message.content | trim + '\\n' }}
    {%- endfor %}
    {%- if add_generation_prompt %}{{- 'Assistant:' }}{%- endif %}
    """
}
