import GenerationTypes
import Inference
import Testing

@Suite struct `Tags only where they have a meaning` {
  /// The reply of a model that always prefers a tag.
  private func tokens(
    wanting tag: TokenID, start: ReplyStart, bias: Float = 100, rules: ThoughtRules = ThoughtRules(),
    constraint: (any TokenConstraint)? = nil
  ) throws -> [TokenID] {
    var request = GenerationRequest(
      prompt: Prompt(tokens: [Word.open]), sampling: parameters { $0.logitBias = [tag: bias] }, control: Word.control,
      maxTokens: 12, decides: false)
    (request.start, request.thought, request.constraint) = (start, rules, constraint)
    var sampler = Sampler(request)
    return try (0..<12).map { _ in try sampler.sample(Word.row(tag)).id }
  }

  @Test func `a thought is closed once, and an answer contains no closing tag`() throws {
    for bias in [0, 100] as [Float] {
      #expect(try tokens(wanting: Word.close, start: .insideThought, bias: bias).count { $0 == Word.close } == 1)
      #expect(try tokens(wanting: Word.close, start: .insideThought, bias: bias).first == Word.close)
      #expect(!(try tokens(wanting: Word.close, start: .answer, bias: bias).contains(Word.close)))
      // This model then prefers the opening tag.
      #expect(try tokens(wanting: Word.close, start: .beforeThought, bias: bias).prefix(2) == [Word.open, Word.close])
    }
  }

  @Test func `a thought is opened once, before any other token`() throws {
    for start in [ReplyStart.answer, .insideThought] {
      #expect(!(try tokens(wanting: Word.open, start: start).contains(Word.open)), "\(start)")
    }
    #expect(try tokens(wanting: Word.open, start: .beforeThought).count { $0 == Word.open } == 1)
    #expect(try tokens(wanting: Word.open, start: .beforeThought).first == Word.open)
  }

  @Test func `a raw completion may contain both`() throws {
    for tag in [Word.open, Word.close] {
      #expect(try tokens(wanting: tag, start: .plainText) == Array(repeating: tag, count: 12))
    }
  }

  @Test func `tags stay masked under rules and constraints`() throws {
    let strict = rules { ($0.budget, $0.answerReserve, $0.stopsLoops) = (2, 4, true) }
    for start in [ReplyStart.answer, .insideThought, .beforeThought] {
      for tag in [Word.open, Word.close] {
        let ids = try tokens(wanting: tag, start: start, rules: strict)
        #expect(ids.count { $0 == Word.close } <= 1 && ids.count { $0 == Word.open } <= 1)
        let formed = try tokens(wanting: tag, start: start, rules: strict, constraint: Script(words: [10, 11, 12]))
        #expect(formed.count { $0 == Word.close } <= 1 && formed.count { $0 == Word.open } <= 1)
      }
    }
  }

  @Test func `the guide and the tracker agree on the phase before every token`() throws {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var request = GenerationRequest(
        prompt: Prompt(tokens: [Word.open]),
        sampling: parameters { $0.temperature = [0, 1, 2].randomElement(using: &random) ?? 0 }, control: Word.control,
        maxTokens: 60, decides: false)
      request.start = [.insideThought, .answer, .beforeThought].randomElement(using: &random) ?? .answer
      if Bool.random(using: &random) {
        request.thought = rules { ($0.budget, $0.answerReserve, $0.stopsLoops) = (5, 9, true) }
      }
      if Bool.random(using: &random) { request.sampling.logitBias = [Word.close: 9, Word.open: 9] }
      if Bool.random(using: &random) { request.constraint = Script(words: [10, 11, 12]) }
      var sampler = Sampler(request)
      var thought = ThoughtTracker(start: request.start)
      for _ in 0..<60 {
        // The guide lets a preferred tag through if its phase allows the tag. Constraints forbid opening tags.
        var wantsOpen = sampler, wantsClose = sampler
        let opens = try wantsOpen.sample(Word.row(Word.open, by: 1000)).id == Word.open
        let closes = try wantsClose.sample(Word.row(Word.close, by: 1000)).id == Word.close
        #expect(opens == (thought.phase == .beforeThought && request.constraint == nil))
        #expect(closes == (thought.phase == .thought))
        let row = (0..<Word.count).map { $0 < 2 ? Float(12) : Float.random(in: 0...12, using: &random) }
        let token = try sampler.sample(row)
        thought.advance(past: token.id, imposedEnd: token.thoughtEnd, request.control)
        if token.id == Word.end { break }
      }
      if request.thought.budget != nil { #expect(thought.counts.thinking <= 6) }
    }
  }

  @Test func `log-probabilities are those of the model before masking`() throws {
    var request = GenerationRequest(
      prompt: Prompt(tokens: [5]), sampling: parameters { $0.topLogprobs = 1 }, control: Word.control, maxTokens: 9,
      decides: false)
    request.start = .answer
    var sampler = Sampler(request)
    let token = try sampler.sample(Word.row(Word.close))
    #expect(token.id == Word.open + 2 && token.top.map(\.id) == [Word.close])
    #expect(abs(Double(token.logprob ?? 0) + 10) < 0.01)
  }
}
