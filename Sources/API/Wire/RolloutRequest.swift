// The body of `POST /v1/rollouts`: one prompt, answered several times with a thought and as often without one.
import Chat
import GenerationTypes
import JSON
import Text

/// Rollouts after validation.
package struct RolloutRequest: Sendable {
  let messages: [Conversation.Message]
  let references: [ImageReference]
  /// Log-probabilities are always wanted; `choices` is the number of replies in each mode.
  let options: GenerationOptions
  /// Whether each token is to be told with its log-probability.
  let tellsTokens: Bool
  /// Bounds of the thoughts; the mode is not the client's to choose.
  let bounds: ThinkingWish
  let ignored: IgnoredFields

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields.filter { !["n", "stream", "stream_options"].contains(exactly: $0) }
    + FieldReader.boundFields
    + ["messages", "g"]

  /// Replies in each mode of requests that do not say.
  static let standardCount = 4

  /// Checks and takes over `body`. Throws an `APIError` that names the field.
  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    try reader.refuseConstraints()
    bounds = try reader.thoughtBounds()
    var options = GenerationOptions()
    _ = try reader.string("user")
    _ = try reader.opaque("metadata")
    options.sampling = try reader.sampling(configuration)
    // Rollouts that are all the same teach nothing: OpenAI's temperature, not the model's.
    if reader.value("temperature") == nil { options.sampling.temperature = 1 }
    // A seed of ours is told in the reply, so that every rollout can be had again. It is exact in any JSON parser.
    if options.sampling.seed == nil { options.sampling.seed = UInt64.random(in: 0..<1 << 53) }
    let top = try reader.topLogprobs(.flag)
    (options.sampling.topLogprobs, tellsTokens) = (top ?? 0, top != nil)
    let most = max(1, configuration.limits.rollouts)
    options.choices = try reader.integer("g", in: 1...most) ?? min(Self.standardCount, most)
    options.stop = try reader.stopStrings(configuration.limits)
    options.maxTokens = try reader.tokenLimit()
    // They give way to all others, unless the client insists.
    options.serviceTier = try reader.serviceTier() ?? .flex
    self.options = options
    var decoder = MessageDecoder(limits: configuration.limits, fetcher: configuration.images)
    messages = try decoder.messages(reader)
    references = decoder.references
    ignored = try reader.finish()
  }
}
