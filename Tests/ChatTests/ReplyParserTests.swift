import Chat
import Foundation
import GenerationTypes
import JSON
import Testing
import Tokenization

private struct Reply: Equatable {
  var thinking = ""
  var content = ""
  var counts: TokenCounts
  var outcome: ThinkingOutcome
  var end: ThoughtEnd?
  var stopped: Bool
}

private func parse(
  _ ids: [TokenID], start: ReplyStart, stop: [String] = [], reason: FinishReason = .stop, closedAt: Int? = nil
) throws -> Reply {
  let chat = try RTiny.chat()
  var parser = ReplyParser(
    start: start, tokenizer: chat.tokenizer, control: chat.control, stopStrings: stop)
  var pieces: [ReplyPiece] = []
  for (index, id) in ids.enumerated() where !parser.isStopped {
    var token = GeneratedToken(id: id)
    if index == closedAt { token.thoughtEnd = .budget }
    pieces += parser.consume(token)
  }
  pieces += parser.finish(reason)
  let thought = parser.thought
  var reply = Reply(counts: thought.counts, outcome: thought.outcome, end: thought.end, stopped: parser.isStopped)
  for piece in pieces {
    switch piece {
    case .thinking(let text): reply.thinking += text
    case .content(let text): reply.content += text
    case .toolCall, .toolArguments: #expect(Bool(false), "no tool was offered")
    }
  }
  return reply
}

private func ids(_ text: String) throws -> [TokenID] { try RTiny.tokenizer().encode(text) }

@Suite struct `Reading a reply` {
  @Test func `every reference reply is split and counted`() throws {
    for item in try RTiny.golden() {
      let tokens = try #require(item["ids"]?.array?.compactMap { $0.int.map(TokenID.init) })
      let mode = try #require(item["mode"]?.string)
      let text = try #require(item["reply"]?.string)
      let reply = try parse(tokens, start: mode == "short" ? .answer : .insideThought)
      let body = text.replacing("<|im_end|>", with: "")
      let halves = body.split(separator: "</think>", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let answer = (halves.last ?? "").trimmingPrefix(while: { $0 == "\n" })
      #expect(reply.content == answer)
      let thought = halves.count == 2 ? halves[0].trimmingCharacters(in: .whitespacesAndNewlines) : ""
      #expect(reply.thinking == thought)
      #expect(reply.outcome == (thought.isEmpty ? .nonThinking : .thinking))
      #expect(reply.counts.total == tokens.count)
      if mode == "short" { #expect(reply.counts.thinking == 0) }
    }
  }

  @Test func `a whitespace-only close is control and no thought`() throws {
    let reply = try parse(ids("\n\n</think>\n\nyes<|im_end|>"), start: .insideThought)
    #expect(reply.counts == TokenCounts(thinking: 0, control: 4, answer: 1))
    #expect(reply.outcome == .nonThinking && reply.content == "yes" && reply.end == nil)
  }

  @Test func `white space beside the tags is control and white space inside a thought is thinking`() throws {
    let reply = try parse(ids("\nNo\n\nNo\n</think>\n\nNo\n\nNo<|im_end|>"), start: .insideThought)
    #expect(reply.thinking == "No\n\nNo")
    #expect(reply.content == "No\n\nNo")
    let inside = try ids("No\n\nNo").count
    #expect(reply.counts.thinking == inside && reply.counts.answer == inside)
    #expect(reply.end == .natural)
  }

  @Test func `a thought cut off by the limit is all thinking`() throws {
    let reply = try parse(ids("\nI see"), start: .insideThought)
    #expect(reply.outcome == .thinking && reply.end == .length && reply.content.isEmpty)
    #expect(reply.counts == TokenCounts(thinking: try ids("I see").count, control: 1, answer: 0))
  }

  @Test func `the first token decides the outcome while nothing else was generated`() throws {
    #expect(try parse(ids("\n\n"), start: .insideThought).outcome == .nonThinking)
    #expect(try parse(ids("\n"), start: .insideThought).outcome == .thinking)
    #expect(try parse([], start: .insideThought).outcome == .nonThinking)
  }

  @Test func `a model may open the thought itself`() throws {
    let reply = try parse(ids("<think>\nNo\n</think>\n\nyes<|im_end|>"), start: .beforeThought)
    #expect(reply.thinking == "No" && reply.content == "yes" && reply.outcome == .thinking)
    let plain = try parse(ids("\nyes<|im_end|>"), start: .beforeThought)
    #expect(plain.content == "\nyes" && plain.counts.control == 1 && plain.outcome == .nonThinking)
  }

  @Test func `tags in an answer are control`() throws {
    let reply = try parse(ids("a<think>b</think>c</think><|im_end|>"), start: .answer)
    #expect(reply.counts == TokenCounts(thinking: 0, control: 4, answer: 3) && reply.content == "abc")
    // White space after a tag belongs to the tag until the answer begins.
    let early = try parse(ids("</think>\n\nyes"), start: .answer)
    #expect(early.counts == TokenCounts(thinking: 0, control: 2, answer: 1) && early.content == "yes")
  }

  @Test func `an opening tag in a thought is control`() throws {
    let reply = try parse(ids("<think>\nNo<think> yes\n</think>\n\nyes"), start: .insideThought)
    #expect(reply.thinking == "No yes" && reply.content == "yes")
    #expect(reply.counts == TokenCounts(thinking: try ids("No yes").count, control: 6, answer: 1))
  }

  @Test func `a closing tag without a thought leads to the answer`() throws {
    let reply = try parse(ids("\n\n</think>\n\nyes</think>"), start: .beforeThought)
    #expect(reply.content == "yes" && reply.counts == TokenCounts(thinking: 0, control: 4, answer: 1))
    #expect(reply.outcome == .nonThinking && reply.end == nil)
  }

  @Test func `a raw completion contains tags as text`() throws {
    let text = "a<think>b</think>c"
    let reply = try parse(ids(text), start: .plainText)
    #expect(reply.content == text && reply.counts == TokenCounts(thinking: 0, control: 0, answer: 5))
  }

  @Test func `a tag that is spelled with other tokens is text`() throws {
    let tokenizer = try RTiny.tokenizer()
    let spelled = "a </think> b".flatMap { tokenizer.encode(String($0)) }
    #expect(spelled.flatMap(tokenizer.bytes) == Array("a </think> b".utf8))
    #expect(try parse(spelled, start: .answer).content == "a </think> b")
    let thought = try parse(spelled, start: .insideThought)
    #expect(thought.thinking == "a </think> b" && thought.end == .length && thought.content.isEmpty)
  }

  @Test func `counts add up for any sequence of tokens`() throws {
    let tokenizer = try RTiny.tokenizer()
    var generator = SystemRandomNumberGenerator()
    let frequent = try ids("\n\n\n </think><think> No<|im_end|>é😀")
    for _ in 0..<300 {
      let tokens = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        Bool.random(using: &generator)
          ? frequent.randomElement(using: &generator)!
          : TokenID.random(in: 0..<TokenID(tokenizer.vocabularySize), using: &generator)
      }
      // A tag that other tokens spell would be text, but random tokens practically never do this.
      for start in [ReplyStart.insideThought, .answer, .beforeThought] {
        let reply = try parse(tokens, start: start)
        #expect(reply.counts.total == tokens.count, "\(tokens)")
        #expect(!(reply.content + reply.thinking).contains("think>"), "\(tokens)")
        if start == .answer { #expect(reply.counts.thinking == 0) }
        if reply.counts.thinking > 0 { #expect(reply.outcome == .thinking) }
      }
    }
  }

  @Test func `the parser and the tracker agree on random tokens`() throws {
    let chat = try RTiny.chat()
    let frequent = try ids("\n\n\n </think><think> No<|im_end|>ab")
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<300 {
      var tokens = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        frequent.randomElement(using: &generator) ?? 0
      }
      // A stop token ends the reply.
      if let end = tokens.firstIndex(where: chat.control.stop.contains) { tokens = Array(tokens[...end]) }
      for start in [ReplyStart.insideThought, .answer, .beforeThought, .plainText] {
        var thought = ThoughtTracker(start: start)
        var undecided: [TokenID] = []
        var text: [ThoughtTracker.Kind: [UInt8]] = [:]
        for id in tokens {
          let step = thought.advance(past: id, chat.control)
          if let earlier = step.earlier {
            text[earlier, default: []] += undecided.flatMap(chat.tokenizer.bytes)
            undecided = []
          }
          guard let kind = step.kind else {
            undecided.append(id)
            continue
          }
          if kind == .control { continue }
          text[kind, default: []] += chat.tokenizer.bytes(of: id)
        }
        if let kind = thought.finish() { text[kind, default: []] += undecided.flatMap(chat.tokenizer.bytes) }
        let reply = try parse(tokens, start: start)
        #expect(reply.counts == thought.counts && reply.outcome == thought.outcome && reply.end == thought.end)
        #expect(reply.content == String(decoding: text[.answer] ?? [], as: UTF8.self), "\(tokens)")
        #expect(reply.thinking == String(decoding: text[.thinking] ?? [], as: UTF8.self), "\(tokens)")
      }
    }
  }

  @Test func `a character that is split over tokens arrives whole`() throws {
    let chat = try RTiny.chat()
    var parser = ReplyParser(start: .answer, tokenizer: chat.tokenizer, control: chat.control)
    let tokens = try ids("é😀")
    #expect(tokens.count > 2)
    var text = ""
    for token in tokens {
      for case .content(let piece) in parser.consume(GeneratedToken(id: token)) {
        #expect(!piece.contains("\u{FFFD}"))
        text += piece
      }
    }
    #expect(text == "é😀")
  }

  @Test func `a reply that is cut off within a character ends before it`() throws {
    let text = try ids("é😀")
    for count in 1..<text.count {
      for start in [ReplyStart.answer, .plainText, .beforeThought, .insideThought] {
        for reason in [FinishReason.length, .stop] {
          let reply = try parse(Array(text[..<count]), start: start, reason: reason)
          #expect(["", "é"].contains(reply.content + reply.thinking), "\(count) \(start) \(reason)")
          #expect(reply.counts.total == count)
        }
      }
    }
    // The end of the turn cuts it off, too.
    #expect(try parse(text.dropLast() + ids("<|im_end|>"), start: .answer).content == "é")
  }

  @Test func `a thought that is closed within a character ends before it`() throws {
    let half = Array(try ids("No é").dropLast())
    for end in ["</think>", "\n</think>"] {
      for closedAt in [nil, half.count] {
        let reply = try parse(half + ids(end + "\n\nyes"), start: .insideThought, closedAt: closedAt)
        #expect(reply.thinking.trimmingCharacters(in: .whitespaces) == "No" && reply.content == "yes", "\(end)")
      }
    }
  }

  @Test func `invalid bytes within a reply are replaced`() throws {
    let half = try #require(try ids("é").first)
    #expect(try parse([half] + ids("a"), start: .answer).content == "\u{FFFD}a")
    #expect(try parse([half] + ids("\na"), start: .insideThought).thinking == "\u{FFFD}\na")
  }

  @Test func `a reply may complete the last character of its prompt`() async throws {
    let chat = try RTiny.chat()
    let whole = chat.tokenizer.encode("😀")
    for count in 1..<whole.count {
      let prompt = Array(whole[..<count])
      func text(_ ids: [TokenID], isEchoed: Bool) async throws -> String {
        var parser = try await chat.completion(of: prompt, isEchoed: isEchoed).makeParser()
        var pieces = ids.flatMap { parser.consume(GeneratedToken(id: $0)) }
        pieces += parser.finish(.length)
        return pieces.map { if case .content(let text) = $0 { text } else { "?" } }.joined()
      }
      #expect(WholeCharacters(prompt.flatMap(chat.tokenizer.bytes)).text.isEmpty)
      #expect(try await text(Array(whole[count...]) + chat.tokenizer.encode("a"), isEchoed: true) == "😀a")
      // The end of the prompt is shown as the client sent it.
      #expect(try await text([], isEchoed: true) == "\u{FFFD}")
      #expect(try await text(chat.tokenizer.encode("a"), isEchoed: true) == "\u{FFFD}a")
      #expect(try await text(chat.tokenizer.encode("a"), isEchoed: false) == "a")
    }
  }

  @Test func `a stop string ends the answer but not the thought`() throws {
    let reply = try parse(ids("\nNo stop\n</think>\n\nyes stop no"), start: .insideThought, stop: [" stop"])
    #expect(reply.thinking == "No stop" && reply.content == "yes" && reply.stopped)
  }
}

@Suite struct `Stop strings` {
  /// The text that reaches the client when it arrives in these pieces.
  private func cut(_ pieces: [String], _ stops: [String]) -> (text: String, found: Bool) {
    var search = StopStrings(stops)
    var text = ""
    for piece in pieces { text += search.append(piece) ?? "" }
    return (text + (search.flush() ?? ""), search.found)
  }

  @Test func `are found at every split of the text`() {
    let text = "aéabcab😀END tail"
    let scalars = Array(text.unicodeScalars).map { String($0) }
    for stops in [["END"], ["abc"], ["abcabx", "cab😀"], ["zzz"], ["é"], ["d", "D"], ["tail", "il"]] {
      let earliest = stops.compactMap { text.range(of: $0)?.lowerBound }.min()
      let expected = earliest.map { String(text[..<$0]) } ?? text
      #expect(cut(scalars, stops).text == expected)
      for split in 0...scalars.count {
        let result = cut([scalars[..<split].joined(), scalars[split...].joined()], stops)
        #expect(result.text == expected, "\(stops) at \(split)")
        #expect(result.found == (earliest != nil))
      }
    }
  }

  @Test func `that match only partially are returned as text`() {
    #expect(cut(["EN", "EN", "D!"], ["ENDE"]).text == "ENEND!")
    #expect(cut(["aa", "ab"], ["aab"]).text == "a")
  }
}
