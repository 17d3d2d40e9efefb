import Basics
import GenerationTypes
import JSON
import Testing
import Tokenization

@Suite struct `Tokenizer files` {
  /// Returns a small file in which a test replaces some parts.
  private func file(
    normalizer: String = "null",
    preTokenizer: String = #"{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}"#,
    decoder: String = #"{"type":"ByteLevel"}"#, added: String = "[]", model: String? = nil,
    vocab: String = #"{"a":0,"b":1,"ab":2,"Ġ":3}"#, merges: String = #"["a b"]"#
  ) -> [UInt8] {
    let model = model ?? #"{"type":"BPE","vocab":\#(vocab),"merges":\#(merges)}"#
    return Array(
      """
      {"added_tokens":\(added),"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),"decoder":\(decoder),"model":\(model)}
      """.utf8)
  }

  private func path(_ json: [UInt8]) -> String? {
    do {
      _ = try Tokenizer(json: json)
      return nil
    } catch { return error.path }
  }

  @Test func `a small file works, and bytes without a token are dropped`() throws {
    let tokenizer = try Tokenizer(json: file())
    #expect(tokenizer.encode("abba ab") == [2, 1, 0, 3, 2])
    #expect(tokenizer.encode("aéb") == [2])
    #expect(try Tokenizer(json: file(merges: #"[["a","b"]]"#)).encode("ab") == [2])
  }

  @Test func `an unsupported value is rejected with its path`() {
    #expect(path(file(normalizer: #"{"type":"NFKC"}"#)) == "normalizer.type")
    #expect(
      path(file(normalizer: #"{"type":"Sequence","normalizers":[{"type":"NFC"},{"type":"Lowercase"}]}"#))
        == "normalizer.normalizers[1].type")
    #expect(path(file(preTokenizer: "null")) == "pre_tokenizer.type")
    #expect(
      path(file(preTokenizer: #"{"type":"ByteLevel","add_prefix_space":true}"#)) == "pre_tokenizer.add_prefix_space")
    #expect(path(file(preTokenizer: #"{"type":"Sequence","pretokenizers":[]}"#)) == "pre_tokenizer")
    #expect(
      path(file(preTokenizer: #"{"type":"Sequence","pretokenizers":[{"type":"Digits"}]}"#))
        == "pre_tokenizer.pretokenizers[0].type")
    let split = #"{"type":"Split","pattern":{"Regex":"("},"behavior":"Isolated","invert":false}"#
    #expect(
      path(file(preTokenizer: #"{"type":"Sequence","pretokenizers":[\#(split)]}"#))
        == "pre_tokenizer.pretokenizers[0].pattern.Regex")
    #expect(path(file(decoder: "null")) == "decoder.type")
    #expect(path(file(model: #"{"type":"Unigram"}"#)) == "model.type")
    for member in ["dropout\":0.1", "unk_token\":\"a\"", "byte_fallback\":true", "end_of_word_suffix\":\"</w>\""] {
      let name = String(member.prefix { $0 != "\"" })
      #expect(path(file(model: #"{"vocab":{"a":0},"merges":[],"\#(member)}"#)) == "model.\(name)")
    }
  }

  @Test func `an invalid value is rejected with its path`() {
    #expect(path([]) == "" && path(Array("[]".utf8)) == "" && path(Array("{".utf8)) == "")
    #expect(path(file(vocab: "[]")) == "model.vocab")
    #expect(path(file(vocab: #"{"a":-1}"#)) == "model.vocab[\"a\"]")
    #expect(path(file(vocab: #"{"a":4194304}"#)) == "model.vocab[\"a\"]")
    #expect(path(file(vocab: #"{"a":1e300}"#)) == "model.vocab[\"a\"]")
    #expect(path(file(vocab: #"{"a":0,"b":0}"#)) == "model.vocab[\"b\"]")
    #expect(path(file(merges: "{}")) == "model.merges")
    for merge in [#""ab""#, #""a b c""#, #""a c""#, #"["a"]"#, #"["a",1]"#, #"["b","a"]"#, #""""#, #"" ""#, "3"] {
      #expect(path(file(merges: "[\"a b\",\(merge)]")) == "model.merges[1]", "\(merge)")
    }
    let flags = #""special":true,"normalized":false"#
    #expect(path(file(added: #"[{"id":9}]"#)) == "added_tokens[0].content")
    #expect(path(file(added: #"[{"id":-9,"content":"x"}]"#)) == "added_tokens[0].id")
    #expect(path(file(added: #"[{"id":1,"content":"x",\#(flags)}]"#)) == "added_tokens[0].id")
    #expect(path(file(added: #"[{"id":9,"content":"a",\#(flags)}]"#)) == "added_tokens[0].id")
    #expect(path(file(added: #"[{"id":9,"content":"x","lstrip":1}]"#)) == "added_tokens[0].lstrip")
    #expect(
      path(file(normalizer: #"{"type":"NFC"}"#, added: #"[{"id":9,"content":"x","special":true,"normalized":true}]"#))
        == "added_tokens[0].normalized")
  }

  @Test func `prefixes and changed bytes of a file cause no crash`() throws {
    let good = file(added: #"[{"id":4,"content":"<s>","special":true,"normalized":false}]"#)
    for length in 0..<good.count { #expect(path(Array(good[..<length])) != nil) }
    var random = SplitMix64(seed: 11)
    for _ in 0..<3000 {
      var bytes = good
      bytes[Int.random(in: 0..<bytes.count, using: &random)] = UInt8.random(in: 0x20...0x7E, using: &random)
      if let tokenizer = try? Tokenizer(json: bytes) { _ = tokenizer.decode(tokenizer.encode("abba <s> ab")) }
    }
  }

  @Test func `tokens that differ only in Unicode normalisation are distinct`() throws {
    // The byte-level form of "é" (C3 A9) and of "e" with a combining acute accent (65 CC 81).
    let vocab = #"{"Ã":0,"©":1,"Ã©":2,"e":3,"Ì":4,"ģ":5,"eÌ":6,"eÌģ":7}"#
    let tokenizer = try Tokenizer(json: file(vocab: vocab, merges: #"["Ã ©","e Ì","eÌ ģ"]"#))
    #expect(tokenizer.encode("\u{E9}") == [2] && tokenizer.encode("e\u{301}") == [7])
    let composed = try Tokenizer(
      json: file(normalizer: #"{"type":"NFC"}"#, vocab: vocab, merges: #"["Ã ©","e Ì","eÌ ģ"]"#))
    #expect(composed.encode("\u{E9}") == [2] && composed.encode("e\u{301}") == [2])
  }

  @Test func `letters of Unicode 15 and 16 are recognised, independent of the system library's tables`() throws {
    // After a letter, "'s" is a piece and merges. A symbol forms a piece with the apostrophe. Other bytes lack tokens.
    let split = #"{"type":"Split","pattern":{"Regex":"'s|\\p{L}+|[^\\s\\p{L}]+"},"behavior":"Isolated","invert":false}"#
    let stages =
      #"{"type":"Sequence","pretokenizers":[\#(split),{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#
    let tokenizer = try Tokenizer(
      json: file(preTokenizer: stages, vocab: #"{"'":0,"s":1,"'s":2}"#, merges: #"["' s"]"#))
    for letter in ["x", "\u{1C89}", "\u{31350}", "\u{A7DC}"] { #expect(tokenizer.encode(letter + "'s") == [2]) }
    for symbol in ["-", "\u{1C8B}"] { #expect(tokenizer.encode(symbol + "'s") == [0, 1]) }
  }

  @Test func `an expression with endless backtracking cannot block a call`() throws {
    let split =
      #"{"type":"Split","pattern":{"Regex":"(a+)+\#u{24}(?!.)c|(a|aa)+b"},"behavior":"Isolated","invert":false}"#
    let stages =
      #"{"type":"Sequence","pretokenizers":[\#(split),{"type":"ByteLevel","add_prefix_space":false,"use_regex":false}]}"#
    let tokenizer = try Tokenizer(json: file(preTokenizer: stages))
    let text = String(repeating: "a", count: 60)
    #expect(tokenizer.decode(tokenizer.encode(text)) == text)
  }
}
