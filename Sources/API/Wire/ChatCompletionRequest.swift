// A chat request after validation. It can only be made by decoding, so whoever holds one need not check it again.
import Chat
import GenerationTypes
import JSON

/// The body of `POST /v1/chat/completions`.
package struct ChatCompletionRequest: Sendable {
  /// Images by reference are empty until they are fetched.
  package let messages: [Conversation.Message]
  /// Images that the request names instead of holding.
  package let references: [ImageReference]
  package let options: GenerationOptions
  package let thinking: ThinkingWish
  package let form: AnswerForm
  /// Names that were accepted and have no effect.
  package let ignored: IgnoredFields

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields + FieldReader.modeFields
    + FieldReader.formFields + ["messages"]

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    thinking = try reader.thinkingWish(configuration.defaults)
    form = try reader.answerForm(configuration.limits)
    options = try reader.options(configuration)
    // Last, because images cost the most to read.
    var decoder = MessageDecoder(limits: configuration.limits, fetcher: configuration.images)
    messages = try decoder.messages(reader)
    references = decoder.references
    ignored = try reader.finish()
  }
}
