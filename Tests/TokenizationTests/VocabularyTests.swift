import Foundation
import GenerationTypes
import ModelFiles
import Testing
import Tokenization

@Suite struct `GGUF vocabularies` {
  /// Returns a vocabulary of single bytes, a few merges and three added tokens.
  private static func vocabulary(pre: String) -> TokenizerVocabulary {
    var tokens = GGUFStrings((33...126).map { String(UnicodeScalar($0)) } + ["Ġ", "Ċ", "ĠĠ", "an", "12", "123"])
    var kinds = [TokenKind](repeating: .normal, count: tokens.count)
    for (text, kind) in [
      ("<|im_end|>", .control), ("<think>", .userDefined), ("[PAD102]", .unused),
    ] as [(String, TokenKind)] {
      tokens.append(text.utf8)
      kinds.append(kind)
    }
    return TokenizerVocabulary(
      file: "f.gguf", tokens: tokens, kinds: kinds, merges: GGUFStrings(["a n", "1 2", "12 3", "Ġ Ġ"]),
      preTokenizer: pre, beginning: 100, end: 100)
  }

  private static func pieces(_ text: String, pre: String) throws -> [String] {
    let tokenizer = try Tokenizer(vocabulary: vocabulary(pre: pre))
    return tokenizer.encode(text).map { tokenizer.decode([$0]) }
  }

  @Test func `added tokens are found in text, and only control tokens are special`() throws {
    let tokenizer = try Tokenizer(vocabulary: Self.vocabulary(pre: "gpt-2"))
    let ids = tokenizer.encode("an<think>an<|im_end|>[PAD102]")
    #expect(ids.prefix(4) == [97, 101, 97, 100])
    #expect(ids.count == 12)
    #expect(tokenizer.specialTokens.map(\.text) == ["<|im_end|>"])
    #expect(tokenizer.decode(ids, skipSpecial: true) == "an<think>an[PAD102]")
    #expect(tokenizer.encode("<|im_end|>", literal: [0..<10]).count == 10)
    // The padding row is not a token.
    #expect(tokenizer.vocabularySize == 102)
  }

  @Test(arguments: [
    ("gpt-2", ["123", "4", " ", "an"]), ("qwen2", ["1", "2", "3", "4", " ", "an"]),
    ("smollm", ["1", "2", "3", "4", " ", "an"]), ("llama-bpe", ["123", "4", " ", "an"]),
    ("default", ["123", "4", " ", "an"]),
  ])
  func `words are split as the name requires`(pre: String, expected: [String]) throws {
    #expect(try Self.pieces("1234 an", pre: pre) == expected)
  }

  @Test func `only llama's texts begin with a token by default, and a file may override this`() throws {
    for (pre, stated, leading) in [
      ("llama-bpe", nil, 100), ("llama-bpe", false, nil), ("qwen2", nil, nil), ("smollm", true, 100),
    ] as [(String, Bool?, TokenID?)] {
      var vocabulary = Self.vocabulary(pre: pre)
      vocabulary.addsBeginning = stated
      #expect(try Tokenizer(vocabulary: vocabulary).leadingToken == leading)
    }
  }

  @Test func `an unknown pre-tokenizer is rejected with a list of the known ones`() throws {
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: Self.vocabulary(pre: "chameleon")) }
    let message = "\(try #require(error))"
    for words in ["f.gguf: tokenizer.ggml.pre", "chameleon", "qwen2", "smollm", "llama-bpe", "gpt-2"] {
      #expect(message.contains(words), "\(message)")
    }
  }

  @Test(arguments: ["a", "a  n", "a zz", " a", "a "])
  func `an invalid merge is rejected with its index`(merge: String) throws {
    var vocabulary = Self.vocabulary(pre: "qwen2")
    vocabulary.merges.append(merge.utf8)
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: vocabulary) }
    #expect(error?.path == "tokenizer.ggml.merges[4]")
  }

  @Test func `the total size of added tokens is limited`() throws {
    var vocabulary = Self.vocabulary(pre: "qwen2")
    for number in 0..<300 {
      vocabulary.tokens.append("<\(number)\(String(repeating: "x", count: 4000))>".utf8)
      vocabulary.kinds.append(.control)
    }
    let error = #expect(throws: TokenizerError.self) { try Tokenizer(vocabulary: vocabulary) }
    #expect(error?.reason == "the added tokens exceed 1048576 bytes in total")
  }

  @Test func `a vocabulary is unchanged after writing and reading a GGUF file`() throws {
    var vocabulary = try TokenizerVocabulary(tokenizerJSON: Fixtures.tinyFile())
    #expect(vocabulary.preTokenizer == "qwen2")
    vocabulary.pad(to: 640)
    (vocabulary.end, vocabulary.padding, vocabulary.stops) = (621, 619, [621, 619])
    #expect(vocabulary.tokens.count == 640)
    #expect(vocabulary.kinds.count { $0 == .unused } == 15)
    let read = try Self.throughFile(vocabulary)
    #expect(read.tokens == vocabulary.tokens && read.kinds == vocabulary.kinds && read.merges == vocabulary.merges)
    #expect(read.stops == [621, 619] && read.addsBeginning == false)
    let (own, other) = (try Fixtures.tiny.get(), try Tokenizer(vocabulary: read))
    #expect(own.vocabularySize == other.vocabularySize)
    for text in [
      "Add 9 and 4.", "<|im_start|>user\n<image>\nA red circle?<|im_end|>\n<think>", "e\u{301} \u{1F600}\n\n",
    ] {
      #expect(own.encode(text) == other.encode(text))
    }
  }

  @Test(.enabled(if: Fixtures.qwen3Path != nil))
  func `Qwen3's vocabulary gives the same ids from GGUF and from its own file`() throws {
    let own = try Fixtures.qwen3.get()
    let json = [UInt8](try Data(contentsOf: URL(filePath: Fixtures.qwen3Path ?? "")))
    var vocabulary = try TokenizerVocabulary(tokenizerJSON: json)
    vocabulary.pad(to: 151_936)
    let other = try Tokenizer(vocabulary: try Self.throughFile(vocabulary))
    #expect(other.vocabularySize == own.vocabularySize)
    #expect(other.specialTokens.map(\.id) == own.specialTokens.map(\.id))
    for id in 0..<TokenID(own.vocabularySize) { #expect(own.bytes(of: id) == other.bytes(of: id)) }
    let mixed = MixedText(try Fixtures.json("mixed"))
    for number in 0..<1000 {
      let text = mixed.chunk(number)
      #expect(own.encode(text) == other.encode(text), "chunk \(number)")
    }
  }

  @Test func `a mutated vocabulary is rejected or gives a working tokenizer`() {
    var fuzz = VocabularyFuzz(seed: 20_251_126)
    for _ in 0..<1_000 { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    #expect((100..<900).contains(fuzz.accepted), "\(fuzz.accepted)")
  }

  /// R4B_FUZZ_VOCABULARIES is the number of runs, R4B_FUZZ_SEED the first seed.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["R4B_FUZZ_VOCABULARIES"] != nil))
  func `a long campaign of mutated vocabularies finds no crash`() {
    let environment = ProcessInfo.processInfo.environment
    let count = Int(environment["R4B_FUZZ_VOCABULARIES"] ?? "") ?? 0
    var fuzz = VocabularyFuzz(seed: UInt64(environment["R4B_FUZZ_SEED"] ?? "") ?? 1)
    for _ in 0..<count { fuzz.run() }
    #expect(fuzz.violations.isEmpty, "\(fuzz.violations.prefix(3))")
    print("GGUF fuzz: \(count) vocabularies, \(fuzz.accepted) accepted, \(fuzz.violations.count) violations")
  }

  /// Writes a GGUF file with only the vocabulary and reads it back.
  private static func throughFile(_ vocabulary: TokenizerVocabulary) throws -> TokenizerVocabulary {
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("vocabulary-\(UUID().uuidString).gguf")
      .path
    defer { try? FileManager.default.removeItem(atPath: path) }
    var metadata = GGUFMetadata()
    vocabulary.write(into: &metadata)
    try GGUFWriter(path: path, metadata: metadata, tensors: []).finish()
    return try TokenizerVocabulary(reading: try GGUFFile(path: path).metadata, rows: vocabulary.tokens.count)
  }
}
