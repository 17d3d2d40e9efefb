import GenerationTypes
import Inference
import Testing

@Suite struct `Holding an answer to a form` {
  private let form = Script(words: [10, 11, 12])

  @Test func `the form begins after the closing tag`() throws {
    let script = words(3) + [Word.close, Word.word, Word.word]
    let tokens = try reply(script, ThoughtRules(), constraint: form)
    #expect(tokens.map(\.id) == words(3) + [Word.close, Word.blankLine, 10, 11, 12, Word.end])
    #expect(tokens.allSatisfy { $0.thoughtEnd == nil })
  }

  @Test func `the form also begins after an imposed end`() throws {
    let tokens = try reply(words(90), rules { $0.budget = 4 }, constraint: form)
    #expect(tokens.map(\.id) == words(5) + [Word.lineFeed, Word.close, Word.blankLine, 10, 11, 12, Word.end])
  }

  @Test func `the turn cannot end inside the thought while a form is required`() throws {
    let tokens = try reply(words(2) + [Word.end], ThoughtRules(), maxTokens: 8, constraint: form)
    let close = try #require(tokens.firstIndex { $0.id == Word.close })
    #expect(tokens.firstIndex { $0.id == Word.end } ?? .max > close)
    #expect(tokens.map(\.id) == words(2) + [Word.close, Word.blankLine, 10, 11, 12, Word.end])
  }

  @Test func `without a thought the form begins at once`() throws {
    for start in [ReplyStart.answer, .beforeThought] {
      let tokens = try reply([Word.word], ThoughtRules(), start: start, constraint: form)
      #expect(tokens.map(\.id) == [10, 11, 12, Word.end])
    }
  }

  @Test func `a copy of a sampler has its own constraint`() throws {
    var request = GenerationRequest(
      prompt: Prompt(tokens: [5]), sampling: SamplingParameters(), control: Word.control, maxTokens: 9, decides: false)
    (request.start, request.constraint) = (.answer, form)
    var one = Sampler(request)
    _ = try one.sample(Word.row(5))
    var other = one
    #expect(try one.sample(Word.row(5)).id == 11)
    #expect(try one.sample(Word.row(5)).id == 12)
    #expect(try other.sample(Word.row(5)).id == 11)
  }

  @Test func `log-probabilities are those of the model if only one token is allowed`() throws {
    var request = GenerationRequest(
      prompt: Prompt(tokens: [5]), sampling: parameters { $0.topLogprobs = 1 }, control: Word.control, maxTokens: 9,
      decides: false)
    (request.start, request.constraint) = (.answer, form)
    var sampler = Sampler(request)
    let token = try sampler.sample(Word.row(5))
    #expect(token.id == 10 && token.top.map(\.id) == [5])
    #expect(abs(Double(token.logprob ?? 0) + 10) < 0.01)
  }
}
