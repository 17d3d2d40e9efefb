// Steers one reply token by token: decides about thinking by think bias or threshold, closes a thought that has used
// its tokens or repeats itself, allows thinking tags only where they have a meaning, and holds the answer to its form.
//
// A thought is closed at the end of a line or a sentence, or after a grace of 5 %. The guide then writes the closing
// tag and the white space around it in place of the model, one token a step. The answer always begins after that white
// space.
import GenerationTypes

/// The steering state of one reply.
struct ReplyGuide {
  private let rules: ThoughtRules
  private let control: ControlTokens
  private let closing: [TokenID]
  private let limits: ThoughtLimits
  /// Whether the prompt ends with the opening tag itself, without white space.
  private let opensDirectly: Bool
  /// Whether thinking tags are tags; in a raw completion they are text.
  private let masksTags: Bool
  private var constraint: (any TokenConstraint)?
  private var thought: ThoughtTracker
  /// Tokens that the guide writes next in place of the model.
  private var written: [TokenID] = []
  private var last: TokenID?
  private var repetition = RepetitionDetector()
  /// The number of thinking tokens when the thought was found to repeat itself.
  private var loopedAt: Int?

  /// A guide for the reply to `request`; nil if nothing restricts the model.
  init?(_ request: GenerationRequest) {
    control = request.control
    masksTags = request.start != .plainText && (control.thinking.open ?? control.thinking.close) != nil
    if request.constraint == nil, request.thought == ThoughtRules(), !masksTags { return nil }
    (rules, constraint) = (request.thought, request.constraint)
    closing = control.closing.sorted()
    limits = ThoughtLimits(rules, control.thinking, maxTokens: request.maxTokens)
    opensDirectly = request.prompt.tokens.last == control.thinking.open
    thought = ThoughtTracker(start: request.start)
  }

  private var thinking: ThinkingTokens { control.thinking }
  /// Whether the guide ended the thought: the model may want to think on, or has nothing to say yet.
  private var wasClosed: Bool { thought.imposedEnd != nil }

  /// Whether the guide may change the next row of logits.
  var steers: Bool { thought.generated == 0 || wasClosed || constraint != nil || masksTags }

  /// The token that the guide writes next in place of the model.
  var nextWritten: TokenID? { written.first }

  /// Masks the tokens of `row` that may not come next. `thinkProbability` is set at the deciding token. Returns whether
  /// the logits of allowed tokens have changed.
  mutating func steer(_ row: LogitsRow, thinkProbability: Float?) -> Bool {
    var hasMoved = false
    if let thinkProbability {
      if let threshold = rules.threshold {
        decide(thinkProbability >= threshold, row)
      } else if rules.bias != 0 {
        for id in closing where row.contains(id) { row.values[Int(id)] += rules.bias }
        hasMoved = true
      }
    }
    forbidMisplacedTags(row)
    switch thought.phase {
    case .thought:
      // The answer still has to come, so the turn cannot end here.
      if constraint?.isOwed == true, thinking.close != nil { forbid(control.stop, row) }
    case .beforeThought, .answer:
      if wasClosed, !thought.isAnswering { forbid(control.stop, row) }
      if let mask = constraint?.allowed() { keep(mask, row) }
    }
    return hasMoved
  }

  /// Masks tags out of place: a thought opens once, before anything else, and closes once.
  private func forbidMisplacedTags(_ row: LogitsRow) {
    guard masksTags else { return }
    if thought.phase != .beforeThought, let open = thinking.open { forbid(CollectionOfOne(open), row) }
    if thought.phase != .thought, let close = thinking.close { forbid(CollectionOfOne(close), row) }
  }

  /// Keeps the ids that begin a whitespace-only close, or all others if the reply `thinks`.
  private func decide(_ thinks: Bool, _ row: LogitsRow) {
    var mask = TokenMask(count: row.values.count)
    for id in closing where row.contains(id) { mask.insert(id) }
    if thinks { for index in mask.words.indices { mask.words[index] = ~mask.words[index] } }
    keep(mask, row)
  }

  private func forbid(_ ids: some Sequence<TokenID>, _ row: LogitsRow) {
    for id in ids where row.contains(id) { row.values[Int(id)] = -.infinity }
  }

  /// Masks all tokens outside `mask`, unless no token would be left.
  private func keep(_ mask: TokenMask, _ row: LogitsRow) {
    guard row.values.indices.contains(where: { row.values[$0] > -.infinity && mask.contains(TokenID($0)) }) else {
      return
    }
    for word in 0..<(row.values.count + 63) / 64 {
      let bits = word < mask.words.count ? mask.words[word] : 0
      if bits == .max { continue }
      for id in 64 * word..<min(64 * word + 64, row.values.count) where bits >> UInt64(id % 64) & 1 == 0 {
        row.values[id] = -.infinity
      }
    }
  }

  /// Takes the token that was drawn, or replaces it with the first token that closes the thought.
  mutating func take(_ token: inout GeneratedToken) {
    if written.isEmpty, let end = imposedEnd(before: token.id) {
      written = closingTokens
      token.id = written[0]
      token.thoughtEnd = end
    }
    let wasWritten = !written.isEmpty
    if wasWritten { written.removeFirst() }
    follow(token, wasWritten: wasWritten)
  }

  /// Why the thought must end before `next`; nil if it may go on.
  private func imposedEnd(before next: TokenID) -> ThoughtEnd? {
    guard thought.phase == .thought, let close = thinking.close, next != close, !control.stop.contains(next) else {
      return nil
    }
    let spent = thought.thinkingSoFar
    // White space around the tags is no thought, and a model that is about to close it needs no help.
    if thought.counts.thinking == 0, thinking.shape(of: next).contains(.white), limits.budget != 0,
      thought.generated < limits.hardLength
    {
      return nil
    }
    let isBoundary = isBoundary(before: next)
    if spent >= limits.hardBudget || (isBoundary && spent >= limits.budget) { return .budget }
    if let loopedAt, isBoundary || spent >= loopedAt + RepetitionDetector.grace { return .loop }
    if thought.generated >= limits.hardLength || (isBoundary && thought.generated >= limits.softLength) {
      return .length
    }
    return nil
  }

  /// Whether a line or a sentence ends before `next`.
  private func isBoundary(before next: TokenID) -> Bool {
    guard let last else { return false }
    let shape = thinking.shape(of: last)
    return shape.contains(.endsLine)
      || (shape.contains(.endsSentence) && thinking.shape(of: next).contains(.beginsWithSpace))
  }

  /// The tokens that close the thought and lead to the answer.
  private var closingTokens: [TokenID] {
    guard let close = thinking.close else { return [] }
    let before: [TokenID] =
      if let last { thinking.shape(of: last).contains(.endsLine) ? [] : thinking.lineEnd } else {
        opensDirectly ? thinking.emptyThought : thinking.lineEnd
      }
    return before + [close] + thinking.answerGap
  }

  private mutating func follow(_ token: GeneratedToken, wasWritten: Bool) {
    let id = token.id, before = thought.phase
    let step = thought.advance(past: id, imposedEnd: token.thoughtEnd, control)
    last = id
    switch (before, thought.phase) {
    case (.thought, .answer): if constraint?.isOwed == true, !wasWritten { written = thinking.answerGap }
    case (.thought, _):
      if rules.stopsLoops, loopedAt == nil, repetition.append(id) { loopedAt = thought.counts.thinking }
    case (.answer, _): if !wasWritten { constraint?.advance(past: id) }
    case (.beforeThought, _): if step.kind == .answer { constraint?.advance(past: id) }
    }
  }
}
