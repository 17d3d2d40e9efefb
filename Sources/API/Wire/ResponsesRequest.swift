// The body of `POST /v1/responses`, as much of OpenAI's newer endpoint as a server without memory can serve.
import Chat
import GenerationTypes
import JSON
import Text

/// A request for a response after validation.
package struct ResponsesRequest: Sendable {
  /// Images by reference are empty until they are fetched.
  package let messages: [Conversation.Message]
  /// Images that the request names instead of holding.
  package let references: [ImageReference]
  package let options: GenerationOptions
  package let thinking: ThinkingWish
  package let form: AnswerForm
  /// What the response repeats of the request, with defaults for what it left out.
  package let echo: JSONObject
  package let ignored: IgnoredFields

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

  /// What needs a memory of earlier requests, or work after the answer.
  private static let stateful = ["previous_response_id", "conversation", "prompt"]

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    for name in Self.stateful where reader.value(name) != nil {
      throw .invalid(
        name, "\(name) is not offered: this server keeps no responses; send the whole input.",
        code: "unsupported_parameter")
    }
    if try reader.bool("background") == true {
      throw .invalid("background", "background is not offered.", code: "unsupported_parameter")
    }
    // Nothing is stored, whatever is asked.
    if try reader.bool("store") == true { reader.ignore("store") }
    if try reader.word("truncation", of: ["auto", "disabled"]) == "auto" { reader.ignore("truncation") }
    if try reader.array("include", max: 64) != nil { reader.ignore("include") }
    var wish = try reader.thinkingWish(configuration.defaults)
    try Self.readEffort(reader, configuration.defaults, into: &wish)
    thinking = wish
    form = try Self.form(reader, configuration.limits)
    var options = try reader.options(configuration, logprobs: .alternatives)
    options.maxTokens = try reader.tokenLimit("max_output_tokens")
    self.options = options
    var decoder = MessageDecoder(limits: configuration.limits, fetcher: configuration.images)
    messages = try decoder.messages(ofResponses: reader)
    references = decoder.references
    echo = Self.echo(reader, options)
    ignored = try reader.finish()
  }

  private static func readEffort(
    _ reader: FieldReader, _ defaults: RequestDefaults, into wish: inout ThinkingWish
  ) throws(APIError) {
    guard let reasoning = try reader.object("reasoning") else { return }
    // Thoughts are shown as they are, so there is nothing to sum up.
    reasoning.leave("summary", "generate_summary")
    let effort = try reasoning.effort("effort", defaults)
    try reasoning.close()
    guard let (mode, bias) = effort else { return }
    let field = reasoning.path(to: "effort")
    if let other = wish.mode, other != mode {
      throw .invalid(
        field,
        "\(field) asks for mode \(mode.rawValue), but \(wish.modeField ?? "the request") asks for \(other.rawValue).",
        code: "contradiction")
    }
    if mode != .auto, wish.bias != nil || wish.threshold != nil {
      throw .invalid(
        field, "\(field) asks for mode \(mode.rawValue), but think_bias and think_threshold act in mode auto only.",
        code: "contradiction")
    }
    if wish.mode == nil { (wish.mode, wish.modeField) = (mode, field) }
    if wish.bias == nil, wish.threshold == nil { wish.bias = bias }
  }

  private static func form(
    _ reader: FieldReader, _ limits: RequestLimits
  ) throws(APIError) -> AnswerForm {
    let text = try reader.object("text")
    text?.leave("verbosity")
    let format = try text?.object("format")?.format(isFlat: true)
    try text?.close()
    let constraint = try reader.textForm(beside: format)
    return AnswerForm(text: constraint?.form, tools: try reader.toolUse(limits, beside: constraint))
  }

  private static func echo(_ reader: FieldReader, _ options: GenerationOptions) -> JSONObject {
    func own(_ name: String, _ fallback: JSONValue) -> JSONValue { reader.value(name) ?? fallback }
    var text = reader.value("text")?.object ?? JSONObject()
    if text["format"] ?? .null == .null { text["format"] = ["type": "text"] }
    var reasoning: JSONObject = ["effort": nil, "summary": nil]
    if let effort = reader.value("reasoning")?["effort"] { reasoning["effort"] = effort }
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
