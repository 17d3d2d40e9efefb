// One reply while it is generated: plain state that the engine's events change. Tokens become text here, and all
// figures of a reply come from here, so that response, metrics and log agree.
import Chat
import GenerationTypes

/// The output of one event of the engine.
enum ReplyOutput: Sendable {
  case progress(ReplyProgress)
  /// Text of whole characters, and the tokens since the last output. Either may be empty.
  case delta([ReplyPiece], tokens: [GeneratedToken])
}

/// The progress of a reply's prompt.
enum ReplyProgress: Sendable {
  /// Processed positions of the prompt.
  case prefill(done: Int, total: Int)
  /// Blocks of the vision tower that were computed for an image, over all of its views.
  case encoding(image: Int, done: Int, total: Int)
}

/// The state of one of a request's replies.
struct Reply: Sendable {
  private var parser: ReplyParser
  private let arrival: ContinuousClock.Instant
  private var latestToken: ContinuousClock.Instant?

  /// Times and probabilities so far, without the counts of the parser.
  private var measured = ReplyFigures()
  /// Set once the reply has ended.
  private(set) var finish: FinishReason?
  /// The time between the last two tokens.
  private(set) var latestGap: Duration?

  init(parser: ReplyParser, arrival: ContinuousClock.Instant) {
    self.parser = parser
    self.arrival = arrival
  }

  /// Whether the reply called a tool.
  private var hasCalled = false

  /// Whether the reply ended within a tool call, or lacks one that it must have.
  var endsInCall: Bool { parser.endsInCall }
  var counts: TokenCounts { parser.thought.counts }
  /// `finish_reason`.
  var finishWord: String { figures.finish.rawValue }

  /// The figures so far; final once the reply has ended.
  var figures: ReplyFigures {
    let thought = parser.thought
    var figures = measured
    (figures.outcome, figures.thoughtEnd, figures.counts) = (thought.outcome, thought.end, thought.counts)
    figures.finish = finish == .length ? .length : hasCalled ? .toolCalls : .stop
    return figures
  }

  /// Handles the engine's next event, which arrived at `now`.
  mutating func receive(_ event: GenerationEvent, at now: ContinuousClock.Instant) -> [ReplyOutput] {
    if finish != nil { return [] }
    switch event {
    case .prefill(let done, let total): return [.progress(.prefill(done: done, total: total))]
    case .encoding(let image, let done, let total):
      return [.progress(.encoding(image: image, done: done, total: total))]
    case .token(let token):
      latestGap = latestToken.map { now - $0 }
      latestToken = now
      let time = now - arrival
      if measured.firstToken == nil { measured.firstToken = time }
      measured.decode = time - (measured.firstToken ?? .zero)
      if let probability = token.thinkProbability { measured.thinkProbability = probability }
      var pieces = parser.consume(token)
      if parser.isStopped {
        finish = .stop
        pieces += parser.finish(.stop)
      }
      note(pieces, at: now)
      return [.delta(pieces, tokens: [token])]
    case .prefilled(let timings, let cached):
      (measured.engine, measured.cachedTokens) = (timings, cached)
      return []
    case .finished(let reason):
      finish = reason
      let pieces = parser.finish(reason)
      note(pieces, at: now)
      return pieces.isEmpty ? [] : [.delta(pieces, tokens: [])]
    }
  }

  private mutating func note(_ pieces: [ReplyPiece], at now: ContinuousClock.Instant) {
    for piece in pieces {
      switch piece {
      case .thinking: continue
      case .toolCall: hasCalled = true
      case .content, .toolArguments: break
      }
      if measured.firstAnswerToken == nil { measured.firstAnswerToken = now - arrival }
    }
  }
}
