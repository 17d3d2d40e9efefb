import GenerationTypes
import JSON
import StructuredOutput
import Testing

/// Patterns that are expensive to compile.
private let hostile = [
  "^(a{1,30}){1,30}$", "^((a{0,20}){0,20}){0,20}$", "(a|b)*a(a|b){18}", "^(a?){1000}$", "^\\p{L}{1000}$",
  ".{500}a.{400}",
  String(repeating: "(?=", count: 40) + "a" + String(repeating: ")", count: 40),
  (0..<64).map { "(?=.*\($0))" }.joined(),
  "^" + String(repeating: "(?!", count: 20) + "a" + String(repeating: ")", count: 20),
]

@Suite struct `The compilation budget` {
  @Test(arguments: hostile)
  func `compiling an expensive pattern calls shouldStop until it succeeds or is rejected`(pattern: String) {
    // 60 million steps with at least one call per 16,384; a few loops spend more at once.
    nonisolated(unsafe) var asked = 0
    let budget = CompilationBudget(shouldStop: {
      asked += 1
      return false
    })
    do {
      _ = try Grammar(schema: ["type": "string", "pattern": .string(pattern)], path: "schema", budget: budget)
    } catch {
      #expect(error.path == "schema.pattern" && !error.isStopped, "\(error)")
    }
    #expect(asked > 0 && asked <= 60_000_000 / 16_384 + 1)
  }

  @Test func `a compilation whose result is not needed stops at once`() {
    nonisolated(unsafe) var asked = 0
    let budget = CompilationBudget(shouldStop: {
      asked += 1
      return asked == 3
    })
    do {
      _ = try Grammar(schema: ["type": "string", "pattern": "^(a?){1000}$"], path: "schema", budget: budget)
      Issue.record("it went on")
    } catch {
      #expect(error.isStopped && asked == 3)
    }
  }

  @Test func `all schemas of a request share one budget`() throws {
    let budget = CompilationBudget(steps: 4_000_000)
    var compiled = 0
    for index in 0..<1000 {
      let pattern = "^(?:a|b){1,200}\(index)$"
      guard (try? Grammar(schema: ["type": "string", "pattern": .string(pattern)], path: "s", budget: budget)) != nil
      else { break }
      compiled += 1
    }
    #expect(compiled > 0 && compiled < 1000)
  }

  @Test func `tools with the same types share their compiled scalars`() throws {
    let budget = CompilationBudget(steps: 8_000_000)
    let parameters: JSONValue = [
      "type": "object", "required": ["u", "e"],
      "properties": [
        "u": ["type": "string", "format": "uri", "maxLength": 2083], "e": ["type": "string", "format": "email"],
      ],
    ]
    let tools = (0..<60).map { Grammar.Tool(name: "tool_\($0)", parameters: parameters, path: "tools[\($0)]") }
    _ = try Grammar(calls: tools, budget: budget)
    for tool in tools { _ = try Grammar(calls: [tool], budget: CompilationBudget(sharing: budget)) }
  }

  @Test func `references that double at every step are rejected`() throws {
    var definitions = JSONObject()
    for index in 0..<38 {
      let next: JSONValue = ["$ref": .string("#/$defs/d\(index + 1)")]
      definitions["d\(index)"] = ["allOf": [next, next], "minLength": .integer(Int64(index))]
    }
    definitions["d38"] = ["type": "string"]
    #expect(throws: SchemaError.self) {
      try Grammar(schema: ["$defs": .object(definitions), "$ref": "#/$defs/d0"], path: "s")
    }
  }

  @Test func `names that are equal only after normalisation are different members`() throws {
    let one = "\u{E9}", other = "e\u{301}"
    let schema: JSONValue = .object([
      "type": "object",
      "properties": .object([one: ["type": "null"], other: ["type": "boolean"]]), "required": .array([.string(other)]),
    ])
    let grammar = try Grammar(schema: schema, path: "s")
    #expect(accepts(grammar, "{\"\(one)\":null,\"\(other)\":true}") && accepts(grammar, "{\"\(other)\":true}"))
    #expect(!accepts(grammar, "{\"\(one)\":null}") && !accepts(grammar, "{\"\(other)\":null}"))
  }

  @Test func `the cost of combining marks in names is linear in their bytes`() throws {
    var properties = JSONObject(), required: [JSONValue] = []
    for index in 0..<40 {
      var name = "a"
      for position in 0..<200 {
        name.unicodeScalars.append(Unicode.Scalar(UInt32(0x300 + (position * 13 + index * 7) % 80))!)
      }
      properties[name] = ["type": "null"]
      required.append(.string(name))
    }
    let grammar = try Grammar(
      schema: ["type": "object", "properties": .object(properties), "required": .array(required)], path: "s")
    #expect(!accepts(grammar, "{}"))
  }
}
