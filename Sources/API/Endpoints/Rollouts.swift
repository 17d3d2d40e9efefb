// POST /v1/rollouts: what bi-mode policy optimisation samples. One prompt is prepared in both modes, its images decoded
// once; the replies are submitted together, share the KV of the prompt's beginning and are decoded as one batch.
import Chat
import GenerationTypes
import JSON
import Text

/// A request for rollouts.
package struct RolloutsCodec: ReplyCodec {
  package let request: ReplyRequest
  private let model: String
  /// Whether the response lists each token with its log-probability.
  private let listsTokens: Bool

  /// Fields this server reads.
  package static let fields =
    FieldReader.optionFields.filter { !["n", "stream", "stream_options"].contains(exactly: $0) }
    + FieldReader.boundFields + ["messages", "g"]

  /// Replies in each mode of a request that does not say.
  static let standardCount = 4
  /// Log-probabilities of one response at most: each takes some hundred bytes until all replies have ended.
  private static let maxLogprobs = 1 << 21

  package init(body: JSONValue, configuration: APIConfiguration) throws(APIError) {
    let reader = try FieldReader(body: body, fields: Self.fields)
    try reader.checkModel(configuration.model)
    try reader.rejectConstraints()
    let bounds = try reader.thoughtBounds()
    var options = GenerationOptions()
    _ = try reader.string("user")
    _ = try reader.opaque("metadata")
    options.sampling = try reader.sampling(configuration)
    // OpenAI's default, not the model's: equal rollouts teach nothing.
    if reader.value("temperature") == nil { options.sampling.temperature = 1 }
    // The response shows the seed, so that every rollout can be repeated. Any JSON parser reads it exactly.
    if options.sampling.seed == nil { options.sampling.seed = UInt64.random(in: 0..<1 << 53) }
    let top = try reader.topLogprobs(.flag)
    (options.sampling.topLogprobs, listsTokens) = (top ?? 0, top != nil)
    let most = max(1, configuration.limits.rollouts)
    options.choices = try reader.integer("g", in: 1...most) ?? min(Self.standardCount, most)
    options.stop = try reader.stopStrings(configuration.limits)
    options.maxTokens = try reader.tokenLimit()
    // Other requests come first, unless the client says otherwise.
    options.serviceTier = try reader.serviceTier() ?? .flex
    let prompt = try reader.conversation(configuration)
    request = ReplyRequest(
      prompt: prompt, promptField: "messages", options: options, thinking: bounds, isRollout: true,
      maxLogprobs: listsTokens ? Self.maxLogprobs : nil, ignored: try reader.finish())
    model = configuration.model.id
  }

  func document(_ ended: EndedReplies) -> JSONValue {
    let count = request.options.choices
    let replies = zip(ended.transcripts, ended.replies).map { transcript, reply in
      transcript.rollout(reply, listsTokens: listsTokens, ended.chat)
    }
    let (thinking, nonThinking) = (ended.figures[0], ended.figures[1])
    return [
      "id": .string("rollouts-" + RequestID.random()), "object": "rollouts",
      "created": .integer(Int64(RequestID.secondsSinceEpoch())), "model": .string(model),
      "g": .count(count), "seed": .integer(Int64(bitPattern: request.options.sampling.seed ?? 0)),
      "prompt_tokens": .count(thinking.prompt.total),
      "groups": ["thinking": .array(Array(replies[..<count])), "non_thinking": .array(Array(replies[count...]))],
      "usage": ["thinking": thinking.usage, "non_thinking": nonThinking.usage],
      "timings": thinking.timings,
    ]
  }
}
