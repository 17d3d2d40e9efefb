import JSON
import Testing

@Suite struct `JSON texts` {
  @Test func `written values are read back with members in order`() throws {
    let text = #"{"z":1,"a":[true,false,null,-3,2.5,1e+30],"é":"\"\\\n\u0001😀"}"#
    let value = try JSONValue(parsing: text)
    #expect(value.object?.names == ["z", "a", "é"])
    #expect(try JSONValue(parsing: value.encoded) == value)
    #expect(try JSONValue(parsing: value.pretty()) == value)
    #expect(String(decoding: value.encoded, as: UTF8.self) == text)
  }

  @Test func `escapes, surrogate pairs and lone surrogates are decoded`() throws {
    #expect(try JSONValue(parsing: #""\ud83d\ude00\u00e9\/\b\f""#) == "\u{1F600}é/\u{8}\u{C}")
    #expect(try JSONValue(parsing: #""\ud83dx\ud83d\u0041\udc00""#) == "\u{FFFD}x\u{FFFD}A\u{FFFD}")
  }

  @Test func `escapes of every kind are decoded between texts of any length`() throws {
    for length in 0..<20 {
      let run = String(repeating: "a", count: length)
      let text = "\"\(run)\\n\(run)é\\u65e5\(run)\\ud83d\\ude00\(run)\\\"\""
      #expect(try JSONValue(parsing: text).string == "\(run)\n\(run)é日\(run)😀\(run)\"")
    }
  }

  @Test(arguments: [
    (#""ab\x""#, "a string contains an invalid escape", 4), (#""ab\u00g0""#, "expected four hexadecimal digits", 7),
    (#""\ud83d\u12""#, "expected four hexadecimal digits", 11), (#""\n\ud83d\"#, "unexpected end", 10),
    (#""\na"#, "the string that begins at byte 0 is not closed", 4),
    ("\"\\n\u{1}\\x\"", "a string contains an unescaped control character", 3),
    ("\"\\x\u{1}\"", "a string contains an invalid escape", 2),
  ])
  func `the first error in a string with escapes is reported with its offset`(text: String, reason: String, offset: Int)
  {
    #expect(throws: JSONError(reason: reason, offset: offset)) { try JSONValue(parsing: text) }
  }

  @Test func `invalid UTF-8 after an escape is reported at the start of its run`() {
    #expect(throws: JSONError(reason: "a string contains invalid UTF-8", offset: 3)) {
      try JSONValue(parsing: Array("\"\\n".utf8) + [0xE6, 0x97] + Array("\\u0041\"".utf8))
    }
  }

  @Test(arguments: [
    "0.1", "-0.1", "0.000000000000001", "999999999999999.0", "99999999999999.9", "1234567.8901234",
    "0.30000000000000004",
    "123456789.12345678", "1e22", "4.35", "0.125", "-0.0",
  ])
  func `decimal numbers are rounded to the nearest double`(text: String) throws {
    #expect(try JSONValue(parsing: text) == .number(try #require(Double(text))))
  }

  @Test func `a parser stops at once when requested`() {
    let text = Array(("[" + String(repeating: "0,", count: 1_000_000) + "0]").utf8)
    var asked = 0
    #expect(throws: JSONError(reason: "stopped", offset: 65536 + 1)) {
      try JSONValue(
        parsing: text,
        shouldStop: {
          asked += 1; return true
        })
    }
    #expect(asked == 1)
  }

  @Test func `a repeated name is shortened in the error, however long its first character is`() {
    let name = "a" + String(repeating: "\u{300}", count: 100_000)
    #expect {
      try JSONValue(parsing: "{\"\(name)\":1,\"\(name)\":2}")
    } throws: { "\($0)".utf8.count < 300 }
  }

  @Test(arguments: [
    "", " ", "{", "[1,]", "{\"a\":1,}", "01", "1.", ".5", "+1", "1e", "-", "nul", "truex", "\"a", "\"\\x\"",
    "\"\\u12g4\"", "'a'",
    "{\"a\" 1}", "{a:1}", "[1 2]", "1 2", "NaN", "Infinity", "1e999", "\"\u{1}\"", "{\"a\":1,\"a\":2}", "// c",
    "[\"a\"", "\u{FEFF}", "\u{FEFF}\u{FEFF}1", "1\u{FEFF}", " \u{FEFF}1",
  ])
  func `malformed text is rejected`(text: String) {
    #expect(throws: JSONError.self) { try JSONValue(parsing: text) }
  }

  @Test func `a byte order mark is skipped and counted in offsets`() throws {
    #expect(try JSONValue(parsing: "\u{FEFF} {\"a\":1}") == ["a": 1])
    #expect(throws: JSONError(reason: "expected a value", offset: 4)) { try JSONValue(parsing: "\u{FEFF}[x]") }
  }

  @Test func `every prefix of a document is rejected without a crash`() throws {
    let text = Array(#"{"a":[1,-2.5e3,"x\u00e9\n",{"b":null}],"c":true}"#.utf8)
    for length in 0..<text.count {
      #expect(throws: JSONError.self) { try JSONValue(parsing: Array(text[..<length])) }
    }
    _ = try JSONValue(parsing: text)
  }

  @Test func `invalid UTF-8 is rejected with its offset`() {
    #expect(throws: JSONError(reason: "a string contains invalid UTF-8", offset: 1)) {
      try JSONValue(parsing: [0x22, 0xFF, 0x22])
    }
  }

  @Test func `depth and number of values are limited`() throws {
    let deep = String(repeating: "[", count: 65) + String(repeating: "]", count: 65)
    #expect(throws: JSONError(reason: "arrays and objects may be nested at most 64 deep", offset: 64)) {
      try JSONValue(parsing: deep)
    }
    #expect(throws: JSONError.self) { try JSONValue(parsing: "[1,2,3]", limits: JSONLimits(values: 3)) }
  }

  @Test func `integers keep 64 bits and other numbers are doubles`() throws {
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
  func `names and values full of combining marks cost no more than others`(others: Int) throws {
    // Two names of 2 MB with marks in non-canonical order, which differ in the last byte.
    let marks = "a" + String(repeating: "\u{301}\u{316}", count: 500_000)
    let rest = (0..<others).map { ",\"n\($0)\":0" }.joined()
    let value = try JSONValue(parsing: "{\"\(marks)x\":\"\(marks)x\",\"\(marks)y\":\"\(marks)y\"\(rest)}")
    #expect(value[marks + "y"] == .string(marks + "y"))
    #expect(value[marks + "x"] != value[marks + "y"])
    let error = #expect(throws: JSONError.self) {
      try JSONValue(parsing: "{\"\(marks)\":1,\"\(marks)\":2\(rest)}")
    }
    // The error shows the first bytes of the name, although it is a single Character.
    #expect((error?.reason.utf8.count ?? .max) < 100)
  }

  @Test func `members of a large object can be found, replaced and removed`() {
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
