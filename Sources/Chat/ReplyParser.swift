// Turns a reply's tokens into pieces of text: thought, answer and tool calls. `ThoughtTracker` says what each token
// counts as.
//
// White space inside a thought is held back until the next token shows whether a closing tag follows. Neither a thought
// nor an answer ends within a character. A raw completion has no tags: `ReplyStart.plainText` makes them text.
import GenerationTypes
import Text
import Tokenization

/// A piece of a reply, in order.
package enum ReplyPiece: Sendable, Equatable {
  case thinking(String)
  case content(String)
  /// The beginning of a tool call; the calls of a reply are numbered from 0.
  case toolCall(index: Int, name: String)
  /// More of a call's arguments, which are JSON.
  case toolArguments(index: Int, String)
}

/// Turns one reply's tokens into pieces of text as they arrive.
package struct ReplyParser: Sendable {
  private let tokenizer: Tokenizer
  private let control: ControlTokens
  private var decoder: TokenDecoder
  /// The first bytes of a character that the prompt ended within.
  private let carried: [UInt8]
  private var stops: StopStrings
  /// nil if no tool may be called.
  private var calls: ToolCallReader?
  /// Whether the answer must be tool calls, so that none of it is text.
  private let mustCall: Bool
  /// White-space tokens whose kind the next token decides.
  private var undecided: [TokenID] = []
  /// Line feeds at the end of the thought so far; they belong to the closing tag if one follows.
  private var lineFeeds = ""

  /// The phase of the reply, its token counts and the end of its thought. Final after `finish`.
  package private(set) var thought: ThoughtTracker
  /// Whether a stop string was found, which ends the reply.
  package var isStopped: Bool { stops.found }
  /// Whether the reply ended within a tool call, or lacks one that it must have. Final after `finish`.
  package var endsInCall: Bool { calls?.endsInCall == true || (mustCall && calls?.count == 0) }

  /// A parser for one reply that may call the tools named `tools`, and has to if `mustCall`. `unfinished` holds the
  /// first bytes of a character that the reply may complete.
  package init(
    start: ReplyStart, tokenizer: Tokenizer, control: ControlTokens, stopStrings: [String] = [],
    tools: [String] = [], mustCall: Bool = false, unfinished: [UInt8] = []
  ) {
    (self.tokenizer, self.control, self.mustCall) = (tokenizer, control, mustCall)
    thought = ThoughtTracker(start: start)
    carried = unfinished
    decoder = TokenDecoder(tokenizer, skipSpecial: true, unfinished: unfinished)
    stops = StopStrings(stopStrings)
    if !tools.isEmpty { calls = ToolCallReader(names: tools) }
  }

  /// Takes the next token; returns the text that it completes, often none.
  package mutating func consume(_ token: GeneratedToken) -> [ReplyPiece] {
    let phase = thought.phase
    let step = thought.advance(past: token.id, imposedEnd: token.thoughtEnd, control)
    if isStopped { return [] }
    if phase == .thought, thought.phase == .answer {
      // A character that the thought did not finish is dropped.
      decoder = TokenDecoder(tokenizer, skipSpecial: true)
      lineFeeds = ""
    }
    let pieces = settle(step.earlier)
    switch step.kind {
    case nil:
      undecided.append(token.id)
      return pieces
    case .control: return pieces
    case .thinking, .answer: return pieces + emit(decoder.append(token.id))
    }
  }

  /// Ends the reply; returns the text that was held back, without an unfinished character at its end.
  package mutating func finish(_ reason: FinishReason) -> [ReplyPiece] {
    var pieces = settle(thought.finish())
    // An echoed prompt that ended within a character is shown as the client sent it.
    if !carried.isEmpty, decoder.unfinished == carried { pieces += emit("\u{FFFD}") }
    if !lineFeeds.isEmpty { pieces.append(.thinking(lineFeeds)) }
    lineFeeds = ""
    if thought.phase == .answer {
      if let rest = calls?.finish(reason) { pieces += stopped(rest) }
      if let rest = stops.flush() { pieces.append(.content(rest)) }
    }
    return pieces
  }

  /// Returns the text of the undecided white space, now that its kind is known.
  private mutating func settle(_ kind: ThoughtTracker.Kind?) -> [ReplyPiece] {
    guard let kind else { return [] }
    defer { undecided = [] }
    return kind == .control ? [] : emit(undecided.map { decoder.append($0) }.joined())
  }

  private mutating func emit(_ text: String) -> [ReplyPiece] {
    if text.isEmpty { return [] }
    if thought.phase == .thought {
      let whole = lineFeeds + text
      let scalars = whole.unicodeScalars
      let end = scalars.lastIndex { $0 != "\n" }.map(scalars.index(after:)) ?? whole.startIndex
      lineFeeds = String(whole[end...])
      return end == whole.startIndex ? [] : [.thinking(String(whole[..<end]))]
    }
    guard let pieces = calls?.append(text) else { return stopped([.content(text)]) }
    return stopped(pieces)
  }

  /// Returns `pieces` up to a stop string, which only text can contain.
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
