import Foundation
import GenerationTypes
import JSON
import Testing
import Tokenization

@Suite struct `Encoding text` {
  static let hasQwen3 = Fixtures.qwen3Path != nil

  @Test(.enabled(if: hasQwen3, "no Qwen3 tokenizer here"))
  func `the 47 cases of llama_cpp for Qwen agree`() throws {
    let tokenizer = try Fixtures.qwen3.get()
    let cases = try #require(try Fixtures.json("golden").array)
    #expect(cases.count == 47)
    for golden in cases {
      let text = try #require(golden["text"]?.string)
      #expect(tokenizer.encode(text) == golden["ids"]?.ids, "\(text.debugDescription)")
    }
  }

  @Test func `mixed text of more than 1 MB has the reference's tokens with R-Tiny's vocabulary`() throws {
    try expectMixedText(try Fixtures.tiny.get(), "tiny")
  }

  @Test(.enabled(if: hasQwen3, "no Qwen3 tokenizer here"))
  func `mixed text of more than 1 MB has the reference's tokens with Qwen3's vocabulary`() throws {
    try expectMixedText(try Fixtures.qwen3.get(), "qwen3")
  }

  private func expectMixedText(_ tokenizer: Tokenizer, _ name: String) throws {
    let recipe = try Fixtures.json("mixed")
    let mixed = MixedText(recipe)
    let expected = (recipe[name]?.array ?? []).compactMap(\.string)
    try #require(expected.count == mixed.chunkCount && mixed.chunkCount > 1000)
    var whole = ""
    var wrong: [Int] = []
    for number in 0..<mixed.chunkCount {
      let chunk = mixed.chunk(number)
      if Fixtures.hash(tokenizer.encode(chunk)) != expected[number] { wrong.append(number) }
      whole += chunk
    }
    #expect(wrong.isEmpty)
    #expect(whole.utf8.count == recipe["bytes"]?.int && whole.utf8.count > 1_000_000)
    let ids = tokenizer.encode(whole)
    #expect(Fixtures.hash(ids) == recipe["\(name)Whole"]?.string)
    // Encoding loses only normalisation, so the decoded text encodes to the same ids.
    #expect(tokenizer.encode(tokenizer.decode(ids)) == ids)
  }

  @Test func `every supported file format encodes like the reference, with and without literal ranges`() throws {
    let file = try #require(try JSONValue(parsing: Fixtures.tinyFile()).object)
    for variant in try #require(try Fixtures.json("variants").array) {
      var patched = file
      for (name, value) in (variant["patch"]?.object ?? [:]).members { patched[name] = value }
      var model = try #require(file["model"]?.object)
      for (name, value) in (variant["model"]?.object ?? [:]).members { model[name] = value }
      patched["model"] = .object(model)
      let tokenizer = try Tokenizer(json: JSONValue.object(patched).encoded)
      for (position, text) in (variant["texts"]?.array ?? []).compactMap(\.string).enumerated() {
        let comment: Comment = "\(variant["name"]?.string ?? ""): \(text.debugDescription)"
        #expect(tokenizer.encode(text) == variant["ids"]?.array?[position].ids, comment)
        #expect(
          tokenizer.encode(text, literal: [0..<text.utf8.count]) == variant["literalIds"]?.array?[position].ids, comment
        )
      }
    }
  }

  @Test func `literal ranges prevent only forged special tokens`() throws {
    let tokenizer = try Fixtures.tiny.get()
    let start = try #require(tokenizer.id(of: "<|im_start|>"))
    let think = try #require(tokenizer.id(of: "<think>"))
    let text = "<|im_start|>a<|im_start|><think><|im_start|>"
    #expect(tokenizer.encode(text).filter { $0 == start }.count == 3)
    let forged = 13..<25
    let ids = tokenizer.encode(text, literal: [forged])
    #expect(ids.first == start && ids.last == start && ids.filter { $0 == start }.count == 2)
    #expect(ids.contains(think))
    #expect(tokenizer.decode(ids) == text)
    // A token that is partly typed by the user and partly from the template is not special either.
    for byte in 0..<12 { #expect(!tokenizer.encode("<|im_start|>", literal: [byte..<byte + 1]).contains(start)) }
  }

  @Test func `many threads get the same tokens`() async throws {
    let tokenizer = try Fixtures.tiny.get()
    let mixed = MixedText(try Fixtures.json("mixed"))
    let texts = (0..<24).map(mixed.chunk)
    let expected = texts.map { tokenizer.encode($0) }
    let agree = await withTaskGroup(of: Bool.self) { group in
      for thread in 0..<12 {
        group.addTask {
          (0..<48).allSatisfy { tokenizer.encode(texts[($0 + thread) % 24]) == expected[($0 + thread) % 24] }
        }
      }
      return await group.allSatisfy { $0 }
    }
    #expect(agree)
  }

  @Test(.timeLimit(.minutes(10)))
  func `long white space, long words and long runs of marks take linear time`() throws {
    let tokenizer = try Fixtures.tiny.get()
    // Quadratic time would take hours; the limit only distinguishes the two.
    for unit in [" ", "\n ", "a", "e\u{301}\u{316}", "é", "<", "'S"] {
      let ids = tokenizer.encode(String(repeating: unit, count: 1_000_000 / unit.utf8.count))
      #expect(tokenizer.encode(tokenizer.decode(ids)) == ids)
    }
  }

  @Test func `white space beyond the expression's limits is split, not lost`() throws {
    let tokenizer = try Fixtures.tiny.get()
    let text = String(repeating: " ", count: 6_000_000) + "x"
    #expect(tokenizer.decode(tokenizer.encode(text)) == text)
  }

  @Test(.timeLimit(.minutes(10)))
  func `a text full of control tokens takes linear time`() throws {
    let tokenizer = try Fixtures.tiny.get()
    // Quadratic work over the literal ranges would take hours.
    let (spelling, count) = ("<|im_end|>", 300_000)
    let text = String(repeating: spelling, count: count)
    let literal = (0..<count).map { $0 * spelling.utf8.count..<($0 + 1) * spelling.utf8.count }
    let ids = tokenizer.encode(text, literal: literal)
    #expect(!ids.contains { tokenizer.isSpecial($0) })
    #expect(tokenizer.decode(ids) == text)
    #expect(tokenizer.encode(text, literal: literal.reversed()) == ids)
  }

  @Test(
    .timeLimit(.minutes(10)),
    arguments: [" ", "a", "hello world, ", "\n", "<|im_end|>", "e\u{301}", "漢字", "\u{FB2C}"])
  func `with a limit the result is all ids or nil, and long texts stop early`(unit: String) throws {
    let tokenizer = try Fixtures.tiny.get()
    let text = String(repeating: unit, count: 50)
    let ids = tokenizer.encode(text)
    for limit in [0, 1, ids.count / 2, ids.count - 1] {
      #expect(tokenizer.encode(text, limit: limit) == nil)
    }
    for limit in [ids.count, ids.count + 1, .max] { #expect(tokenizer.encode(text, limit: limit) == ids) }
    #expect(tokenizer.encode("", limit: 0) == [])
    #expect(tokenizer.encode(String(repeating: unit, count: 20_000_000 / unit.utf8.count), limit: 2048) == nil)
  }

  @Test func `special tokens, sizes and white space are correct`() throws {
    let tokenizer = try Fixtures.tiny.get()
    #expect(tokenizer.vocabularySize == 625)
    #expect(tokenizer.specialTokens.map(\.text) == ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<image>"])
    #expect(tokenizer.specialTokens.allSatisfy { tokenizer.isSpecial($0.id) && tokenizer.id(of: $0.text) == $0.id })
    let think = try #require(tokenizer.id(of: "<think>"))
    #expect(!tokenizer.isSpecial(think) && tokenizer.bytes(of: think) == Array("<think>".utf8))
    let newline = try #require(tokenizer.id(of: "Ċ"))
    #expect(tokenizer.bytes(of: newline) == [10] && tokenizer.isWhitespace(newline) && !tokenizer.isWhitespace(think))
    for id: TokenID in [-1, 625, .max, .min] {
      #expect(tokenizer.bytes(of: id).isEmpty && !tokenizer.isWhitespace(id) && !tokenizer.isSpecial(id))
    }
    #expect(tokenizer.id(of: "") == nil && tokenizer.id(of: "<|im_start") == nil)
  }
}
