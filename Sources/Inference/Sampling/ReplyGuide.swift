// Steers one reply token by token: decides about thinking by bias or threshold, closes a thought that has had its tokens or goes
// in circles, keeps thinking tags to the positions where they mean something, and keeps the answer to its form. It follows the
// reply by ids, with the counts that Chat's parser shows clients.
//
// A thought is closed where a line or a sentence ends, or when the grace of 5 % is over: then the closing tag and the white
// space around it are written in the model's place, a token a step. Whatever closes it, the answer begins behind that white space.
import GenerationTypes

/// The steering state of one reply.
struct ReplyGuide {
  private enum Phase { case beforeThought, thought, answer }

  private let rules: ThoughtRules
  private let thinking: ThinkingTokens
  private let stop: Set<TokenID>
  private let closing: [TokenID]
  private let limits: ThoughtLimits
  /// Whether the prompt ends with the opening tag itself, without white space.
  private let opensDirectly: Bool
  /// Whether thinking tags are tags; raw text may hold them as text.
  private let masksTags: Bool
  private var constraint: (any TokenConstraint)?
  private var phase: Phase
  /// Tokens to be written next, whatever the model says.
  private var written: [TokenID] = []
  /// Generated tokens: all, those of the thought, and white space whose kind the next token decides.
  private var generated = 0, thoughts = 0, pending = 0
  private var last: TokenID?
  private var repetition = RepetitionDetector()
  /// Thinking tokens when the thought was found to repeat itself.
  private var loopedAt: Int?
  /// Whether the thought's end was imposed: the model may want to think on, or has nothing to say yet.
  private var wasClosed = false
  /// Whether the answer has begun.
  private var hasAnswered = false

  /// What is to be kept to for `request`; nil where it leaves everything to the model.
  init?(_ request: GenerationRequest) {
    let control = request.control
    masksTags = request.start != .plainText && (control.thinking.open ?? control.thinking.close) != nil
    if request.constraint == nil, request.thought == ThoughtRules(), !masksTags { return nil }
    (rules, constraint) = (request.thought, request.constraint)
    (thinking, stop, closing) = (control.thinking, control.stop, control.closing.sorted())
    limits = ThoughtLimits(rules, thinking, maxTokens: request.maxTokens)
    opensDirectly = request.prompt.tokens.last == thinking.open
    phase =
      switch request.start {
      case .insideThought: .thought
      case .answer, .plainText: .answer
      case .beforeThought: .beforeThought
      }
  }

  /// Whether logits are looked at before the next token is drawn.
  var steers: Bool { generated == 0 || wasClosed || constraint != nil || masksTags }

  /// The token that is written next in the model's place.
  var nextWritten: TokenID? { written.first }

  /// Takes from `row` what may not come next. `thinkProbability` is set at the token that decides. Returns whether logits of
  /// tokens that may come have changed.
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
    switch phase {
    case .thought:
      // The answer's form is still to come, so the turn cannot end here.
      if constraint?.isOwed == true, thinking.close != nil { forbid(stop, row) }
    case .beforeThought, .answer:
      if wasClosed, !hasAnswered { forbid(stop, row) }
      if let mask = constraint?.allowed() { keep(mask, row) }
    }
    return hasMoved
  }

  /// A thought opens once, before anything else, and closes once: elsewhere a tag would be text that no client should see.
  private func forbidMisplacedTags(_ row: LogitsRow) {
    guard masksTags else { return }
    if phase != .beforeThought, let open = thinking.open { forbid(CollectionOfOne(open), row) }
    if phase != .thought, let close = thinking.close { forbid(CollectionOfOne(close), row) }
  }

  /// Leaves the ids that begin a whitespace-only close, or the others; all when none would be left.
  private func decide(_ thinks: Bool, _ row: LogitsRow) {
    var mask = TokenMask(count: row.values.count)
    for id in closing where row.contains(id) { mask.insert(id) }
    if thinks { for index in mask.words.indices { mask.words[index] = ~mask.words[index] } }
    keep(mask, row)
  }

  private func forbid(_ ids: some Sequence<TokenID>, _ row: LogitsRow) {
    for id in ids where row.contains(id) { row.values[Int(id)] = -.infinity }
  }

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

  /// Takes note of the token that was drawn, or puts another in its place where the thought has to end.
  mutating func take(_ token: inout GeneratedToken) {
    if written.isEmpty {
      if let end = imposedEnd(before: token.id) {
        written = closingTokens
        wasClosed = true
        token.id = written[0]
        token.thoughtEnd = end
      }
    }
    let wasWritten = !written.isEmpty
    if wasWritten { written.removeFirst() }
    follow(token.id, wasWritten: wasWritten)
  }

  /// Why the thought must end now, before `next`; nil while it may go on.
  private func imposedEnd(before next: TokenID) -> ThoughtEnd? {
    guard phase == .thought, let close = thinking.close, next != close, !stop.contains(next) else { return nil }
    let spent = thoughts + (thoughts > 0 ? pending : 0)
    // White space around the tags is no thought, and a model that is about to close need not be told to.
    if thoughts == 0, thinking.shape(of: next).contains(.white), limits.budget != 0, generated < limits.hardLength {
      return nil
    }
    let isBoundary = isBoundary(before: next)
    if spent >= limits.hardBudget || (isBoundary && spent >= limits.budget) { return .budget }
    if let loopedAt, isBoundary || spent >= loopedAt + RepetitionDetector.grace { return .loop }
    if generated >= limits.hardLength || (isBoundary && generated >= limits.softLength) { return .length }
    return nil
  }

  private func isBoundary(before next: TokenID) -> Bool {
    guard let last else { return false }
    let shape = thinking.shape(of: last)
    return shape.contains(.endsLine)
      || (shape.contains(.endsSentence) && thinking.shape(of: next).contains(.beginsWithSpace))
  }

  /// What closes the thought as it stands, and leads over to the answer.
  private var closingTokens: [TokenID] {
    guard let close = thinking.close else { return [] }
    let before: [TokenID] =
      if let last { thinking.shape(of: last).contains(.endsLine) ? [] : thinking.lineEnd } else {
        opensDirectly ? thinking.emptyThought : thinking.lineEnd
      }
    return before + [close] + thinking.answerGap
  }

  private mutating func follow(_ id: TokenID, wasWritten: Bool) {
    generated += 1
    defer { last = id }
    switch phase {
    case .beforeThought:
      if id == thinking.open {
        phase = .thought
      } else if id == thinking.close {
        phase = .answer
      } else if !thinking.shape(of: id).contains(.white) {
        phase = .answer
        answer(id)
      }
    case .thought:
      if id == thinking.close {
        phase = .answer
        if constraint?.isOwed == true, !wasWritten { written = thinking.answerGap }
      } else if thinking.shape(of: id).contains(.white) {
        pending += 1
      } else if id != thinking.open {
        if thoughts > 0 { thoughts += pending }
        thoughts += 1
        pending = 0
      }
      if phase == .thought, rules.stopsLoops, loopedAt == nil, repetition.append(id) { loopedAt = thoughts }
    case .answer:
      if !wasWritten { answer(id) }
    }
  }

  /// Takes note of a token of the answer.
  private mutating func answer(_ id: TokenID) {
    constraint?.advance(past: id)
    if !thinking.shape(of: id).contains(.white) { hasAnswered = true }
  }
}

/// How long a thought may be.
private struct ThoughtLimits {
  /// Thinking tokens after which it ends at the next boundary, and at once.
  let budget, hardBudget: Int
  /// The same for all generated tokens, so that the answer has its part of the reply's limit.
  let softLength, hardLength: Int

  init(_ rules: ThoughtRules, _ thinking: ThinkingTokens, maxTokens: Int) {
    budget = rules.budget ?? .max
    hardBudget = rules.budget.map { $0 + Self.grace($0) } ?? .max
    let tags = max(thinking.lineEnd.count, thinking.emptyThought.count) + 1 + thinking.answerGap.count
    let room = maxTokens - tags
    guard rules.answerReserve > 0, thinking.close != nil, room > 0 else {
      (softLength, hardLength) = (.max, .max)
      return
    }
    hardLength = max(0, room - min(rules.answerReserve, max(1, maxTokens / 4)))
    softLength = hardLength - Self.grace(hardLength)
  }

  /// 5 %, at least one token.
  private static func grace(_ count: Int) -> Int { count == 0 ? 0 : count / 20 + (count % 20 == 0 ? 0 : 1) }
}
