// Compares templates with Jinja2, whose output or error scripts/fixtures/chat_templates.py recorded.
import Foundation
import JSON
import Templates
import Testing

/// Fixture files of the template tests.
enum TemplateFixture {
  static func read(_ name: String, file: String = #filePath) throws -> JSONValue {
    let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
    let data = try Data(contentsOf: folder.appendingPathComponent("Fixtures/\(name).json"))
    return try JSONValue(parsing: Array(data))
  }
}

/// The result of a template: its text, a rejection, or an error with its position.
private enum Outcome: Equatable {
  case text([UInt8])
  case rejected(String)
  case error

  init(_ source: String, _ context: JSONObject) {
    do throws(TemplateError) {
      self = .text(Array(try ChatTemplate(source: source).render(context).utf8))
    } catch {
      self = error.kind == .raised ? .rejected(error.reason) : .error
    }
  }

  init(fixture: JSONValue) {
    if let text = fixture["expected"]?.string {
      self = .text(Array(text.utf8))
    } else {
      self = fixture["refused"]?.string.map { .rejected($0) } ?? .error
    }
  }

  var shown: String {
    switch self {
    case .text(let bytes): String(decoding: bytes, as: UTF8.self).debugDescription
    case .rejected(let reason): "rejected: \(reason)"
    case .error: "error"
    }
  }
}

@Suite struct `Chat templates` {
  @Test func `whole templates print conversations byte for byte as Jinja2 does`() throws {
    let fixture = try TemplateFixture.read("conversations")
    let cases = try #require(fixture["cases"]?.array)
    #expect(cases.count >= 200)
    for item in cases {
      let (name, key) = (try #require(item["template"]?.string), try #require(item["context"]?.string))
      let source = try #require(fixture["templates"]?[name]?.string)
      let context = try #require(fixture["contexts"]?[key]?.object)
      let (found, wanted) = (Outcome(source, context), Outcome(fixture: item))
      #expect(found == wanted, "\(name) on \(key): \(found.shown) instead of \(wanted.shown)")
    }
  }

  @Test func `snippets print or fail as in Jinja2`() throws {
    let fixture = try TemplateFixture.read("snippets")
    let cases = try #require(fixture["cases"]?.array)
    let context = try #require(fixture["context"]?.object)
    #expect(cases.count >= 150)
    for item in cases {
      let source = try #require(item["template"]?.string)
      let (found, wanted) = (Outcome(source, context), Outcome(fixture: item))
      #expect(found == wanted, "\(source.debugDescription): \(found.shown) instead of \(wanted.shown)")
    }
  }

  @Test func `every filter, test and method prints the same as in Jinja2 for every value`() throws {
    let cases = try #require(try TemplateFixture.read("expressions").array)
    let context = try #require(try TemplateFixture.read("snippets")["context"]?.object)
    #expect(cases.count >= 3000)
    for item in cases {
      let source = try #require(item.array?.first?.string)
      let (found, wanted) = (Outcome(source, context), try #require(item.array?.last?.string))
      #expect(found == .text(Array(wanted.utf8)), "\(source): \(found.shown) instead of \(wanted.debugDescription)")
    }
  }

  @Test(
    arguments: [
      ("{{ x|pprint }}", "the filter 'pprint' is not supported: its output is for a terminal"),
      ("{{ x|random }}", "the filter 'random' is not supported: its result is random"),
      ("{{ x|striptags }}", "the filter 'striptags' is not supported: it needs the table of HTML entities"),
      ("{{ x|urlize }}", "the filter 'urlize' is not supported: it writes HTML links"),
      ("{{ x|nosuch }}", "no filter named 'nosuch'"), ("{{ x|map('nosuch') }}", "no filter named 'nosuch'"),
      ("{{ x|map('urlize') }}", "the filter 'urlize' is not supported: it writes HTML links"),
      ("{{ x|select('nosuch') }}", "no test named 'nosuch'"),
      ("{{ x|rejectattr('a', 'nosuch') }}", "no test named 'nosuch'"), ("{{ x is nosuch }}", "no test named 'nosuch'"),
      ("{{ lipsum() }}", "the function 'lipsum' is not supported: its result is random"),
      ("{{ x.encode() }}", "the method 'encode' is not supported"),
      ("{{ x.translate({}) }}", "the method 'translate' is not supported"),
      ("{% do x() %}", "the tag 'do' is not supported: transformers does not load its extension"),
      (
        "{% include 'x' %}",
        "the tag 'include' is not supported: a chat template cannot refer to other files"
      ),
      (
        "{% block x %}{% endblock %}",
        "the tag 'block' is not supported: a chat template cannot refer to other files"
      ),
      (
        "{% autoescape true %}{% endautoescape %}",
        "'autoescape' is not supported: chat templates output plain text"
      ), ("{% nosuch %}", "unknown tag 'nosuch'"),
    ])
  func `unsupported features are rejected by name when the template is parsed`(source: String, reason: String) {
    let error = #expect(throws: TemplateError.self) { try ChatTemplate(source: "{% if false %}\(source){% endif %}") }
    #expect(error?.reason == reason)
  }

  @Test func `errors name the line and column`() throws {
    #expect(throws: TemplateError(kind: .syntax, reason: "unknown tag 'nosuch'", line: 2, column: 11)) {
      try ChatTemplate(source: "a\n{% nosuch %}")
    }
    #expect(throws: TemplateError(kind: .evaluation, reason: "integer division or modulo by zero", line: 3, column: 6))
    {
      try ChatTemplate(source: "a\nb\n{{ 1 // 0 }}").render([:])
    }
    #expect(throws: TemplateError(kind: .raised, reason: "no é", line: 1, column: 19)) {
      try ChatTemplate(source: "{{ raise_exception('no é') }}").render([:])
    }
  }

  @Test func `strftime_now prints the local date`() throws {
    let text = try ChatTemplate(source: "{{ strftime_now('%Y-%m-%d %%') }}").render([:])
    #expect(text.wholeMatch(of: /\d{4}-\d\d-\d\d %/) != nil)
  }

  @Test func `one template renders on many threads`() async throws {
    let template = try ChatTemplate(source: "{% for x in xs %}{{ x * 2 }},{% endfor %}")
    let texts = try await withThrowingTaskGroup(of: String.self) { group in
      for number in 0..<16 { group.addTask { try template.render(["xs": [.integer(Int64(number)), 1]]) } }
      return try await group.reduce(into: Set<String>()) { $0.insert($1) }
    }
    #expect(texts == Set((0..<16).map { "\($0 * 2),2," }))
  }
}
