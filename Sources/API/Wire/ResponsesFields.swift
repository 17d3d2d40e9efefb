// Decodes the fields of a Responses request except its input. Fields that need storage are rejected or ignored.
import Chat
import GenerationTypes
import JSON
import Text

extension ResponsesCodec {
  /// Fields this server reads.
  package static let fields =
    [
      "input", "instructions", "reasoning", "max_output_tokens", "text", "include", "store", "previous_response_id",
      "background", "truncation", "tools", "tool_choice", "parallel_tool_calls", "conversation", "prompt",
    ]
    + FieldReader.optionFields.filter {
      !["max_completion_tokens", "max_tokens", "n", "stop", "logprobs"].contains(exactly: $0)
    }
    + FieldReader.modeFields + FieldReader.constraintFields
}

extension FieldReader {
  /// Rejects fields that need stored responses or background work.
  func checkStateless() throws(APIError) {
    for name in ["previous_response_id", "conversation", "prompt"] where value(name) != nil {
      throw .invalid(
        name, "\(name) is not supported, because this server stores no responses. Send the whole input.",
        code: "unsupported_parameter")
    }
    if try bool("background") == true {
      throw .invalid("background", "background is not supported. Leave it out.", code: "unsupported_parameter")
    }
    // The server stores nothing.
    if try bool("store") == true { ignore("store") }
    if try word("truncation", of: ["auto", "disabled"]) == "auto" { ignore("truncation") }
    if try array("include", max: 64) != nil { ignore("include") }
  }

  /// Reads the thinking fields of chats, and `reasoning`.
  func responseThinking(_ defaults: RequestDefaults) throws(APIError) -> ThinkingWish {
    var wish = try thinkingWish(defaults)
    guard let reasoning = try object("reasoning") else { return wish }
    // Responses contain the whole thought and no summary.
    reasoning.leave("summary", "generate_summary")
    let effort = try reasoning.effort("effort", defaults)
    try reasoning.close()
    guard let (mode, bias) = effort else { return wish }
    let field = reasoning.path(to: "effort")
    if let other = wish.mode, other != mode {
      throw .invalid(
        field,
        "\(field) asks for mode \(mode.rawValue), but \(wish.modeField ?? "the request") asks for \(other.rawValue).",
        code: "contradiction")
    }
    if mode != .auto, wish.bias != nil || wish.threshold != nil {
      throw .invalid(
        field, "\(field) asks for mode \(mode.rawValue), but think_bias and think_threshold work in mode auto only.",
        code: "contradiction")
    }
    if wish.mode == nil { (wish.mode, wish.modeField) = (mode, field) }
    if wish.bias == nil, wish.threshold == nil { wish.bias = bias }
    return wish
  }

  /// The form of the answer: `text.format`, other servers' constraints, and tools.
  func responseForm(_ limits: RequestLimits) throws(APIError) -> AnswerForm {
    let text = try object("text")
    text?.leave("verbosity")
    let format = try text?.object("format")?.format(isFlat: true)
    try text?.close()
    let constraint = try textForm(beside: format)
    return AnswerForm(text: constraint?.form, tools: try toolUse(limits, beside: constraint))
  }

  /// The members of the request that the response repeats, with defaults.
  func responseEcho(_ options: GenerationOptions) -> JSONObject {
    func own(_ name: String, _ fallback: JSONValue) -> JSONValue { value(name) ?? fallback }
    var text = value("text")?.object ?? JSONObject()
    if text["format"] ?? .null == .null { text["format"] = ["type": "text"] }
    var reasoning: JSONObject = ["effort": nil, "summary": nil]
    if let effort = value("reasoning")?["effort"] { reasoning["effort"] = effort }
    return [
      "instructions": own("instructions", .null), "max_output_tokens": own("max_output_tokens", .null),
      "metadata": own("metadata", [:]), "parallel_tool_calls": own("parallel_tool_calls", true),
      "previous_response_id": nil, "reasoning": .object(reasoning), "store": false,
      "temperature": own("temperature", .number(Double(options.sampling.temperature))), "text": .object(text),
      "tool_choice": own("tool_choice", "auto"), "tools": own("tools", []),
      "top_logprobs": .integer(Int64(options.sampling.topLogprobs ?? 0)),
      "top_p": own("top_p", .number(Double(options.sampling.topP))), "truncation": "disabled",
      "user": own("user", .null),
      "background": false,
    ]
  }
}
