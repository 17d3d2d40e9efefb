// The currency between rooms: what a prompt is, how to sample, what comes back. No behaviour.
// From Chat to the right there are token ids and pixels only, never strings.

/// An id of the model's vocabulary.
package typealias TokenID = Int32

/// How the client wants the model to think.
package enum ThinkingMode: String, Sendable, CaseIterable { case auto, long, short }

/// What the model did: a property of the reply, not of the request.
package enum ThinkingOutcome: String, Sendable, CaseIterable {
  case thinking
  case nonThinking = "non_thinking"
}

/// Where the features of one picture go in the token sequence: the base view first, then, when there is a grid, its kept
/// rows, each followed by the learned `image_newline` vector.
package struct ImageLayout: Sendable, Equatable {
  /// The part of the tile grid that shows the picture and not its padding.
  package struct Grid: Sendable, Equatable {
    /// Tiles down and across; the tiles follow the base view in row-major order.
    package var tileRows, tileColumns: Int
    /// Rows and columns of the `[patchesPerSide * tileRows, patchesPerSide * tileColumns]` feature map that are kept.
    package var rows, columns: Range<Int>
    /// Size to which the kept map is bilinearly shrunk (`anyres_max_N`); nil keeps it.
    package var shrunk: (rows: Int, columns: Int)?

    package init(
      tileRows: Int, tileColumns: Int, rows: Range<Int>, columns: Range<Int>, shrunk: (rows: Int, columns: Int)? = nil
    ) {
      (self.tileRows, self.tileColumns) = (tileRows, tileColumns)
      (self.rows, self.columns, self.shrunk) = (rows, columns, shrunk)
    }

    package static func == (a: Grid, b: Grid) -> Bool {
      a.tileRows == b.tileRows && a.tileColumns == b.tileColumns && a.rows == b.rows && a.columns == b.columns
        && a.shrunk?.rows == b.shrunk?.rows && a.shrunk?.columns == b.shrunk?.columns
    }
  }
  package var patchesPerSide: Int
  /// nil: the base view alone.
  package var grid: Grid?
  /// Without a grid: whether one `image_newline` follows the base view (the economy form for many pictures).
  package var newlineAfterBase: Bool
  /// Places in the token sequence.
  package var tokenCount: Int

  package init(patchesPerSide: Int, grid: Grid?, newlineAfterBase: Bool = false, tokenCount: Int) {
    (self.patchesPerSide, self.grid) = (patchesPerSide, grid)
    (self.newlineAfterBase, self.tokenCount) = (newlineAfterBase, tokenCount)
  }
}

/// SHA-256 of a picture's pixels and its preparation: equal digests stand for equal features.
package struct ContentDigest: Sendable, Hashable {
  package var words: [UInt64]
  package init(words: [UInt64]) { self.words = words }
}

/// A picture cut into the square views that the vision tower takes.
package struct PreparedImage: Sendable {
  /// RGB, 8 bit: `[viewCount, side, side, 3]`; view 0 is the whole picture, stretched.
  package var views: [UInt8]
  package var viewCount: Int
  /// Pixels along the edge of a view.
  package var side: Int
  package var layout: ImageLayout
  /// The picture's own size in pixels, after its EXIF orientation.
  package var width, height: Int
  /// What the features are known by in caches; nil keeps the picture out of them.
  package var digest: ContentDigest?

  package init(views: [UInt8], viewCount: Int, side: Int, layout: ImageLayout, width: Int, height: Int) {
    (self.views, self.viewCount, self.side, self.layout) = (views, viewCount, side, layout)
    (self.width, self.height) = (width, height)
  }
}

/// A prompt in ids. Each picture's places hold the image token id and are overwritten by its features.
package struct Prompt: Sendable {
  package struct Picture: Sendable {
    package var image: PreparedImage
    /// Index in `tokens` of the first of `image.layout.tokenCount` places.
    package var position: Int
    package init(image: PreparedImage, position: Int) { (self.image, self.position) = (image, position) }
  }
  package var tokens: [TokenID]
  /// In order of position, without overlap.
  package var pictures: [Picture]

  package init(tokens: [TokenID], pictures: [Picture] = []) { (self.tokens, self.pictures) = (tokens, pictures) }
}

/// How tokens are drawn. The neutral values of `init()` are greedy decoding without penalties.
package struct SamplingParameters: Sendable {
  /// 0 takes the most probable token.
  package var temperature: Float = 0
  package var topP: Float = 1
  /// 0 keeps all.
  package var topK = 0
  package var minP: Float = 0
  package var presencePenalty: Float = 0
  package var frequencyPenalty: Float = 0
  package var repetitionPenalty: Float = 1
  package var logitBias: [TokenID: Float] = [:]
  package var seed: UInt64?
  /// How many alternatives to report for each token; nil reports no log-probabilities at all.
  package var topLogprobs: Int?
  package init() {}
}

/// Ids that steer generation; Chat derives them from the tokenizer and the checkpoint.
package struct ControlTokens: Sendable {
  /// End the reply when sampled.
  package var stop: Set<TokenID>
  /// Never sampled: the image placeholder.
  package var forbidden: Set<TokenID>
  /// Begin a whitespace-only close of the thought: `</think>` and white-space tokens that hold two line feeds.
  package var closing: Set<TokenID>
  /// Ids at or beyond this are padding rows of the head and never sampled.
  package var vocabularySize: Int
  package var thinking: ThinkingTokens
  package init(
    stop: Set<TokenID>, forbidden: Set<TokenID>, closing: Set<TokenID>, vocabularySize: Int,
    thinking: ThinkingTokens = ThinkingTokens()
  ) {
    (self.stop, self.forbidden, self.closing, self.vocabularySize) = (stop, forbidden, closing, vocabularySize)
    self.thinking = thinking
  }
}

/// Who comes first: idle requests run while no interactive one does, spare ones, which no client waits for, while no other does.
package enum ServiceClass: Int, Sendable, Comparable {
  case spare, idle, interactive

  package static func < (a: ServiceClass, b: ServiceClass) -> Bool { a.rawValue < b.rawValue }
}

/// One reply to generate.
package struct GenerationRequest: Sendable {
  package var prompt: Prompt
  package var sampling: SamplingParameters
  package var control: ControlTokens
  /// Generated tokens at most, thinking included.
  package var maxTokens: Int
  /// Whether the first token decides about thinking, so that P(think) is wanted.
  package var decides: Bool
  /// Where the reply begins.
  package var start = ReplyStart.beforeThought
  package var thought = ThoughtRules()
  /// The form of the answer, from its first token on; nil leaves it free.
  package var constraint: (any TokenConstraint)?
  package var serviceClass = ServiceClass.interactive
  /// Whether a short reply is to be expected, so that it need not wait behind long thoughts.
  package var isBrief = false
  /// Requests share what is cached only with those of the same salt.
  package var salt = ""
  /// Slots are shared fairly between clients.
  package var client = ClientID.server
  /// When the reply must have ended.
  package var deadline: ContinuousClock.Instant?
  package init(prompt: Prompt, sampling: SamplingParameters, control: ControlTokens, maxTokens: Int, decides: Bool) {
    (self.prompt, self.sampling, self.control) = (prompt, sampling, control)
    (self.maxTokens, self.decides) = (maxTokens, decides)
  }
}

/// A token with its log-probability in the model's own distribution (before temperature, penalties and bias).
package struct TokenLogprob: Sendable, Equatable {
  package var id: TokenID
  package var logprob: Float
  package init(id: TokenID, logprob: Float) { (self.id, self.logprob) = (id, logprob) }
}

package struct GeneratedToken: Sendable, Equatable {
  package var id: TokenID
  /// Set when log-probabilities were asked for.
  package var logprob: Float?
  /// The most probable alternatives, best first, as many as were asked for.
  package var top: [TokenLogprob] = []
  /// P(think), on the first token of a reply that decides.
  package var thinkProbability: Float?
  /// Why the thought was closed, on the first token that was written for the model to close it.
  package var thoughtEnd: ThoughtEnd?
  package init(id: TokenID, logprob: Float? = nil, top: [TokenLogprob] = [], thinkProbability: Float? = nil) {
    (self.id, self.logprob, self.top, self.thinkProbability) = (id, logprob, top, thinkProbability)
  }
}

package enum FinishReason: String, Sendable {
  /// The model ended its turn, or a stop string was found.
  case stop
  /// The token limit was reached.
  case length
}

/// Where the time from a request's submission to its first token went; the three add up to it.
package struct GenerationTimings: Sendable, Equatable {
  /// Waiting for a seat.
  package var queue = Duration.zero
  /// Encoding pictures.
  package var image = Duration.zero
  package var prefill = Duration.zero
  package init() {}
}

/// What a running request reports, in order: progress, one `prefilled`, tokens, one `finished`. A reader that stops early has
/// all but the end.
package enum GenerationEvent: Sendable {
  /// Prompt places processed so far; image encoding counts when its places are filled.
  case prefill(done: Int, total: Int)
  /// How far the encoding of a picture of the prompt is: blocks of the tower over all of its views.
  case encoding(picture: Int, done: Int, total: Int)
  /// The prompt is processed and the first token follows; `cachedTokens` of the prompt were not computed again.
  case prefilled(GenerationTimings, cachedTokens: Int)
  case token(GeneratedToken)
  case finished(FinishReason)
}
