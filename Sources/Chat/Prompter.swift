// Renders conversations with the checkpoint's chat template. A checkpoint does not state which forms of `content` and
// tools its template reads; `TemplateProbe` finds out when the model is loaded.
import GenerationTypes
import JSON
import Templates
import Text

/// A chat template and the forms that it reads.
struct Prompter: Sendable {
  private let template: ChatTemplate
  private let spellings: [String]
  private let reads: TemplateProbe
  /// The placeholder of an image in a text, for templates that do not read parts.
  private let imageToken: String
  /// Writes tools for a template that does not print them; nil if it does.
  private let toolPrompt: ToolPrompt?

  /// Parses and probes `template`, which gets `variables` with every conversation. Throws if it is malformed, fails on
  /// every conversation, or prints no message.
  init(
    template source: String, imageToken: String, spellings: [String], variables: [ExactString: String] = [:]
  ) throws(TemplateError) {
    template = try ChatTemplate(source: source)
    self.imageToken = imageToken
    self.spellings = spellings
    var object = JSONObject()
    for (name, text) in variables { object[name.string] = .string(text) }
    reads = try TemplateProbe(template, variables: object, imageToken: imageToken)
    toolPrompt = reads.tools ? nil : try ToolPrompt()
  }

  /// Returns the text of the prompt, and the UTF-8 ranges in which special tokens must not be recognised.
  func render(_ conversation: Conversation) throws(ChatError) -> (text: String, literal: [Range<Int>]) {
    do throws(TemplateError) {
      return try print(try toolPrompt?.written(conversation, intoSystem: reads.systems) ?? conversation)
    } catch {
      throw .template(error.reason)
    }
  }

  /// Prints the conversation in the first form that the template accepts: the form of transformers, then with empty
  /// text for turns without content, then with the arguments of calls as the client sent them.
  private func print(_ conversation: Conversation) throws(TemplateError) -> (text: String, literal: [Range<Int>]) {
    let literal = LiteralText(spellings: spellings, texts: texts(of: conversation))
    var context = reads.variables
    context["add_generation_prompt"] = true
    context["thinking_mode"] = .string(conversation.mode.rawValue)
    context["enable_thinking"] = .bool(conversation.mode != .short)
    let tools = conversation.toolDefinitions
    if toolPrompt == nil, !tools.isEmpty { context["tools"] = .array(tools.map(literal.mark)) }
    let forms = MessageForm.candidates(for: conversation.messages)
    for (index, form) in forms.enumerated() {
      context["messages"] = .array(conversation.messages.map { message(of: $0, form, literal) })
      do throws(TemplateError) {
        let text = try template.render(context)
        if form.emptyIsNone, try printsNone(text, context, conversation, literal) { continue }
        return literal.unmark(text)
      } catch {
        if error.kind == .limit || index == forms.count - 1 { throw error }
      }
    }
    return ("", [])
  }

  /// Whether the template wrote `None` for a turn without content.
  private func printsNone(
    _ text: String, _ context: JSONObject, _ conversation: Conversation, _ literal: LiteralText
  ) throws(TemplateError) -> Bool {
    let count = text.occurrences(of: "None")
    if count == 0 { return false }
    var context = context
    let form = MessageForm(emptyIsNone: false, argumentsAreObjects: true)
    context["messages"] = .array(conversation.messages.map { message(of: $0, form, literal) })
    guard let other = try? template.render(context) else { return false }
    return other.occurrences(of: "None") < count
  }

  private func message(of message: Conversation.Message, _ form: MessageForm, _ literal: LiteralText) -> JSONValue {
    var object: JSONObject = ["role": .string(message.role.rawValue), "content": content(of: message, form, literal)]
    if let reasoning = message.reasoning { object["reasoning_content"] = .string(literal.mark(reasoning)) }
    if !message.toolCalls.isEmpty {
      object["tool_calls"] = .array(message.toolCalls.map { literal.mark(form.call($0)) })
    }
    if let id = message.toolCallID { object["tool_call_id"] = .string(literal.mark(id)) }
    if let name = message.name { object["name"] = .string(literal.mark(name)) }
    return .object(object)
  }

  private func content(of message: Conversation.Message, _ form: MessageForm, _ literal: LiteralText) -> JSONValue {
    if message.parts.isEmpty, form.emptyIsNone { return .null }
    let hasImage = message.parts.contains { if case .image = $0 { true } else { false } }
    let takesParts = hasImage ? reads.imageParts : reads.textParts.contains(message.role) && message.parts.count > 1
    if takesParts || !reads.strings {
      return .array(
        message.parts.map { part in
          switch part {
          case .text(let text): ["type": "text", "text": .string(literal.mark(text))]
          case .image: ["type": "image"]
          }
        })
    }
    // The LLaVA form for templates that do not read parts: the placeholder on its own line.
    let text = message.parts.map { part in
      switch part {
      case .text(let text): literal.mark(text)
      case .image: imageToken + "\n"
      }
    }
    return .string(text.joined())
  }

  /// The number of bytes of all texts of the client.
  func textBytes(of conversation: Conversation) -> Int { texts(of: conversation).reduce(0) { $0 + $1.utf8.count } }

  /// All texts of the client, in which the sentinel must not occur.
  private func texts(of conversation: Conversation) -> [String] {
    var texts: [String] = []
    for message in conversation.messages {
      for case .text(let text) in message.parts { texts.append(text) }
      texts += [message.reasoning, message.toolCallID, message.name].compactMap { $0 }
      for call in message.toolCalls {
        Self.collect(call, into: &texts)
        Self.collect(MessageForm.transformers.call(call), into: &texts)
      }
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
}
