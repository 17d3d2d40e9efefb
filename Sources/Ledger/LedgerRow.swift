// A request and a shadow as the file stores them: bounded whole numbers and words. This is the only place where figures
// become stored words. There is no field for a prompt, an image or a reply, so none can be written. Nothing here can
// trap.
import GenerationTypes

/// One answered request; a row of the table `request`.
struct LedgerRow: Sendable, Equatable {
  /// Unix microseconds at which the replies had ended.
  var time: Int
  /// The id that the client was given; empty in a row that was read for a report.
  var requestID = ""
  /// The name of the API key (never the key); empty without one.
  var key: String
  /// `auto`, `long` or `short`.
  var requestedMode: String
  /// `thinking` or `non_thinking`.
  var mode: String
  /// P(think), 0 to 1, if the model decided.
  var thinkProbability: Double?
  /// As in `AnswerFigures`.
  var isDecided, isSampled: Bool
  /// The number of replies (`n`).
  var replies: Int
  /// `stop`, `length` or `tool_calls`, of the first reply.
  var finish: String
  /// `natural`, `budget`, `loop` or `length`; nil without a thought.
  var thoughtEnd: String?
  /// Every measure in its stored unit, in the order of `Measure.allCases`; nil for a phase that the request did not
  /// have.
  var measures: [Int?]
}

extension LedgerRow {
  /// The row of an answered request.
  init(_ figures: AnswerFigures) {
    let (prompt, counts, times) = (figures.prompt, figures.counts, figures.times)
    let promptTokens = [prompt.text, prompt.image, prompt.cached].map(Bounded.count)
    let tokens = [counts.thinking, counts.control, counts.answer].map(Bounded.count)
    let durations = [
      times.queue, times.image, times.prefill, times.firstToken, times.firstAnswerToken, times.decode, times.total,
    ]
    self.init(
      time: Bounded.moment(figures.time), requestID: figures.requestID, key: figures.key ?? "",
      requestedMode: figures.requestedMode.rawValue, mode: figures.outcome.rawValue,
      thinkProbability: Bounded.probability(figures.thinkProbability.map(Double.init)), isDecided: figures.isDecided,
      isSampled: figures.isSampled, replies: Bounded.count(figures.replies.count), finish: figures.finish.rawValue,
      thoughtEnd: figures.thoughtEnd?.rawValue,
      measures: promptTokens + tokens + [tokens.reduce(0, +)] + durations.map { $0.map(Bounded.microseconds) })
  }
}

/// One shadow; a row of the table `shadow`.
struct ShadowRow: Sendable, Equatable {
  /// The time of the original's row, Unix microseconds: a span that has the shadow has its original.
  var time: Int
  /// The id of the original; empty in a row that was read for a report.
  var requestID = ""
  /// The name of the API key; empty without one.
  var key: String
  /// The mode of the original: `thinking` or `non_thinking`.
  var mode: String
  /// Generated tokens of the original, and microseconds from its first to its last.
  var tokens, microseconds: Int
  /// The same of the second answer.
  var shadowTokens, shadowMicroseconds: Int
  /// Prompt tokens that the prefix cache did not hold for the second answer.
  var shadowPromptTokens: Int
}

extension ShadowRow {
  /// The row of a shadow.
  init(_ shadow: ShadowFigures) {
    let original = shadow.original
    self.init(
      time: Bounded.moment(original.time), requestID: original.requestID, key: original.key ?? "",
      mode: original.outcome.rawValue, tokens: Bounded.count(original.counts.total),
      microseconds: Bounded.microseconds(original.times.decode ?? .zero), shadowTokens: Bounded.count(shadow.tokens),
      shadowMicroseconds: Bounded.microseconds(shadow.decode), shadowPromptTokens: Bounded.count(shadow.promptTokens))
  }
}
