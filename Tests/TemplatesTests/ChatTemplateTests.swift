// Templates against Jinja2: scripts/fixtures/chat_templates.py wrote down what it printed or that it raised.
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

/// What became of a template: its text, its refusal, or an error with a place.
private enum Outcome: Equatable {
  case text([UInt8])
  case refused(String)
  case error

  init(_ source: String, _ context: JSONObject) {
    do throws(TemplateError) {
      self = .text(Array(try ChatTemplate(source: source).render(context).utf8))
    } catch {
      self = error.kind == .raised ? .refused(error.reason) : .error
    }
  }

  init(fixture: JSONValue) {
    if let text = fixture["expected"]?.string {
      self = .text(Array(text.utf8))
    } else {
      self = fixture["refused"]?.string.map { .refused($0) } ?? .error
    }
  }

  var shown: String {
    switch self {
    case .text(let bytes): String(decoding: bytes, as: UTF8.self).debugDescription
    case .refused(let reason): "refused: \(reason)"
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

  @Test func `every filter, test and method prints what Jinja2 prints, whatever the value`() throws {
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
      ("{{ x|pprint }}", "the filter 'pprint' is not supported: it prints for a terminal"),
      ("{{ x|random }}", "the filter 'random' is not supported: its result differs each time"),
      ("{{ x|striptags }}", "the filter 'striptags' is not supported: it needs HTML's table of characters"),
      ("{{ x|urlize }}", "the filter 'urlize' is not supported: it writes HTML links"),
      ("{{ x|nosuch }}", "no filter named 'nosuch'"), ("{{ x|map('nosuch') }}", "no filter named 'nosuch'"),
      ("{{ x|map('urlize') }}", "the filter 'urlize' is not supported: it writes HTML links"),
      ("{{ x|select('nosuch') }}", "no test named 'nosuch'"),
      ("{{ x|rejectattr('a', 'nosuch') }}", "no test named 'nosuch'"), ("{{ x is nosuch }}", "no test named 'nosuch'"),
      ("{{ lipsum() }}", "the function 'lipsum' is not supported: its result differs each time"),
      ("{{ x.encode() }}", "the method 'encode' is not supported"),
      ("{{ x.translate({}) }}", "the method 'translate' is not supported"),
      ("{% do x() %}", "the tag 'do' is not supported: transformers does not load the extension that it needs"),
      (
        "{% include 'x' %}",
        "the tag 'include' is not supported: a chat template is one file without others to refer to"
      ),
      (
        "{% block x %}{% endblock %}",
        "the tag 'block' is not supported: a chat template is one file without others to refer to"
      ),
      (
        "{% autoescape true %}{% endautoescape %}",
        "'autoescape' is not supported: chat templates print plain text"
      ), ("{% nosuch %}", "unknown tag 'nosuch'"),
    ])
  func `what is left out is refused by name when the template is read`(source: String, reason: String) {
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
