// What is kept of one answered request: counts, times and how it ended. There is no field for a prompt, an image or a
// reply, so none can be written. Out-of-range numbers are clamped on their way into the file; nothing here can trap.

/// One answered request.
package struct LedgerRow: Sendable, Equatable {
  /// End of the request, Unix seconds.
  package var time: Double
  /// The id the client was given.
  package var requestID: String
  /// Name of the API key (never the key); nil without one.
  package var key: String?
  /// What the client asked for: `auto`, `long` or `short`.
  package var requestedMode: String
  /// What happened: `thinking` or `non_thinking`.
  package var mode: String
  /// The model's probability of thinking, 0 to 1, where it was asked.
  package var thinkProbability: Double?
  /// Whether `auto` was asked for and the model chose the mode of its one reply: no policy did.
  package var isDecided = false
  /// Whether, besides, shadows were drawn from such requests when it came.
  package var isSampled = false
  /// Prompt tokens: text, image places, and those of both that a cache held.
  package var promptText, promptImage, promptCached: Int
  /// Completion tokens, summed over the request's replies: thought, tags and other control tokens, answer.
  package var thinking, control, answer: Int
  /// How many replies (`n`) the request had.
  package var replies: Int
  /// `stop`, `length` or `tool_calls`, of the first reply.
  package var finish: String
  /// `natural`, `budget`, `loop` or `length`; nil when there was no thought.
  package var thoughtEnd: String?
  /// Seconds of each phase; nil where the request had none.
  package var queue, image, prefill, firstToken, firstAnswerToken, decode: Double?
  /// Seconds from the request's head to its last byte.
  package var total: Double

  /// A row with every field given or empty.
  package init(
    time: Double, requestID: String, key: String? = nil, requestedMode: String, mode: String,
    thinkProbability: Double? = nil, promptText: Int = 0, promptImage: Int = 0, promptCached: Int = 0,
    thinking: Int = 0, control: Int = 0, answer: Int = 0, replies: Int = 1, finish: String, thoughtEnd: String? = nil,
    queue: Double? = nil, image: Double? = nil, prefill: Double? = nil, firstToken: Double? = nil,
    firstAnswerToken: Double? = nil, decode: Double? = nil, total: Double
  ) {
    (self.time, self.requestID, self.key) = (time, requestID, key)
    (self.requestedMode, self.mode, self.thinkProbability) = (requestedMode, mode, thinkProbability)
    (self.promptText, self.promptImage, self.promptCached) = (promptText, promptImage, promptCached)
    (self.thinking, self.control, self.answer, self.replies) = (thinking, control, answer, replies)
    (self.finish, self.thoughtEnd) = (finish, thoughtEnd)
    (self.queue, self.image, self.prefill, self.firstToken) = (queue, image, prefill, firstToken)
    (self.firstAnswerToken, self.decode, self.total) = (firstAnswerToken, decode, total)
  }
}

/// An `auto` request answered again, unseen by clients, in the mode it did not choose.
package struct ShadowRow: Sendable, Equatable {
  /// Time of the original request's row, Unix seconds: a span that has the pair has the request.
  package var time: Double
  /// The id of the original request.
  package var requestID: String
  /// Name of the API key; nil without one.
  package var key: String?
  /// What the original did: `thinking` or `non_thinking`.
  package var mode: String
  /// Completion tokens of the original.
  package var tokens: Int
  /// Generation seconds of the original.
  package var seconds: Double
  /// Completion tokens of the second answer.
  package var shadowTokens: Int
  /// Generation seconds of the second answer.
  package var shadowSeconds: Double
  /// Prompt tokens that the second answer computed anew.
  package var shadowPromptTokens: Int

  /// A pair of answers to one request.
  package init(
    time: Double, requestID: String, key: String? = nil, mode: String, tokens: Int, seconds: Double, shadowTokens: Int,
    shadowSeconds: Double, shadowPromptTokens: Int
  ) {
    (self.time, self.requestID, self.key, self.mode) = (time, requestID, key, mode)
    (self.tokens, self.seconds, self.shadowTokens) = (tokens, seconds, shadowTokens)
    (self.shadowSeconds, self.shadowPromptTokens) = (shadowSeconds, shadowPromptTokens)
  }
}
