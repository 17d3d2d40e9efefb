import JSON
import Testing

@Suite struct `JSON texts` {
  @Test func `what was written is read back, members in order`() throws {
    let text = #"{"z":1,"a":[true,false,null,-3,2.5,1e+30],"é":"\"\\\n\u0001😀"}"#
    let value = try JSONValue(parsing: text)
    #expect(value.object?.names == ["z", "a", "é"])
    #expect(try JSONValue(parsing: value.encoded) == value)
    #expect(try JSONValue(parsing: value.pretty()) == value)
    #expect(String(decoding: value.encoded, as: UTF8.self) == text)
  }

  @Test func `escapes, surrogate pairs and lone surrogates become scalars`() throws {
    #expect(try JSONValue(parsing: #""\ud83d\ude00\u00e9\/\b\f""#) == "\u{1F600}é/\u{8}\u{C}")
    #expect(try JSONValue(parsing: #""\ud83dx\ud83d\u0041\udc00""#) == "\u{FFFD}x\u{FFFD}A\u{FFFD}")
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "1e", "-", "nul", "truex", "\"a", "\"\\x\"",
    "\"\\u12g4\"", "'a'",
    "{\"a\" 1}", "{a:1}", "[1 2]", "1 2", "NaN", "Infinity", "1e999", "\"\u{1}\"", "{\"a\":1,\"a\":2}", "// c",
    "[\"a\"", "\u{FEFF}1",
  ])
  func `malformed text is refused`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test func `every prefix of a document is refused and no prefix crashes`() throws {
    let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"c":true}"#.utf8)
    for length in 0..<text.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text[..<length])) }
    }
    _ = try JSONValue(parsing: text)
  }

  @Test func `invalid UTF-8 is refused with its place`() {
    #expect(throws: JSONError(reason: "invalid UTF-8 in a string", offset: 1)) {
      try JSONValue(parsing: [0x22, 0xFF, 0x22])
    }
  }

  @Test func `depth and value counts are bounded`() throws {
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(throws: JSONError(reason: "nested deeper than 64", offset: 64)) { try JSONValue(parsing: deep) }
    #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: JSONLimits(values: 3)) }
  }

  @Test func `whole numbers keep 64 bits and others are doubles`() throws {
    #expect(try JSONValue(parsing: "9223372036854775807") == .integer(.max))
    #expect(try JSONValue(parsing: "9223372036854775808").double == 9_223_372_036_854_775_808)
    #expect(try JSONValue(parsing: "3.0").int == 3)
    #expect(try JSONValue(parsing: "3.5").int == nil)
  }

  @Test(arguments: [0, 20])
  func `names that are equal only after normalisation are different members`(others: Int) throws {
    let rest = (0..<others).map { ",\"n\($0)\":0" }.joined()
    let value = try JSONValue(parsing: #"{"é":1,"e\u0301":2\#(rest)}"#)
    #expect(value["é"] == 1)
    #expect(value["e\u{301}"] == 2)
    #expect(value != (try JSONValue(parsing: #"{"e\u0301":1,"é":2\#(rest)}"#)))
    #expect(JSONValue.string("é") != "e\u{301}")
    let names = [JSONValue.string("é")]
    #expect(!names.contains("e\u{301}"))
    #expect(throws: JSONError.self) { try JSONValue(parsing: #"{"é":1,"\u00e9":2\#(rest)}"#) }
  }

  @Test(.timeLimit(.minutes(1)), arguments: [0, 20])
  func `hostile names and values cost no more than others`(others: Int) throws {
    // Two names of 2 MB whose marks stand against the canonical order and that differ in the last byte.
    let marks = "a" + String(repeating: "\u{301}\u{316}", count: 500_000)
    let rest = (0..<others).map { ",\"n\($0)\":0" }.joined()
    let value = try JSONValue(parsing: "{\"\(marks)x\":\"\(marks)x\",\"\(marks)y\":\"\(marks)y\"\(rest)}")
    #expect(value[marks + "y"] == .string(marks + "y"))
    #expect(value[marks + "x"] != value[marks + "y"])
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{\"\(marks)\":1,\"\(marks)\":2\(rest)}")
    }
    // The name is shown by its first bytes, although all of it is one Character.
    #expect((error?.reason.utf8.count ?? .max) < 100)
  }

  @Test func `a large object finds, replaces and removes its members`() {
    var object = JSONObject()
    for number in 0..<100 { object["n\(number)"] = .integer(Int64(number)) }
    object["n50"] = nil
    object["n51"] = "x"
    #expect(object.count == 99)
    #expect(object["n50"] == nil)
    #expect(object["n51"] == "x")
    #expect(object["n99"] == 99)
    #expect(object.names[50] == "n51")
  }
}
