// A chat request after validation. It can only be made by decoding, so whoever holds one need not check it again.
import Chat
import GenerationTypes
import JSON

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Sendable {
  package let messages: [Conversation.Message]
  package let options: GenerationOptions
  package let thinking: ThinkingWish
  /// Names that were accepted and have no effect.
  package let ignored: [String]

  /// Fields this server reads.
  static let fields =
    FieldReader.optionFields + FieldReader.modeFields
    + ["messages", "response_format", "tools", "tool_choice", "parallel_tool_calls"]

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body)
    var ignored = try FieldNames.unknown(in: reader, known: Self.fields)
    try reader.checkModel(configuration.model)
    thinking = try reader.thinkingWish(configuration.defaults, ignored: &ignored)
    try Self.checkFormatAndTools(reader, limits: configuration.limits)
    options = try reader.options(configuration, ignored: &ignored)
    // Last, because pictures cost the most to read.
    var decoder = MessageDecoder(limits: configuration.limits)
    messages = try decoder.messages(reader)
    self.ignored = ignored + decoder.ignored
  }

  private static func checkFormatAndTools(_ reader: FieldReader, limits: RequestLimits) throws(APIError) {
    if let format = try reader.object("response_format") {
      let type = try format.require("type", format.word("type", of: ["text", "json_object", "json_schema"]))
      if type != "text" {
        throw .invalid(
          format.path(to: "type"), "response_format \(type) is not offered by this server yet.",
          code: "unsupported_parameter")
      }
    }
    _ = try reader.bool("parallel_tool_calls")
    let tools = try reader.array("tools", max: limits.toolCalls) ?? []
    var choice = "auto"
    if let value = reader.value("tool_choice") {
      if value.object == nil {
        choice = try reader.word("tool_choice", of: ["none", "auto", "required"]) ?? choice
      } else {
        choice = "named"
      }
    }
    if tools.isEmpty {
      if choice == "required" || choice == "named" {
        throw reader.fail("tool_choice", "asks for a call, but tools has none")
      }
    } else if choice != "none" {
      throw reader.notOffered("tools")
    }
  }
}
