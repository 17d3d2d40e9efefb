// `response_format`, `tools` and `tool_choice`: which form the answer has.
import Chat
import JSON

extension FieldReader {
  static let formFields = ["response_format", "tools", "tool_choice", "parallel_tool_calls"]

  /// The form that a chat asks for.
  func answerForm(_ limits: RequestLimits) throws(APIError) -> AnswerForm {
    AnswerForm(json: try responseFormat(), tools: try toolUse(limits))
  }

  /// `response_format`; nil for free text.
  func responseFormat() throws(APIError) -> JSONForm? {
    guard let format = try object("response_format") else { return nil }
    switch try format.require("type", format.word("type", of: ["text", "json_object", "json_schema"])) {
    case "json_object": return .object
    case "json_schema": return try format.require("json_schema", format.object("json_schema")).namedSchema()
    default: return nil
    }
  }

  /// `tools`, `tool_choice` and `parallel_tool_calls`; nil where no tool may be called.
  func toolUse(_ limits: RequestLimits) throws(APIError) -> ToolUse? {
    let parallel = try bool("parallel_tool_calls") ?? true
    let tools = try self.tools(limits)
    let choice = try toolChoice(among: tools)
    return choice == .none || tools.isEmpty ? nil : ToolUse(tools: tools, choice: choice, isParallel: parallel)
  }

  /// `{name, schema, strict, description}`.
  func namedSchema() throws(APIError) -> JSONForm {
    let name = try require("name", string("name"))
    guard Self.isName(name) else { throw fail("name", "takes 1 to 64 letters, digits, _ and -") }
    _ = try string("description")
    _ = try bool("strict")
    let schema = try require("schema", object("schema"))
    return .schema(.object(schema.object), path: schema.path)
  }

  private func tools(_ limits: RequestLimits) throws(APIError) -> [ToolUse.Tool] {
    let values = try array("tools", max: limits.tools) ?? []
    var tools: [ToolUse.Tool] = []
    for (index, value) in values.enumerated() {
      let path = path(to: "tools[\(index)]")
      guard let object = value.object else {
        throw .invalid(path, "\(path) must be an object, got \(value.typeName).", code: "invalid_type")
      }
      let reader = FieldReader(object, at: path)
      _ = try reader.require("type", reader.word("type", of: ["function"]))
      // The Responses form has the function's members beside the type.
      let isFlat = reader.value("function") == nil && reader.value("name") != nil
      let function = isFlat ? reader : try reader.require("function", reader.object("function"))
      let tool = try function.tool(definition: reader.object)
      if tools.contains(where: { $0.name == tool.name }) {
        throw function.fail("name", "is the name of an earlier tool too")
      }
      tools.append(tool)
    }
    return tools
  }

  private func tool(definition: JSONObject) throws(APIError) -> ToolUse.Tool {
    let name = try require("name", string("name"))
    guard Self.isName(name) else { throw fail("name", "takes 1 to 64 letters, digits, _ and -") }
    let description = try string("description")
    let parameters = try object("parameters")
    var function: JSONObject = ["name": .string(name)]
    if let description { function["description"] = .string(description) }
    function["parameters"] = .object(parameters?.object ?? ["type": "object", "properties": [:]])
    return ToolUse.Tool(
      name: name, parameters: parameters.map { .object($0.object) }, isStrict: try bool("strict") ?? false,
      definition: ["type": "function", "function": .object(function)], path: self.path(to: "parameters"))
  }

  private func toolChoice(among tools: [ToolUse.Tool]) throws(APIError) -> ToolUse.Choice {
    guard let value = value("tool_choice") else { return .auto }
    var choice = ToolUse.Choice.auto
    if value.object == nil {
      switch try word("tool_choice", of: ["none", "auto", "required"]) {
      case "none": return .none
      case "required": choice = .required
      default: return .auto
      }
    } else if let named = try object("tool_choice") {
      _ = try named.require("type", named.word("type", of: ["function"]))
      let function = try named.object("function") ?? named
      let name = try function.require("name", function.string("name"))
      guard tools.isEmpty || tools.contains(where: { $0.name == name }) else {
        throw function.fail("name", "is not the name of one of the tools")
      }
      choice = .named(name)
    }
    if tools.isEmpty { throw fail("tool_choice", "asks for a call, but tools has none") }
    return choice
  }

  private static func isName(_ name: String) -> Bool {
    (1...64).contains(name.utf8.count)
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
          true
        default: false
        }
      }
  }
}
