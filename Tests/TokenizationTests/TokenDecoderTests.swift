import Basics
import GenerationTypes
import JSON
import Testing
import Tokenization

@Suite struct `Decoding tokens` {
  @Test func `ids decode to the reference's text, all at once and one by one`() throws {
    let tokenizer = try Fixtures.tiny.get()
    for sample in try #require(try Fixtures.json("decode").array) {
      let ids = sample["ids"]?.ids ?? []
      for (skip, name) in [(false, "text"), (true, "skipped")] {
        let expected = try #require(sample[name]?.string)
        let text = tokenizer.decode(ids, skipSpecial: skip)
        #expect(text.unicodeScalars.elementsEqual(expected.unicodeScalars), "\(ids)")
        #expect(streamed(ids, tokenizer, skip).joined().unicodeScalars.elementsEqual(expected.unicodeScalars), "\(ids)")
      }
    }
  }

  @Test func `random bytes decode to the same text in a stream and at once`() throws {
    let tokenizer = try Fixtures.tiny.get()
    // Lead and continuation bytes at the limits of table 3-7, to produce many truncated and overlong sequences.
    let bytes: [UInt8] = [
      0x00, 0x41, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1,
      0xF4, 0xF5, 0xFF,
    ]
    var byteIDs: [TokenID] = []
    for byte in bytes {
      byteIDs.append(try #require((0..<TokenID(tokenizer.vocabularySize)).first { tokenizer.bytes(of: $0) == [byte] }))
    }
    var random = SplitMix64(seed: 3)
    for _ in 0..<4000 {
      let ids = (0..<Int.random(in: 1...9, using: &random)).map { _ in byteIDs.randomElement(using: &random) ?? 0 }
      let whole = tokenizer.decode(ids)
      #expect(streamed(ids, tokenizer, false).joined().unicodeScalars.elementsEqual(whole.unicodeScalars), "\(ids)")
    }
  }

  @Test func `a character is emitted with its last byte`() throws {
    let tokenizer = try Fixtures.tiny.get()
    let ids = tokenizer.encode("é👩中")
    var decoder = TokenDecoder(tokenizer, skipSpecial: false)
    var texts = ids.map { decoder.append($0) }
    #expect(texts.filter { !$0.isEmpty }.joined() == "é👩中")
    #expect(!texts.contains { $0.contains("\u{FFFD}") } && decoder.unfinished.isEmpty)
    // Cut inside the last character: no part of it is emitted.
    decoder = TokenDecoder(tokenizer, skipSpecial: false)
    texts = ids.dropLast().map { decoder.append($0) }
    #expect(texts.joined() == "é👩")
    #expect(decoder.unfinished == [0xE4, 0xB8])
    // Another decoder continues there.
    decoder = TokenDecoder(tokenizer, skipSpecial: false, unfinished: decoder.unfinished)
    #expect(decoder.append(try #require(ids.last)) == "中" && decoder.unfinished.isEmpty)
  }

  @Test func `invalid bytes are replaced as soon as they are known to be invalid`() throws {
    let tokenizer = try Fixtures.tiny.get()
    let half = try #require(tokenizer.encode("中").first)
    var decoder = TokenDecoder(tokenizer, skipSpecial: false)
    #expect(decoder.append(half).isEmpty)
    #expect(decoder.append(tokenizer.encode("a")[0]) == "\u{FFFD}a" && decoder.unfinished.isEmpty)
  }

  private func streamed(_ ids: [TokenID], _ tokenizer: Tokenizer, _ skip: Bool) -> [String] {
    var decoder = TokenDecoder(tokenizer, skipSpecial: skip)
    return ids.map { decoder.append($0) } + [String(decoding: decoder.unfinished, as: UTF8.self)]
  }
}
