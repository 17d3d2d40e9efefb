// One letter is one token: `o` and `c` are the tags, `e` ends the turn, `_` is a space, `l` a blank line, the rest is
// text.
import GenerationTypes
import Testing

private let control: ControlTokens = {
  var thinking = ThinkingTokens(open: id("o"), close: id("c"))
  thinking.shapes = Array(repeating: [], count: 128)
  thinking.shapes[Int(id("_"))] = [.white, .beginsWithSpace]
  thinking.shapes[Int(id("l"))] = [.white, .beginsWithSpace, .endsLine]
  return ControlTokens(
    stop: [id("e")], forbidden: [], closing: [id("c"), id("l")], vocabularySize: 128, thinking: thinking)
}()

private func id(_ letter: Unicode.Scalar) -> TokenID { TokenID(letter.value) }

/// The tracker after `text`, and the kind of every token: `t`, `c` or `a`. `imposed` is the index of the token that the
/// server wrote first to close the thought.
private func track(
  _ text: String, _ start: ReplyStart = .insideThought, imposed: (index: Int, end: ThoughtEnd)? = nil
) -> (tracker: ThoughtTracker, kinds: String) {
  var tracker = ThoughtTracker(start: start)
  var kinds = "", undecided = 0
  func letter(_ kind: ThoughtTracker.Kind) -> String {
    switch kind {
    case .thinking: "t"
    case .control: "c"
    case .answer: "a"
    }
  }
  for (index, scalar) in text.unicodeScalars.enumerated() {
    let step = tracker.advance(
      past: id(scalar), imposedEnd: index == imposed?.index ? imposed?.end : nil, control)
    if let earlier = step.earlier {
      kinds += String(repeating: letter(earlier), count: undecided)
      undecided = 0
    }
    if let kind = step.kind { kinds += letter(kind) } else { undecided += 1 }
  }
  if let earlier = tracker.finish() { kinds += String(repeating: letter(earlier), count: undecided) }
  return (tracker, kinds)
}

@Suite struct `Following a thought` {
  @Test func `white space beside the tags is control and white space inside the thought is thinking`() {
    let (tracker, kinds) = track("_xx_x_clyy_ye")
    #expect(kinds == "ctttt" + "cc" + "c" + "aaaa" + "c")
    #expect(tracker.counts == TokenCounts(thinking: 4, control: 5, answer: 4))
    #expect(tracker.phase == .answer && tracker.outcome == .thinking && tracker.end == .natural)
  }

  @Test func `a closing tag at once, or after white space only, is no thought`() {
    for text in ["clye", "lclye", "_cy", "__lcy"] {
      let (tracker, _) = track(text)
      #expect(tracker.outcome == .nonThinking && tracker.end == nil && tracker.phase == .answer, "\(text)")
      #expect(tracker.counts.thinking == 0 && tracker.counts.answer == 1, "\(text)")
    }
  }

  @Test func `an imposed end keeps its reason, also where nothing was thought`() {
    for end in [ThoughtEnd.budget, .loop, .length] {
      let (tracker, kinds) = track("xx_clye", imposed: (2, end))
      #expect(tracker.imposedEnd == end && tracker.end == end && tracker.outcome == .thinking && kinds == "ttcccac")
      let empty = track("lclye", imposed: (0, end)).tracker
      #expect(empty.end == end && empty.outcome == .nonThinking)
    }
  }

  @Test func `a thought that is cut off ends by length, and naturally if the model ended its turn`() {
    #expect(track("_xx").tracker.end == .length && track("_xx").kinds == "ctt")
    #expect(track("_xxe").tracker.end == .natural)
    // White space at the end of an open thought is thinking.
    #expect(track("xx_l").kinds == "tttt")
    #expect(track("__").kinds == "cc")
  }

  @Test func `the first token decides the outcome while nothing else was generated`() {
    #expect(track("_").tracker.outcome == .thinking && track("_").tracker.end == .length)
    for text in ["", "l", "e", "c"] { #expect(track(text).tracker.outcome == .nonThinking, "\(text)") }
  }

  @Test func `a reply before its thought may open one, or answer at once`() {
    let (thinks, kinds) = track("_o_x_c_y", .beforeThought)
    #expect(kinds == "ccct" + "ccca" && thinks.end == .natural)
    let (answers, white) = track("_y_ye", .beforeThought)
    #expect(white == "aaaac" && answers.outcome == .nonThinking && answers.end == nil)
    #expect(track("_lcly", .beforeThought).kinds == "cccca")
    // Without another token the white space is the answer.
    #expect(track("__", .beforeThought).kinds == "aa")
    #expect(track("__e", .beforeThought).kinds == "aac")
  }

  @Test func `tags out of place are control`() {
    #expect(track("y_oy_cy", .answer).kinds == "aacaaca")
    #expect(track("clyocye").kinds == "ccaccac")
    // White space before a repeated opening tag waits for the next token.
    #expect(track("x_ox").tracker.counts == TokenCounts(thinking: 3, control: 1, answer: 0))
    #expect(track("x_oc").tracker.counts == TokenCounts(thinking: 1, control: 3, answer: 0))
  }

  @Test func `a raw completion is all answer, tags included`() {
    let (tracker, kinds) = track("_oxc_ye", .plainText)
    #expect(kinds == "aaaaaac" && tracker.outcome == .nonThinking && tracker.end == nil)
  }

  @Test func `counts include undecided white space only once it is decided`() {
    var tracker = ThoughtTracker(start: .insideThought)
    for scalar in "xx__".unicodeScalars { tracker.advance(past: id(scalar), control) }
    #expect(tracker.counts.thinking == 2 && tracker.undecided == 2)
    #expect(tracker.generated == 4 && tracker.thinkingSoFar == 4)
    tracker.advance(past: id("x"), control)
    #expect(tracker.counts.thinking == 5 && tracker.undecided == 0)
  }

  @Test func `a copy runs ahead over a draft and the original stays`() {
    var tracker = ThoughtTracker(start: .insideThought)
    for scalar in "xx_".unicodeScalars { tracker.advance(past: id(scalar), control) }
    let before = tracker
    for draft in ["xx", "cly", "_e", "oxc"] {
      var copy = tracker
      for scalar in draft.unicodeScalars { copy.advance(past: id(scalar), control) }
      #expect(copy != before && tracker == before)
    }
    tracker.advance(past: id("c"), control)
    #expect(tracker.counts == TokenCounts(thinking: 2, control: 2, answer: 0) && tracker.end == .natural)
  }

  @Test func `random replies are counted as when the whole reply is known`() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<3000 {
      let length = Int.random(in: 0...14, using: &generator)
      var text = String((0..<length).map { _ in "oc__lxxy".randomElement(using: &generator) ?? "x" })
      if Bool.random(using: &generator) { text += "e" }
      for start in [ReplyStart.insideThought, .answer, .beforeThought, .plainText] {
        let (tracker, _) = track(text, start)
        #expect(tracker.counts == counts(of: text, start), "\(text) \(start)")
        #expect(tracker.generated == text.count)
        #expect((tracker.outcome == .thinking) || tracker.counts.thinking == 0)
      }
    }
  }

  /// The counts of a whole reply, by the grammar.
  private func counts(of text: String, _ start: ReplyStart) -> TokenCounts {
    var sum = TokenCounts(control: text.hasSuffix("e") ? 1 : 0)
    var rest = Substring(text.hasSuffix("e") ? String(text.dropLast()) : text)
    func isWhite(_ letter: Character) -> Bool { letter == "_" || letter == "l" }
    func addAnswer(_ part: Substring) {
      let body = part.drop { isWhite($0) || $0 == "o" || $0 == "c" }
      let tags = body.count { $0 == "o" || $0 == "c" }
      sum += TokenCounts(control: part.count - body.count + tags, answer: body.count - tags)
    }
    func addThought(_ part: Substring) {
      let close = part.firstIndex(of: "c")
      let inside = part[..<(close ?? part.endIndex)].filter { $0 != "o" }
      var body = inside.drop(while: isWhite)
      if close != nil { while let last = body.last, isWhite(last) { body.removeLast() } }
      sum.thinking += body.count
      let end = close.map(part.index(after:)) ?? part.endIndex
      sum.control += part[..<end].count - body.count
      addAnswer(part[end...])
    }
    switch start {
    case .plainText: sum.answer += rest.count
    case .answer: addAnswer(rest)
    case .insideThought: addThought(rest)
    case .beforeThought:
      let white = rest.prefix(while: isWhite).count
      switch rest.dropFirst(white).first {
      case "o", "c":
        sum.control += white + 1
        let isOpen = rest.dropFirst(white).first == "o"
        rest = rest.dropFirst(white + 1)
        if isOpen { addThought(rest) } else { addAnswer(rest) }
      default:
        sum.answer += white
        addAnswer(rest.dropFirst(white))
      }
    }
    return sum
  }
}
