// The figures of one answered request. API creates the value once, when the last reply has ended; the response, the log
// line, the metrics and the ledger read it. For every request prompt = text + image and completion = thinking + control
// + answer.

/// How a reply ended, in OpenAI's words.
package enum ReplyFinish: String, Sendable, CaseIterable {
  case stop, length
  case toolCalls = "tool_calls"
}

/// The figures of one reply.
package struct ReplyFigures: Sendable, Equatable {
  package var outcome: ThinkingOutcome
  /// nil if the reply did not think.
  package var thoughtEnd: ThoughtEnd?
  package var counts: TokenCounts
  package var finish: ReplyFinish
  /// P(think), if the model decided.
  package var thinkProbability: Float?
  /// Prompt tokens that the prefix cache held.
  package var cachedTokens = 0
  /// nil if the reply ended before the engine reported.
  package var engine: GenerationTimings?
  /// Times from the request's arrival.
  package var firstToken, firstAnswerToken: Duration?
  /// From the first token to the last.
  package var decode = Duration.zero

  package init(
    outcome: ThinkingOutcome = .nonThinking, thoughtEnd: ThoughtEnd? = nil, counts: TokenCounts = TokenCounts(),
    finish: ReplyFinish = .stop
  ) {
    (self.outcome, self.thoughtEnd, self.counts, self.finish) = (outcome, thoughtEnd, counts, finish)
  }
}

/// The figures of one answered request, over all of its replies.
package struct AnswerFigures: Sendable, Equatable {
  /// Prompt tokens. The prompt counts once, however many replies were generated.
  package struct Prompt: Sendable, Equatable {
    package var text, image: Int
    /// Tokens of both kinds that the prefix cache held.
    package var cached = 0
    package var total: Int { text + image }

    package init(text: Int, image: Int = 0, cached: Int = 0) {
      (self.text, self.image, self.cached) = (text, image, cached)
    }
  }

  /// Durations of the request's phases; nil for a phase that it did not have.
  package struct Times: Sendable, Equatable {
    /// Waiting for a slot.
    package var queue: Duration?
    /// Reading, decoding and encoding images.
    package var image: Duration?
    package var prefill: Duration?
    /// From the request's arrival to the first token of any reply.
    package var firstToken, firstAnswerToken: Duration?
    /// From the first token to the last, of the longest reply.
    package var decode: Duration?
    /// From the request's arrival to its last byte; set when the response has ended.
    package var total: Duration

    package init(
      queue: Duration? = nil, image: Duration? = nil, prefill: Duration? = nil, firstToken: Duration? = nil,
      firstAnswerToken: Duration? = nil, decode: Duration? = nil, total: Duration = .zero
    ) {
      (self.queue, self.image, self.prefill, self.firstToken) = (queue, image, prefill, firstToken)
      (self.firstAnswerToken, self.decode, self.total) = (firstAnswerToken, decode, total)
    }
  }

  /// The id that the client was given.
  package var requestID: String
  /// The name of the API key; nil without one.
  package var key: String?
  /// When the replies had ended, Unix seconds.
  package var time: Double
  package var requestedMode: ThinkingMode
  /// Whether the client asked for `auto`, no policy changed it, and the model chose the mode of its one reply.
  package var isDecided = false
  /// Whether, besides, shadows were drawn from such requests at the time.
  package var isSampled = false
  package var prompt: Prompt
  package var times: Times

  /// In order of their index.
  package let replies: [ReplyFigures]
  /// The generated tokens of all replies.
  package let counts: TokenCounts
  /// Thinking if any reply thought.
  package let outcome: ThinkingOutcome
  /// Why the thought of the first reply that thought ended.
  package let thoughtEnd: ThoughtEnd?
  /// How the first reply ended.
  package let finish: ReplyFinish
  /// P(think), if the model decided.
  package let thinkProbability: Float?

  /// The figures of a request with a prompt of `textTokens` and `imageTokens`. `preparation` is the time that was spent
  /// on the prompt and its images before the engine knew of the request.
  package init(
    requestID: String, key: String? = nil, time: Double, requestedMode: ThinkingMode, textTokens: Int,
    imageTokens: Int = 0, preparation: Duration = .zero, replies: [ReplyFigures]
  ) {
    (self.requestID, self.key, self.time, self.requestedMode) = (requestID, key, time, requestedMode)
    self.replies = replies
    prompt = Prompt(text: textTokens, image: imageTokens, cached: replies.first?.cachedTokens ?? 0)
    var counts = TokenCounts()
    for reply in replies { counts += reply.counts }
    self.counts = counts
    let thought = replies.first { $0.outcome == .thinking } ?? replies.first
    outcome = thought?.outcome ?? .nonThinking
    thoughtEnd = thought?.thoughtEnd
    finish = replies.first?.finish ?? .stop
    thinkProbability = replies.lazy.compactMap(\.thinkProbability).first
    let engine = replies.lazy.compactMap(\.engine).first
    times = Times(
      queue: engine?.queue, image: imageTokens == 0 ? nil : engine.map { $0.image + preparation },
      prefill: engine?.prefill, firstToken: replies.compactMap(\.firstToken).min(),
      firstAnswerToken: replies.compactMap(\.firstAnswerToken).min(), decode: replies.map(\.decode).max())
  }
}

/// An `auto` request that was answered again, unseen by its client, in the mode that it did not choose.
package struct ShadowFigures: Sendable, Equatable {
  /// The request that the client saw answered.
  package var original: AnswerFigures
  /// Generated tokens of the second answer.
  package var tokens: Int
  /// The time from the first token of the second answer to its last.
  package var decode: Duration
  /// Prompt tokens that the prefix cache did not hold for the second answer.
  package var promptTokens: Int
  /// The mode of the second answer.
  package var outcome: ThinkingOutcome { original.outcome == .thinking ? .nonThinking : .thinking }

  package init(original: AnswerFigures, tokens: Int, decode: Duration, promptTokens: Int) {
    (self.original, self.tokens, self.decode, self.promptTokens) = (original, tokens, decode, promptTokens)
  }
}
