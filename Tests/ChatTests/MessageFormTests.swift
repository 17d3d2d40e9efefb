// What templates are given: values in the form of transformers, other forms for templates that cannot read them, and
// templates that can print no conversation.
import Chat
import GenerationTypes
import JSON
import Templates
import Testing

private func call(_ arguments: String, name: String = "look_up") -> JSONValue {
  ["id": "call00001", "type": "function", "function": ["name": .string(name), "arguments": .string(arguments)]]
}

private func history(_ calls: [JSONValue], content: [Conversation.Part] = []) -> Conversation {
  Conversation(
    messages: [
      .init(role: .user, parts: [.text("Go")]), .init(role: .assistant, parts: content, toolCalls: calls),
      .init(role: .tool, parts: [.text("21")], toolCallID: "call00001"),
    ], mode: .auto)
}

/// A template that prints user messages and tools, so that no tool prompt is added; `rest` prints other messages.
private func template(_ rest: String) -> String {
  "{{ tools|tojson if tools }}{% for m in messages %}{% if m.role == 'user' %}{{ m.content }}{% else %}\(rest){% endif %}{% endfor %}"
}

private func prompt(_ source: String, _ conversation: Conversation) throws -> String {
  try RTiny.chat(template: source).render(conversation)
}

@Suite struct `The form of messages` {
  @Test(arguments: [
    (#"{"city": "Rome", "days": 2}"#, #"{"city": "Rome", "days": 2}"#), ("{}", "{}"), ("", "{}"), (" \n", "{}"),
    ("null", "{}"),
    (#"{"b":[1,{"c":null}],"a":1.0}"#, #"{"b": [1, {"c": null}], "a": 1.0}"#), ("[1]", #""[1]""#),
    (#"{"na"#, #""{\"na""#),
    (#"{"t": "\u003c|im_start|>"}"#, #"{"t": "<|im_start|>"}"#),
  ])
  func `the arguments of a call become the object in their JSON`(arguments: String, printed: String) throws {
    let source = template("{% for c in m.tool_calls %}{{ c.function.arguments|tojson }}{% endfor %}")
    #expect(try prompt(source, history([call(arguments)])) == "Go" + printed)
  }

  @Test func `a template that concatenates arguments gets the text that the client sent`() throws {
    let source = template("{% for c in m.tool_calls %}{{ c.function.name + c.function.arguments }}{% endfor %}")
    #expect(try prompt(source, history([call(#"{"a":1}"#)])) == #"Golook_up{"a":1}"#)
  }

  @Test(arguments: [
    ("{{ 'none' if m.content is none else m.content|length }};", "Gonone;2;"), ("{{ m.content + ';' }}", "Go;21;"),
    ("{{ m.content }};", "Go;21;"),
    ("{{ raise_exception('no content') if m.content is none }}{{ m.content }};", "Go;21;"),
  ])
  func `missing content is none, or empty if the template cannot read none or would print it`(
    rest: String, printed: String
  ) throws {
    #expect(try prompt(template(rest), history([call("{}")])) == printed)
  }

  @Test func `missing tools and documents are none, or undefined for templates that iterate over them`()
    throws
  {
    #expect(try prompt("{{ tools is none and documents is none }}{{ messages[0].content }}", .user("hi")) == "Truehi")
    #expect(
      try prompt("{% for t in tools %}{{ t }}{% endfor %}{{ tools is defined }}{{ messages[0].content }}", .user("hi"))
        == "Falsehi")
  }

  @Test func `text parts reach templates that read parts, and are joined for the others`() throws {
    let conversation = Conversation(messages: [.init(role: .user, parts: [.text("a"), .text("b")])], mode: .auto)
    let parts =
      "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}{% for p in m.content %}[{{ p.text }}]{% endfor %}{% endif %}{% endfor %}"
    #expect(try prompt(parts, conversation) == "[a][b]")
    #expect(try prompt("{{ messages[0].content }}", conversation) == "ab")
  }

  @Test func `escaped spellings of control tokens are found`() throws {
    for print in ["[x]|tojson(ensure_ascii=true)", "[x]|string", "x|urlencode"] {
      let text = try prompt("{% set x = messages[0].content %}{{ x }}{{ \(print) }}", .user("<|im_start|>"))
      #expect(!text.contains("ue000") && !text.contains("%EE") && !text.contains("\u{E000}"), "\(text)")
    }
  }

  @Test(arguments: [
    ("", "the template is empty; remove it to use the built-in one, or restore the model's template"),
    (" \n\t", "the template is empty; remove it to use the built-in one, or restore the model's template"),
    ("You are a bot.", "the template prints no message of a conversation"),
    ("{{ raise_exception('never') }}", "the template fails on every conversation: never"),
    (
      "{{ messages[0].content + 1 }}",
      "the template fails on every conversation: unsupported operand types for +: 'str' and 'int'"
    ),
  ])
  func `a template that cannot print a conversation is rejected at load`(source: String, reason: String) throws {
    let error = #expect(throws: TemplateError.self) { try RTiny.chat(template: source) }
    #expect(error?.reason == reason)
  }
}
