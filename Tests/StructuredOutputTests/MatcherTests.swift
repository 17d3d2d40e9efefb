import Foundation
import GenerationTypes
import JSON
import StructuredOutput
import Testing

/// Schemas whose masks are compared with the slow reference.
private let schemas = [
  #"{"type":"object","properties":{"a":{"type":"string","maxLength":4},"b":{"type":"array","items":{"type":"integer","minimum":-20,"maximum":120},"maxItems":3},"c":{"enum":["a","ab",null]}},"required":["a","c"],"additionalProperties":false}"#,
  #"{"type":"object","properties":{"a":{"type":"integer"}},"additionalProperties":{"type":"boolean"}}"#, "{}",
  #"{"type":"string","pattern":"^a[^b]*b$"}"#, #"{"type":"string","minLength":3}"#,
  ##"{"anyOf":[{"type":"array","items":{"$ref":"#"}},{"type":"number","minimum":-1.5,"maximum":12.5}]}"##,
  #"{"type":"array","items":{"enum":["a","ab","b",12,123,null]},"uniqueItems":true,"minItems":3}"#,
  #"{"type":"array","items":{"type":"string","maxLength":3},"uniqueItems":true}"#,
  #"{"type":"string","pattern":"^(?:ab|é\")*$","minLength":6,"maxLength":900}"#,
  #"{"type":"object","additionalProperties":{"type":"boolean"},"minProperties":2,"maxProperties":4}"#,
  #"{"type":"object","patternProperties":{"^a":{"type":"null"},"b$":{"type":"integer","maximum":120,"minimum":0}},"additionalProperties":false}"#,
  #"{"type":"string","pattern":"^(?!.*ab)[ab\"é]{2,12}$"}"#,
  #"{"type":"array","prefixItems":[{"type":"boolean"},{"type":"null"}],"items":{"type":"string","format":"uuid"},"minItems":2}"#,
]

@Suite struct `Masks` {
  /// Returns the ids of a mask.
  private func ids(_ mask: TokenMask?) -> [TokenID] { (0..<TokenID(Words.size)).filter { mask?.contains($0) == true } }

  @Test(arguments: schemas)
  func `every mask equals the result of trying each token, and leads to an end`(schema: String) throws {
    let grammar = try grammar(schema)
    var seed: UInt64 = 3
    func random(_ count: Int) -> Int {
      seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(seed >> 33) % count
    }
    for _ in 0..<12 {
      var matcher = matcher(grammar)
      var text: [UInt8] = []
      for length in 0..<400 {
        var slow = grammar.slowMask(matcher, vocabularySize: Words.size, bytes: Words.bytes)
        if matcher.isComplete { slow.insert(Words.stop) }
        let allowed = ids(matcher.allowed())
        #expect(allowed == ids(slow), "after \(String(decoding: text, as: UTF8.self))")
        #expect(!allowed.isEmpty)
        // Towards the end, prefer tokens that close something.
        let closing = allowed.filter { $0 == Words.stop || [0x22, 0x7D, 0x5D].contains($0) }
        let pool = length > 30 && !closing.isEmpty ? closing : allowed
        let id = pool[random(pool.count)]
        if id == Words.stop { break }
        text += Words.bytes(of: id)
        matcher.advance(past: id)
      }
      // A finished reply is JSON.
      if matcher.isComplete {
        #expect((try? JSONValue(parsing: text)) != nil, "\(String(decoding: text, as: UTF8.self))")
      }
    }
  }

  @Test func `the cache does not change the masks`() throws {
    let grammar = try grammar(schemas[0])
    for text in ["", "{", #"{"a"#, #"{"a": "x"#, #"{"a": "x", "b": [12"#] {
      var first = matcher(grammar), second = matcher(grammar)
      first.advance(bytes: text.utf8)
      second.advance(bytes: text.utf8)
      let cold = first.allowed()
      #expect(cold == second.allowed() && cold == first.allowed())
    }
  }

  @Test func `lengths are exact near their limits`() throws {
    let grammar = try grammar(#"{"type":"string","minLength":40,"maxLength":41}"#)
    for length in 0...45 {
      var matcher = matcher(grammar)
      let isOpen = matcher.advance(bytes: ("\"" + String(repeating: "é", count: length)).utf8)
      #expect(isOpen == (length <= 41))
      if isOpen {
        #expect(matcher.allowed()?.contains(0x22) == (length >= 40))
        #expect(matcher.allowed()?.contains(0x61) == (length < 41))
        // `ab` is two characters.
        #expect(matcher.allowed()?.contains(TokenID(320 + Words.longer.firstIndex(of: "ab")!)) == (length < 40))
      }
    }
  }

  @Test func `after a token that cannot follow, only the end is allowed`() throws {
    var matcher = matcher(try grammar(#"{"type":"null"}"#))
    matcher.advance(past: 0x78)
    #expect(ids(matcher.allowed()) == [Words.stop] && !matcher.isComplete)
    matcher.advance(past: 0x6E)
    matcher.advance(past: -5)
    matcher.advance(past: 100_000)
    #expect(ids(matcher.allowed()) == [Words.stop])
  }

  @Test func `a complete reply can only end, and an ended one stays ended`() throws {
    var matcher = matcher(try grammar(#"{"type":"null"}"#))
    for byte in "null".utf8 { matcher.advance(past: TokenID(byte)) }
    #expect(matcher.isComplete && ids(matcher.allowed()) == [Words.stop])
    matcher.advance(past: Words.stop)
    #expect(ids(matcher.allowed()) == [Words.stop])
  }

  @Test func `copies are independent`() throws {
    var one = matcher(try grammar(#"{"enum":["ab","cd"]}"#))
    one.advance(past: 0x22)
    var other = one
    one.advance(past: 0x61)
    other.advance(past: 0x63)
    #expect(ids(one.allowed()) == [0x62] && ids(other.allowed()) == [0x64])
  }

  @Test func `a reply can only end if the vocabulary lacks the required bytes`() throws {
    let poor = TokenTrie(vocabularySize: Words.size, excluded: []) { $0 == 0x6E ? [0x6E] : [] }
    var matcher = GrammarMatcher(try grammar(#"{"type":"null"}"#), trie: poor, stop: [Words.stop], bytes: Words.bytes)
    #expect(ids(matcher.allowed()) == [0x6E])
    matcher.advance(past: 0x6E)
    #expect(ids(matcher.allowed()) == [Words.stop])
  }

  @Test func `a token above the length limit is never allowed`() throws {
    let trie = TokenTrie(vocabularySize: 4, excluded: [3]) { id in
      id == 0 ? [0x22] : id == 1 ? Array(repeating: 0x61, count: 100_000) : [0x61]
    }
    var matcher = GrammarMatcher(
      try grammar(#"{"type":"string","minLength":200000}"#), trie: trie, stop: [3], bytes: { [$0 == 0 ? 0x22 : 0x61] })
    matcher.advance(past: 0)
    let allowed = matcher.allowed()
    let mask = try #require(allowed)
    #expect((0..<4 as Range<TokenID>).filter(mask.contains) == [2])
  }

  @Test func `nesting is limited`() throws {
    var matcher = matcher(try grammar("{}"))
    var depth = 0
    while depth < 100, matcher.allowed()?.contains(0x5B) == true {
      matcher.advance(past: 0x5B)
      depth += 1
    }
    #expect(depth == 32)
    for _ in 0..<depth {
      #expect(matcher.allowed()?.contains(0x5D) == true)
      matcher.advance(past: 0x5D)
    }
    #expect(matcher.isComplete)
  }
}

@Suite struct `Calls` {
  private let tools = [
    Grammar.Tool(
      name: "add",
      parameters: [
        "type": "object", "properties": ["a": ["type": "integer"]], "required": ["a"], "additionalProperties": false,
      ],
      path: "tools[0]"),
    Grammar.Tool(name: "no\"op", parameters: nil, path: "tools[1]"),
  ]

  @Test func `one or several calls in Qwen's format are accepted`() throws {
    let grammar = try Grammar(calls: tools, most: 2)
    let call = "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>"
    let other = "<tool_call>\n{\"name\": \"no\\\"op\", \"arguments\": {}}\n</tool_call>"
    #expect(accepts(grammar, call) && accepts(grammar, other) && accepts(grammar, call + "\n" + other))
    #expect(!accepts(grammar, call + "\n" + other + "\n" + call))
    #expect(!accepts(grammar, call + other) && !accepts(grammar, call + "\n") && !accepts(grammar, ""))
    #expect(
      !accepts(grammar, call.replacing("add", with: "sub")) && !accepts(grammar, call.replacing("1", with: "true")))
    #expect(!accepts(try Grammar(calls: tools, most: 1), call + "\n" + call))
  }

  @Test func `the rest of an opened call is accepted`() throws {
    let grammar = try Grammar(calls: tools, afterOpening: true)
    #expect(accepts(grammar, "\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>"))
    #expect(!accepts(grammar, "<tool_call>\n{\"name\": \"add\", \"arguments\": {\"a\": 1}}\n</tool_call>"))
  }

  @Test func `arguments must be an object`() throws {
    let tool = Grammar.Tool(name: "f", parameters: ["type": "array"], path: "tools[0].function.parameters")
    #expect(throws: SchemaError.self) { try Grammar(calls: [tool]) }
    let loose = Grammar.Tool(name: "f", parameters: ["properties": ["a": ["type": "null"]]], path: "p")
    #expect(
      accepts(try Grammar(calls: [loose]), "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": null}}\n</tool_call>")
    )
  }
}
