// Splits a reply's tokens into thought and answer and counts them by kind, from token ids alone (spec §4.4 of R-4B).
//
// The grammar:  reply = [white] thought [white] "</think>" [white] answer stop   with the opening tag in the prompt.
// Tags, wherever they come, the white-space tokens beside those of the grammar and the stop token are control; the rest is thought
// or answer. White space inside a thought is held back until the next token shows whether a closing tag follows. Neither a thought
// nor an answer ends within a character. In raw text there are no tags: `ReplyStart.plainText` makes them text.
import GenerationTypes
import Text
import Tokenization

/// A piece of a reply, in order.
package enum ReplyPiece: Sendable, Equatable {
  case thinking(String)
  case content(String)
  /// A tool call begins; calls of a reply are counted from 0.
  case toolCall(index: Int, name: String)
  /// More of a call's arguments, which are JSON.
  case toolArguments(index: Int, String)
}

/// Generated tokens by kind. Their sum is the number of tokens generated.
package struct TokenCounts: Sendable, Equatable {
  package var thinking = 0
  /// Tags, the white space that belongs to them, the end-of-turn token.
  package var control = 0
  package var answer = 0
  package var total: Int { thinking + control + answer }

  package init(thinking: Int = 0, control: Int = 0, answer: Int = 0) {
    (self.thinking, self.control, self.answer) = (thinking, control, answer)
  }
}

/// Turns one reply's tokens into pieces of text as they arrive.
package struct ReplyParser: Sendable {
  private enum Phase { case beforeThought, thought, answer }

  private let tokenizer: Tokenizer
  private let control: ControlTokens
  /// Where tags are no text; nil in raw text and where the vocabulary has none.
  private let tags: ThinkingTokens?
  private var phase: Phase
  private var decoder: TokenDecoder
  /// The beginning of a character that the prompt ended with.
  private let carried: [UInt8]
  private var stops: StopStrings
  /// nil where no tool may be called.
  private var calls: ToolCallReader?
  /// Whether the answer must be calls, so that nothing in it is text.
  private let mustCall: Bool
  /// White-space tokens whose kind the next token decides.
  private var pending: [TokenID] = []
  /// Line feeds at the end of the thought so far: they are the closing tag's if one follows.
  private var lineFeeds = ""
  private var firstToken: TokenID?
  /// Set when the thought was closed for the model.
  private var imposedEnd: ThoughtEnd?
  /// In the answer: whether a token other than the tag's white space has come.
  private var answerStarted = false
  private var turnEnded = false

  package private(set) var counts = TokenCounts()
  /// Whether a stop string was found: the rest of the stream is not wanted.
  package var isStopped: Bool { stops.found }
  /// Whether the answer has begun.
  package var isAnswering: Bool { phase == .answer && answerStarted }
  /// Whether the reply ended within a call, or owed one: what it lacks is no text. Final after `finish`.
  package var endsInCall: Bool { calls?.endsInCall == true || (mustCall && calls?.count == 0) }

  /// A parser of one reply. `tools` are the names that it may call; `mustCall` says that it has to. `unfinished` is the beginning
  /// of a character that the reply's first tokens may end.
  package init(
    start: ReplyStart, tokenizer: Tokenizer, control: ControlTokens, stopStrings: [String] = [],
    tools: [String] = [], mustCall: Bool = false, unfinished: [UInt8] = []
  ) {
    (self.tokenizer, self.control, self.mustCall) = (tokenizer, control, mustCall)
    tags = start == .plainText ? nil : control.thinking
    phase =
      switch start {
      case .insideThought: .thought
      case .answer, .plainText: .answer
      case .beforeThought: .beforeThought
      }
    answerStarted = start == .plainText
    carried = unfinished
    decoder = TokenDecoder(tokenizer, skipSpecial: true, unfinished: unfinished)
    stops = StopStrings(stopStrings)
    if !tools.isEmpty { calls = ToolCallReader(names: tools) }
  }

  /// Takes the next token; returns the text that became certain, often none.
  package mutating func consume(_ token: GeneratedToken) -> [ReplyPiece] {
    let id = token.id
    if firstToken == nil { firstToken = id }
    if let end = token.thoughtEnd { imposedEnd = end }
    if isStopped { counts.answer += 1; return [] }
    if control.stop.contains(id) {
      turnEnded = true
      let pieces = settlePending()
      counts.control += 1
      return pieces
    }
    switch phase {
    case .beforeThought: return consumeBeforeThought(id)
    case .thought: return consumeInThought(id)
    case .answer: return consumeInAnswer(id)
    }
  }

  /// Ends the reply: returns the text that was held back, but for the beginning of a character. Counts are final afterwards.
  package mutating func finish(_ reason: FinishReason) -> [ReplyPiece] {
    var pieces = settlePending()
    // A prompt that ends within a character was sent so.
    if !carried.isEmpty, decoder.unfinished == carried { pieces += emit("\u{FFFD}") }
    if !lineFeeds.isEmpty { pieces.append(.thinking(lineFeeds)) }
    lineFeeds = ""
    if phase == .answer {
      if let rest = calls?.finish(reason) { pieces += stopped(rest) }
      if let rest = stops.flush() { pieces.append(.content(rest)) }
    }
    return pieces
  }

  /// What the model did: it thought when a token of a thought was generated, or when its first token opened one.
  package var outcome: ThinkingOutcome {
    if counts.thinking > 0 { return .thinking }
    guard phase == .thought, let firstToken, !control.stop.contains(firstToken) else { return .nonThinking }
    return control.closing.contains(firstToken) ? .nonThinking : .thinking
  }

  /// Why the thought ended; nil when there was none and nobody prevented it.
  package var thoughtEnd: ThoughtEnd? {
    if let imposedEnd { return imposedEnd }
    guard outcome == .thinking else { return nil }
    return phase == .thought && !turnEnded ? .length : .natural
  }

  private mutating func consumeBeforeThought(_ id: TokenID) -> [ReplyPiece] {
    if tokenizer.isWhitespace(id) {
      pending.append(id)
      return []
    }
    if isTag(id) {
      // A closing tag of no thought leads to the answer, as that of an empty one does.
      counts.control += pending.count + 1
      pending = []
      phase = id == tags?.open ? .thought : .answer
      return []
    }
    phase = .answer
    return settlePending() + consumeInAnswer(id)
  }

  private mutating func consumeInThought(_ id: TokenID) -> [ReplyPiece] {
    if tokenizer.isWhitespace(id) {
      pending.append(id)
      return []
    }
    if id == tags?.close {
      counts.control += pending.count + 1
      pending = []
      lineFeeds = ""
      decoder = TokenDecoder(tokenizer, skipSpecial: true)
      phase = .answer
      return []
    }
    if isTag(id) {
      counts.control += 1
      return []
    }
    let before = settlePending()
    counts.thinking += 1
    return before + emit(decoder.append(id))
  }

  private func isTag(_ id: TokenID) -> Bool { id == tags?.open || id == tags?.close }

  private mutating func consumeInAnswer(_ id: TokenID) -> [ReplyPiece] {
    if isTag(id) || (!answerStarted && tokenizer.isWhitespace(id)) {
      counts.control += 1
      return []
    }
    answerStarted = true
    counts.answer += 1
    return emit(decoder.append(id))
  }

  /// Decides the kind of white space that no closing tag followed.
  private mutating func settlePending() -> [ReplyPiece] {
    if pending.isEmpty { return [] }
    defer { pending = [] }
    switch phase {
    case .thought where counts.thinking == 0:
      counts.control += pending.count  // it follows the opening tag
      return []
    case .thought: counts.thinking += pending.count
    case .beforeThought, .answer:
      phase = .answer
      answerStarted = true
      counts.answer += pending.count
    }
    let text = pending.map { decoder.append($0) }.joined()
    return emit(text)
  }

  private mutating func emit(_ text: String) -> [ReplyPiece] {
    if text.isEmpty { return [] }
    if phase == .thought {
      let whole = lineFeeds + text
      let scalars = whole.unicodeScalars
      let end = scalars.lastIndex { $0 != "\n" }.map(scalars.index(after:)) ?? whole.startIndex
      lineFeeds = String(whole[end...])
      return end == whole.startIndex ? [] : [.thinking(String(whole[..<end]))]
    }
    guard let pieces = calls?.append(text) else { return stopped([.content(text)]) }
    return stopped(pieces)
  }

  /// `pieces` up to a stop string, which only text can hold.
  private mutating func stopped(_ pieces: [ReplyPiece]) -> [ReplyPiece] {
    var kept: [ReplyPiece] = []
    for piece in pieces {
      if stops.found { break }
      if case .content(let text) = piece {
        if mustCall { continue }
        if let text = stops.append(text) { kept.append(.content(text)) }
      } else {
        if let text = stops.flush() { kept.append(.content(text)) }
        kept.append(piece)
      }
    }
    return kept
  }
}
