// Decodes `tools` and `tool_choice`.
import Chat
import JSON
import Text

extension FieldReader {
  static let formFields = constraintFields + ["response_format", "tools", "tool_choice", "parallel_tool_calls"]

  /// The form of a chat's answer.
  func answerForm(_ limits: RequestLimits) throws(APIError) -> AnswerForm {
    let constraint = try textForm()
    return AnswerForm(text: constraint?.form, tools: try toolUse(limits, beside: constraint))
  }

  /// `tools`, `tool_choice` and `parallel_tool_calls`; nil if no tool may be called.
  func toolUse(_ limits: RequestLimits, beside constraint: TextConstraint? = nil) throws(APIError) -> ToolUse? {
    let parallel = try bool("parallel_tool_calls") ?? true
    let tools = try self.tools(limits)
    let (choice, allowed) = try toolChoice(among: tools, limits)
    if choice == .none || tools.isEmpty { return nil }
    // OpenAI's format applies only to text, if there is any. Other constraints apply to the whole answer.
    if let constraint, !constraint.isFormat, choice != .auto {
      throw .invalid(
        constraint.field,
        "\(constraint.field) constrains the text of the answer, but tool_choice requires a call. "
          + "Send only one of them.",
        code: "contradiction")
    }
    return ToolUse(tools: tools, choice: choice, isParallel: parallel, allowed: allowed)
  }

  private func tools(_ limits: RequestLimits) throws(APIError) -> [ToolUse.Tool] {
    let values = try array("tools", max: limits.tools) ?? []
    var tools: [ToolUse.Tool] = []
    for (index, value) in values.enumerated() {
      let reader = try element("tools", index, value)
      _ = try reader.require("type", reader.word("type", of: ["function"]))
      // In responses, the members of the function stand beside the type.
      let isFlat = reader.value("function") == nil && reader.value("name") != nil
      let function = isFlat ? reader : try reader.require("function", reader.object("function"))
      let tool = try function.tool(definition: reader.object)
      if tools.contains(where: { $0.name.isEqual(exactly: tool.name) }) {
        throw function.fail("name", "must be unique, but an earlier tool has the same name")
      }
      tools.append(tool)
      try reader.close()
    }
    return tools
  }

  private func tool(definition: JSONObject) throws(APIError) -> ToolUse.Tool {
    let name = try require("name", string("name"))
    guard Self.isName(name) else { throw fail("name", "must have 1 to 64 letters, digits, _ or -") }
    let description = try string("description")
    let parameters = try opaque("parameters")
    var function: JSONObject = ["name": .string(name)]
    if let description { function["description"] = .string(description) }
    function["parameters"] = .object(parameters ?? ["type": "object", "properties": [:]])
    return ToolUse.Tool(
      name: name, parameters: parameters.map(JSONValue.object), isStrict: try bool("strict") ?? false,
      definition: ["type": "function", "function": .object(function)], path: self.path(to: "parameters"))
  }

  private func toolChoice(
    among tools: [ToolUse.Tool], _ limits: RequestLimits
  ) throws(APIError) -> (choice: ToolUse.Choice, allowed: [ExactString]?) {
    guard let value = value("tool_choice") else { return (.auto, nil) }
    var choice = ToolUse.Choice.auto
    var allowed: [ExactString]?
    if value.object == nil {
      switch try word("tool_choice", of: ["none", "auto", "required"]) {
      case "none": return (.none, nil)
      case "required": choice = .required
      default: return (.auto, nil)
      }
    } else if let object = try object("tool_choice") {
      switch try object.require("type", object.word("type", of: ["function", "allowed_tools"])) {
      case "allowed_tools": (choice, allowed) = try object.allowedTools(among: tools, limits)
      default: choice = .named(try object.functionName(among: tools))
      }
      try object.close()
    }
    if tools.isEmpty { throw fail("tool_choice", "requires a call, but tools is empty") }
    return (choice, allowed)
  }

  /// The name in `{"function": {"name"}}`, or in `{"name"}` as in responses.
  private func functionName(among tools: [ToolUse.Tool]) throws(APIError) -> String {
    let function = try object("function") ?? self
    let name = try function.require("name", function.string("name"))
    guard tools.isEmpty || tools.contains(where: { $0.name == name }) else {
      throw function.fail("name", "must be the name of one of the tools")
    }
    return name
  }

  /// `{"allowed_tools": {"mode", "tools"}}`, or `{"mode", "tools"}` as in responses. The other tools stay in the prompt
  /// and cannot be called.
  private func allowedTools(
    among tools: [ToolUse.Tool], _ limits: RequestLimits
  ) throws(APIError) -> (choice: ToolUse.Choice, allowed: [ExactString]) {
    let holder = try object("allowed_tools") ?? self
    let mode = try holder.require("mode", holder.word("mode", of: ["auto", "required"]))
    var names: [ExactString] = []
    for (index, value) in try holder.require("tools", holder.array("tools", max: limits.tools)).enumerated() {
      let tool = try holder.element("tools", index, value)
      _ = try tool.require("type", tool.word("type", of: ["function"]))
      names.append(try tool.functionName(among: tools).exact)
      try tool.close()
    }
    if names.isEmpty { throw holder.fail("tools", "must name at least one tool") }
    return (mode == "required" ? .required : .auto, names)
  }

  static func isName(_ name: String) -> Bool {
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
