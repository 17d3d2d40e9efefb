import GenerationTypes
import Inference
import Testing

@Suite struct `Guiding a reply` {
  @Test func `a thought within its budget is unchanged`() throws {
    let script = [Word.lineFeed] + words(9) + [Word.lastStop, Word.close, Word.blankLine] + answer
    let tokens = try reply(script, rules { ($0.budget, $0.answerReserve, $0.stopsLoops) = (10, 4, true) })
    #expect(tokens.map(\.id) == script && tokens.allSatisfy { $0.thoughtEnd == nil })
  }

  @Test func `a thought over its budget ends with its sentence within the grace`() throws {
    // 100 thinking tokens have a grace of five; the full stop is the third of them.
    let script = [Word.lineFeed] + words(102) + [Word.stop] + words(50) + answer
    let tokens = try reply(script, rules { $0.budget = 100 })
    #expect(
      tokens.map(\.id) == [Word.lineFeed] + words(102) + [Word.stop, Word.lineFeed, Word.close, Word.blankLine] + answer
    )
    #expect(tokens[104].thoughtEnd == .budget && tokens.count { $0.thoughtEnd != nil } == 1)
  }

  @Test func `a full stop inside a number ends no sentence, and a line that ended needs no line feed`() throws {
    let script = words(100) + [Word.stop, Word.digit, Word.word, Word.lastStop] + words(50) + answer
    let tokens = try reply(script, rules { $0.budget = 100 })
    #expect(
      tokens.map(\.id) == words(100) + [Word.stop, Word.digit, Word.word, Word.lastStop, Word.close, Word.blankLine]
        + answer)
  }

  @Test func `a thought without a boundary is cut off after the grace`() throws {
    for (budget, grace) in [(1, 1), (19, 1), (20, 1), (21, 2), (100, 5), (101, 6)] {
      let tokens = try reply(words(300) + answer, rules { $0.budget = budget })
      #expect(tokens.map(\.id) == words(budget + grace) + [Word.lineFeed, Word.close, Word.blankLine] + answer)
    }
  }

  @Test func `a budget of 0 prevents the thought`() throws {
    let none = rules { $0.budget = 0 }
    let atOnce = try reply([Word.lineFeed, Word.word] + answer, none)
    #expect(atOnce.map(\.id) == [Word.blankLine, Word.close, Word.blankLine] + answer)
    #expect(atOnce[0].thoughtEnd == .budget)
    let long = try reply([Word.word] + answer, none, prompt: [Word.open, Word.lineFeed])
    #expect(long.map(\.id) == [Word.lineFeed, Word.close, Word.blankLine] + answer)
    let chosen = try reply([Word.blankLine, Word.close, Word.blankLine] + answer, none)
    #expect(chosen.map(\.id) == [Word.blankLine, Word.close, Word.blankLine] + answer)
  }

  @Test func `part of the token limit is reserved for the answer`() throws {
    for limit in 4...200 {
      let tokens = try reply(words(500) + [Word.answer], rules { $0.answerReserve = 16 }, maxTokens: limit)
      let kept = min(16, max(1, limit / 4))
      #expect(tokens.count == limit)
      #expect(tokens.suffix(kept).allSatisfy { $0.id == Word.answer })
      #expect(tokens[limit - kept - 3].thoughtEnd == .length, "\(limit)")
    }
    let whole = try reply(words(500), rules { $0.answerReserve = 0 }, maxTokens: 50)
    #expect(whole.map(\.id) == words(50))
    // There is no room for tags and an answer: the guide does nothing.
    for limit in 1...3 {
      #expect(try reply(words(9), rules { $0.answerReserve = 16 }, maxTokens: limit).map(\.id) == words(limit))
    }
  }

  @Test func `a thought ends with a sentence before its hard limit`() throws {
    // 200 − 3 tags − 50 reserved = 147, of which 8 are grace.
    let tokens = try reply(
      words(140) + [Word.lastStop] + words(100) + [Word.answer], rules { $0.answerReserve = 50 }, maxTokens: 200)
    #expect(tokens[141].id == Word.close && tokens[141].thoughtEnd == .length)
  }

  @Test func `after an imposed end the model cannot end its turn without an answer`() throws {
    let tokens = try reply(words(50) + [Word.end], rules { $0.budget = 10 }, maxTokens: 40)
    #expect(tokens[11...13].map(\.id) == [Word.lineFeed, Word.close, Word.blankLine])
    let next = try #require(tokens.dropFirst(14).first).id
    #expect(![Word.end, Word.open, Word.close].contains(next))
  }

  @Test func `repetitions of any period are closed, and similar texts are not`() throws {
    let circling = rules { $0.stopsLoops = true }
    for period in [1, 2, 7, 60, 200, 256] as [Int] {
      let block = (0..<period).map { (place: Int) -> TokenID in
        let step = place * place / 3 + place
        return TokenID(10 + step % 5)
      }
      var script = words(30)
      for _ in 0..<(20 + 200 / period) { script += block }
      let tokens = try reply(script + answer, circling)
      let looped = tokens.firstIndex { (token: GeneratedToken) in token.thoughtEnd == ThoughtEnd.loop }
      let end = try #require(looped, "period \(period)")
      // Four blocks, or 64 tokens; found at most 16 tokens later, closed 16 after that.
      #expect(end <= 30 + max(4 * period, 64) + 33, "period \(period): \(end)")
    }
    // Blocks that differ a little never repeat.
    var counting: [TokenID] = []
    for number in 0..<400 as Range<TokenID> {
      counting += [Word.word, 10 + number % 6, 10 + number / 6 % 6, 10 + number / 36 % 6, 10 + number / 216]
    }
    let script = counting + [Word.close, Word.blankLine] + answer
    #expect(try reply(script, circling).allSatisfy { $0.thoughtEnd == nil })
    let block: [TokenID] = [10, 11, 12, 13]
    let three = words(30) + block + block + block + [Word.close, Word.blankLine] + answer
    #expect(try reply(three, circling).allSatisfy { $0.thoughtEnd == nil })
    #expect(try reply(words(300) + answer, ThoughtRules(), maxTokens: 200).count == 200)
  }

  @Test func `an end by the model is natural under all rules`() throws {
    let all = rules { ($0.budget, $0.answerReserve, $0.stopsLoops) = (3, 8, true) }
    let script = words(3) + [Word.close, Word.blankLine] + answer
    #expect(try reply(script, all, maxTokens: 100).map(\.id) == script)
    #expect(try reply(words(2) + [Word.end], all, maxTokens: 100).map(\.id) == words(2) + [Word.end])
    #expect(try reply(answer, all, start: .answer, maxTokens: 100).map(\.id) == answer)
  }
}

@Suite struct `Deciding about thinking` {
  private func decide(_ rules: ThoughtRules, _ row: [Float], seed: UInt64 = 0, temperature: Float = 0) throws
    -> GeneratedToken
  {
    var request = GenerationRequest(
      prompt: Prompt(tokens: [Word.open]), sampling: SamplingParameters(), control: Word.control, maxTokens: 9,
      decides: true)
    (request.sampling.temperature, request.sampling.seed) = (temperature, seed)
    (request.start, request.thought) = (.insideThought, rules)
    var sampler = Sampler(request)
    return try sampler.sample(row, decides: true)
  }

  /// P(think) = 1 / (1 + e^gap), all of it on the line feed.
  private func row(gap: Float) -> [Float] {
    var row = [Float](repeating: -30, count: Word.count)
    (row[Int(Word.lineFeed)], row[Int(Word.blankLine)]) = (0, gap)
    return row
  }

  @Test func `a think bias changes the decision but not P(think)`() throws {
    for (gap, bias, thinks) in [(1, 0, false), (-1, 0, true), (-1, 2, false), (1, -2, true), (-1, 0.5, true)]
      as [(Float, Float, Bool)]
    {
      let token = try decide(rules { $0.bias = bias }, row(gap: gap))
      #expect((token.id == Word.lineFeed) == thinks, "\(gap) \(bias)")
      #expect(token.thinkProbability == (try decide(ThoughtRules(), row(gap: gap))).thinkProbability)
    }
  }

  @Test func `a threshold decides without sampling`() throws {
    for seed in 0..<20 as Range<UInt64> {
      // P(think) is 0.731.
      for (threshold, thinks) in [(0, true), (0.73, true), (0.74, false), (1, false)] as [(Float, Bool)] {
        let token = try decide(rules { $0.threshold = threshold }, row(gap: -1), seed: seed, temperature: 2)
        #expect((token.id != Word.blankLine && token.id != Word.close) == thinks)
      }
    }
  }

  @Test func `no bias, or a threshold of one half, equals the plain model`() throws {
    for step in -20...20 {
      let plain = try decide(ThoughtRules(), row(gap: Float(step) / 4)).id
      if step != 0 { #expect(try decide(rules { $0.threshold = 0.5 }, row(gap: Float(step) / 4)).id == plain) }
      #expect(try decide(rules { $0.stopsLoops = true }, row(gap: Float(step) / 4)).id == plain)
    }
  }

  @Test func `the think rate falls as the think bias grows`() throws {
    var rates: [Int] = []
    for bias in stride(from: -6, through: 6, by: 1.5) as StrideThrough<Float> {
      rates.append(
        try (0..<400 as Range<UInt64>).count { seed in
          try decide(rules { $0.bias = bias }, row(gap: 0.3), seed: seed, temperature: 1).id == Word.lineFeed
        })
    }
    #expect(rates == rates.sorted(by: >) && rates[0] > 380)
    #expect(rates.last.map { $0 < 20 } == true)
  }
}
