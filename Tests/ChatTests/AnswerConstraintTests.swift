import Chat
import GenerationTypes
import JSON
import Testing
import Tokenization

private let add = ToolUse.Tool(
  name: "add",
  parameters: [
    "type": "object", "properties": ["a": ["type": "integer", "minimum": 0, "maximum": 9]], "required": ["a"],
    "additionalProperties": false,
  ], isStrict: true, definition: ["type": "function", "function": ["name": "add"]], path: "tools[0]")

/// The constraint of an answer of R-Tiny, and its tokenizer.
private func made(of form: AnswerForm) async throws -> (any TokenConstraint, Tokenizer) {
  let chat = try RTiny.chat()
  let prepared = try await chat.prepare(
    Conversation(messages: [.init(role: .user, parts: [.text("Hi")])], mode: .short, answer: form))
  return (try #require(prepared.constraint), chat.tokenizer)
}

/// A constraint with its tokenizer.
private final class Answer {
  private var constraint: any TokenConstraint
  let tokenizer: Tokenizer

  init(_ form: AnswerForm) async throws { (constraint, tokenizer) = try await made(of: form) }
  init(_ other: Answer) { (constraint, tokenizer) = (other.constraint, other.tokenizer) }

  var isOwed: Bool { constraint.isOwed }
  var allowed: TokenMask? { constraint.allowed() }

  /// Takes `text` token by token; returns whether every token was allowed.
  func take(_ text: String) -> Bool {
    var isAllowed = true
    for id in tokenizer.encode(text) {
      isAllowed = isAllowed && (allowed?.contains(id) ?? true)
      constraint.advance(past: id)
    }
    return isAllowed
  }
}

@Suite struct `Constraints for tool calls` {
  private func auto(isParallel: Bool = true) -> AnswerForm {
    AnswerForm(tools: ToolUse(tools: [add], choice: .auto, isParallel: isParallel))
  }

  @Test func `text is free before and after a call`() async throws {
    let answer = try await Answer(auto())
    #expect(!answer.isOwed)
    #expect(answer.take("Let me see. <tool and <tool_cal nothing") && answer.allowed == nil)
    #expect(answer.take("\n<tool_call>"))
    // Only the line feed of the form is allowed; neither the end nor other text.
    #expect(answer.allowed?.contains(621) == false)
    #expect(answer.allowed?.contains(answer.tokenizer.encode("\n")[0]) == true)
    #expect(answer.take("\n{\"name\": \"add\", \"arguments\": {\"a\": 7}}\n</tool_call>"))
    #expect(answer.allowed == nil)
    #expect(answer.take(" and more text"))
  }

  @Test(arguments: [
    "{\"name\": \"sub\"", "{\"name\": \"add\", \"arguments\": {\"b\"", "{\"name\": \"add\", \"arguments\": {\"a\": 10",
  ])
  func `an opened call follows the schema of its tool`(wrong: String) async throws {
    let answer = try await Answer(auto())
    #expect(answer.take("<tool_call>\n"))
    #expect(!answer.take(wrong))
  }

  @Test func `without parallel calls the turn ends after the first call`() async throws {
    let answer = try await Answer(auto(isParallel: false))
    #expect(answer.take("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 7}}\n</tool_call>"))
    let mask = try #require(answer.allowed)
    #expect((0..<TokenID(answer.tokenizer.vocabularySize)).filter(mask.contains) == [619, 621])
  }

  @Test func `an answer that may be JSON or a call is the one that it begins as`() async throws {
    var form = auto()
    form.text = .schema(
      ["type": "object", "properties": ["x": ["type": "null"]], "required": ["x"], "additionalProperties": false],
      path: "s")
    let json = try await Answer(form)
    let call = Answer(json), text = Answer(json)
    #expect(json.isOwed && json.take("{\"x\": null}") && json.allowed?.contains(621) == true)
    #expect(call.take("<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 7}}\n</tool_call>"))
    #expect(!text.take("Hello"))
  }

  @Test func `an unsupported schema is rejected if strict, otherwise reported`() async throws {
    var loose = add
    loose.parameters = ["type": "object", "properties": ["x": ["not": ["type": "null"]]]]
    let chat = try RTiny.chat()
    func conversation(_ tool: ToolUse.Tool) -> Conversation {
      Conversation(
        messages: [.init(role: .user, parts: [.text("Hi")])], mode: .short,
        answer: AnswerForm(tools: ToolUse(tools: [tool], choice: .required, isParallel: true)))
    }
    await #expect(throws: ChatError.self) { try await chat.prepare(conversation(loose)) }
    loose.isStrict = false
    #expect(try await chat.prepare(conversation(loose)).loose == ["tools[0].properties.x.not"])
  }
}
