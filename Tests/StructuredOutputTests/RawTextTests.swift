import Foundation
import GenerationTypes
import StructuredOutput
import Testing

private func pattern(_ pattern: String, allowsLeadingWhitespace: Bool = false) throws -> Grammar {
  try Grammar(pattern: pattern, path: "regex", allowsLeadingWhitespace: allowsLeadingWhitespace)
}

private func choices(_ choices: [String], allowsLeadingWhitespace: Bool = false) throws -> Grammar {
  try Grammar(choices: choices, path: "choice", allowsLeadingWhitespace: allowsLeadingWhitespace)
}

@Suite struct `Replies that are plain text` {
  @Test(arguments: [
    ("yes|no", ["yes", "no"], ["y", "yesno", "\"yes\"", "yes ", ""]),
    ("^(yes|no)$", ["yes", "no"], ["yess", "no\n"]), (#"\d{3}-\d{4}"#, ["555-1234"], ["5555-1234", "x555-1234"]),
    (#"[A-Z][a-z]*( [a-z]+){0,2}\."#, ["A.", "The cat sat."], ["the.", "The  cat."]),
    (#"a"b\\c/d"#, [#"a"b\c/d"#], [#"a\"b\\c/d"#]), ("a\\nb", ["a\nb"], ["a\\nb"]),
    ("[^a]", ["é", "😀", "\"", "\\", "\u{1}"], ["a", "ab"]),
    ("(ab)*c?", ["", "ab", "ababc", "c"], ["a", "cc"]), ("é+", ["é", "éé"], ["e", "É"]),
  ])
  func `the pattern matches the complete reply`(expression: String, good: [String], bad: [String]) throws {
    let grammar = try pattern(expression)
    for text in good where !text.isEmpty { #expect(accepts(grammar, text), "\(text)") }
    for text in bad where !text.isEmpty { #expect(!accepts(grammar, text), "\(text)") }
    #expect(matcher(grammar).isComplete == good.contains(""))
  }

  @Test func `a reply may begin with white space only if no text precedes it`() throws {
    for text in [" a", "\na", "\u{A0}a", "\u{3000}a", "\u{2003}a"] {
      #expect(!accepts(try pattern(".*|\\s.*|\\n.*"), text), "\(text)")
      #expect(accepts(try pattern("[^b]*", allowsLeadingWhitespace: true), text), "\(text)")
    }
    // Characters that share bytes with white space are not white space.
    for text in ["âa", "ã", "\u{2010}", "\u{3001}", "a b"] { #expect(accepts(try pattern(".*"), text), "\(text)") }
    #expect(accepts(try choices([" a", "b"], allowsLeadingWhitespace: true), " a"))
  }

  @Test func `a choice accepts exactly its texts`() throws {
    let texts = ["yes", "yes, please", "no", "\"quoted\"", "日本", "é", "e\u{301}", "{}"]
    let grammar = try choices(texts)
    for text in texts { #expect(accepts(grammar, text), "\(text)") }
    for text in ["ye", "yes,", "nop", "quoted", "\"no\"", "日", "E"] { #expect(!accepts(grammar, text), "\(text)") }
    // Equal only after normalisation, so different texts.
    #expect(!accepts(try choices(["é"]), "e\u{301}"))
  }

  @Test(
    arguments: [
      ([], "choice", "at least one"), ([""], "choice[0]", "empty"), (["a", ""], "choice[1]", "empty"),
      (["a", " b"], "choice[1]", "white space"), ([String(repeating: "a", count: 50_000)], "choice", "bytes"),
    ] as [([String], String, String)])
  func `invalid choices are rejected with their path`(texts: [String], path: String, reason: String) throws {
    let error = #expect(throws: SchemaError.self) { try choices(texts) }
    #expect(error?.path == path && error?.reason.contains(reason) == true, "\(String(describing: error))")
  }

  @Test(arguments: [
    "(", "a{2,1}", "(?=a)", "a**", #"\bword"#, "(a|b", "a$b", "", "^$", " +", #"\s"#, "[]",
    "(a{1000}){1000}",
  ])
  func `unsupported patterns are rejected`(expression: String) throws {
    let error = #expect(throws: SchemaError.self) { try pattern(expression) }
    #expect(error?.path == "regex" && error?.reason.isEmpty == false)
  }

  @Test func `thousands of choices are compiled quickly`() throws {
    let texts = (0..<8000).map { "w\($0)" }
    let time = try ContinuousClock().measure {
      let grammar = try choices(texts)
      #expect(accepts(grammar, "w7999") && !accepts(grammar, "w8000"))
    }
    #expect(time < .seconds(20))
  }

  @Test(arguments: ["yes|no", "[ab]{2,5}é?", "(true|false|null)[^x]{0,3}", "a*"])
  func `every mask equals the result of trying each token, and every finished text matches`(expression: String) throws {
    let grammar = try pattern(expression)
    let regex = try NSRegularExpression(pattern: "\\A(?:\(expression))\\z")
    var seed: UInt64 = 5
    for _ in 0..<20 {
      var matcher = matcher(grammar)
      var text: [UInt8] = []
      for _ in 0..<40 {
        var slow = grammar.slowMask(matcher, vocabularySize: Words.size, bytes: Words.bytes)
        if matcher.isComplete { slow.insert(Words.stop) }
        let mask = matcher.allowed()
        let allowed = (0..<TokenID(Words.size)).filter { mask?.contains($0) == true }
        #expect(allowed == (0..<TokenID(Words.size)).filter { slow.contains($0) } || allowed == [Words.stop])
        seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        let id = allowed[Int(seed >> 33) % allowed.count]
        if id == Words.stop { break }
        text += Words.bytes(of: id)
        matcher.advance(past: id)
      }
      guard matcher.isComplete else { continue }
      let whole = String(decoding: text, as: UTF8.self)
      #expect(regex.firstMatch(in: whole, range: NSRange(whole.startIndex..., in: whole)) != nil, "\(whole)")
    }
  }
}
