// Follows one reply from token to token: its phase, the kind of every token, and why the thought ended (spec §4.4). The
// sampler's guide and the reply parser share it.
//
//   reply = [white] thought [white] "</think>" [white] answer stop      with the opening tag in the prompt
//
// Tags, the white space beside them and the stop token are control tokens. The next token decides about white space.

/// The state of one reply's thought. It holds no references: copies may run ahead over drafted tokens and be dropped.
package struct ThoughtTracker: Sendable, Equatable, BitwiseCopyable {
  /// The part of the reply that the next token belongs to, unless it is a tag.
  package enum Phase: Sendable, BitwiseCopyable { case beforeThought, thought, answer }

  /// What a generated token counts as.
  package enum Kind: Sendable, BitwiseCopyable { case thinking, control, answer }

  /// What one token has decided.
  package struct Step: Sendable, Equatable, BitwiseCopyable {
    /// The kind of the white space that was undecided before this token; nil if there was none or it stays undecided.
    package var earlier: Kind?
    /// The kind of the token; nil for white space whose kind the next token decides.
    package var kind: Kind?
  }

  package private(set) var phase: Phase
  /// The tokens whose kind is decided.
  package private(set) var counts = TokenCounts()
  /// The number of white-space tokens at the end whose kind is undecided.
  package private(set) var undecided = 0
  /// Why the server closed the thought; nil if it did not.
  package private(set) var imposedEnd: ThoughtEnd?
  /// Whether the answer has begun, white space after the closing tag aside.
  package private(set) var isAnswering: Bool
  /// Whether tags are tags; in a raw completion they are text.
  private let hasTags: Bool
  /// Whether the first token neither closed the thought nor ended the turn.
  private var firstTokenThinks = false
  private var turnEnded = false

  /// The state before the first token of a reply that begins at `start`.
  package init(start: ReplyStart) {
    phase =
      switch start {
      case .insideThought: .thought
      case .answer, .plainText: .answer
      case .beforeThought: .beforeThought
      }
    hasTags = start != .plainText
    isAnswering = start == .plainText
  }

  /// The number of tokens generated so far.
  package var generated: Int { counts.total + undecided }

  /// Thinking tokens so far, if the thought goes on after the undecided white space.
  package var thinkingSoFar: Int { counts.thinking > 0 ? counts.thinking + undecided : 0 }

  /// Whether the reply thought: it has thinking tokens, or its first token opened a thought that has none yet.
  package var outcome: ThinkingOutcome {
    counts.thinking > 0 || (phase == .thought && firstTokenThinks) ? .thinking : .nonThinking
  }

  /// Why the thought ended; nil if there was none and the server did not prevent one. `length` while it is still open.
  package var end: ThoughtEnd? {
    if let imposedEnd { return imposedEnd }
    guard outcome == .thinking else { return nil }
    return phase == .thought && !turnEnded ? .length : .natural
  }

  /// Takes the next token. `imposedEnd` is set on the first token that the server writes to close the thought.
  @discardableResult
  package mutating func advance(past id: TokenID, imposedEnd: ThoughtEnd? = nil, _ control: ControlTokens) -> Step {
    let isStop = control.stop.contains(id)
    if let imposedEnd { self.imposedEnd = imposedEnd }
    if generated == 0 { firstTokenThinks = !isStop && !control.closing.contains(id) }
    if isStop {
      turnEnded = true
      return step(.control, earlier: settle())
    }
    let isOpen = hasTags && id == control.thinking.open, isClose = hasTags && id == control.thinking.close
    let isWhite = control.thinking.shape(of: id).contains(.white)
    switch phase {
    case .beforeThought, .thought:
      if isWhite {
        undecided += 1
        return Step()
      }
      if isClose || (isOpen && phase == .beforeThought) {
        phase = isOpen ? .thought : .answer
        return step(.control, earlier: settle(as: .control))
      }
      // The white space before a repeated opening tag stays undecided.
      if isOpen { return step(.control) }
      if phase == .beforeThought { phase = .answer }
      let earlier = settle()
      if phase == .answer { isAnswering = true }
      return step(phase == .answer ? .answer : .thinking, earlier: earlier)
    case .answer:
      if isOpen || isClose || (isWhite && !isAnswering) { return step(.control) }
      isAnswering = true
      return step(.answer)
    }
  }

  /// Ends the reply; returns the kind of the white space that was undecided.
  @discardableResult
  package mutating func finish() -> Kind? { settle() }

  /// Counts a token of a known kind.
  private mutating func step(_ kind: Kind, earlier: Kind? = nil) -> Step {
    add(1, as: kind)
    return Step(earlier: earlier, kind: kind)
  }

  /// Decides about white space that no closing tag followed. At the start of a thought it belongs to the opening tag.
  private mutating func settle() -> Kind? {
    if undecided == 0 { return nil }
    if phase == .thought { return settle(as: counts.thinking > 0 ? .thinking : .control) }
    (phase, isAnswering) = (.answer, true)
    return settle(as: .answer)
  }

  private mutating func settle(as kind: Kind) -> Kind? {
    if undecided == 0 { return nil }
    add(undecided, as: kind)
    undecided = 0
    return kind
  }

  private mutating func add(_ count: Int, as kind: Kind) {
    switch kind {
    case .thinking: counts.thinking += count
    case .control: counts.control += count
    case .answer: counts.answer += count
    }
  }
}
