import API
import Testing

private func keys(_ file: String) throws -> APIKeys {
  var keys = APIKeys()
  try keys.add(file: Array(file.utf8), source: "keys")
  return keys
}

@Suite struct `Reading API keys` {
  @Test(arguments: [
    "one:secret1\ntwo:secret2\n", "one:secret1\r\ntwo:secret2\r\n", "\u{FEFF}one:secret1\ntwo:secret2",
    "  one : secret1 \t\n\n# three:x\n two:\tsecret2  ",
    "\u{FEFF}# written by an editor\r\none:secret1\r\n\r\ntwo:secret2",
  ])
  func `line ends, white space and a byte order mark are not part of a key`(file: String) throws {
    let keys = try keys(file)
    #expect(keys.names == ["one", "two"])
    #expect(keys.name(authorization: "Bearer secret1") == "one")
    #expect(keys.name(authorization: "Bearer secret2") == "two")
    #expect(keys.name(authorization: "Bearer secret3") == nil)
  }

  @Test func `a key may contain colons and spaces`() throws {
    #expect(try keys("a:b:c d").name(authorization: "Bearer b:c d") == "a")
  }

  @Test(arguments: [
    ("one:", "keys line 1: the key is blank"), ("one:  \r\n", "line 1: the key is blank"),
    (":secret", "line 1: a key's name must have 1 to 128 bytes"),
    ("a:x\nsecret", "line 2: must be name:key"), ("a:x\rb:y", "line 1: the key has the byte 0x0D"),
    ("a:x\u{0}y", "the byte 0x00"), ("a:schlüssel", "the byte 0xC3"),
    ("a:x\u{7F}y", "the byte 0x7F"), ("a:x\na:y", "line 2: the name a is used twice"),
    ("a:x\nb:x", "line 2: the key is also that of a"),
    ("", "has no key"), ("# nothing\n\n", "has no key"), ("a\u{1}:x", "without control characters"),
    ("a:" + String(repeating: "k", count: 4090), "at most 4089 bytes, got 4090"),
  ])
  func `an invalid key is rejected with its line number`(file: String, words: String) {
    let fault = #expect(throws: APIKeyFault.self) { try keys(file) }
    #expect(fault?.description.contains(words) == true, "\(String(describing: fault))")
  }

  @Test func `an error message does not contain the key`() {
    let fault = #expect(throws: APIKeyFault.self) { try keys("a:pässword") }
    #expect(fault?.description.contains("ssword") == false)
  }

  @Test func `a file that is not UTF-8 is rejected by name`() {
    var keys = APIKeys()
    // What Windows PowerShell writes by default.
    let fault = #expect(throws: APIKeyFault.self) {
      try keys.add(file: [0xFF, 0xFE, 0x61, 0, 0x3A, 0, 0x62, 0], source: "keys")
    }
    #expect(fault?.description == "keys: the file is not UTF-8")
  }

  @Test func `the longest valid key matches`() throws {
    let key = String(repeating: "k", count: 4089)
    #expect(try keys("a:" + key).name(authorization: "Bearer " + key) == "a")
  }

  @Test func `a line feed at the end of a variable is not part of the key, and one within it is an error`() throws {
    for text in ["sesame\n", "sesame\r\n", " sesame ", "\u{FEFF}sesame"] {
      var keys = APIKeys()
      try keys.add(written: text, name: "default", source: "R4B_API_KEY")
      #expect(keys.name(authorization: "Bearer sesame") == "default")
    }
    for (text, words) in [("\n", "blank"), ("  ", "blank"), ("ses\name", "the byte 0x0A"), ("a\r\nb", "the byte 0x0D")]
    {
      var keys = APIKeys()
      let fault = #expect(throws: APIKeyFault.self) {
        try keys.add(written: text, name: "default", source: "R4B_API_KEY")
      }
      #expect(fault?.description.hasPrefix("R4B_API_KEY: ") == true && fault?.description.contains(words) == true)
    }
  }

  @Test func `a key in the file must differ from the key in the variable`() throws {
    var keys = APIKeys()
    try keys.add(written: "x", name: "default", source: "R4B_API_KEY")
    for file in ["default:y", "a:x"] {
      #expect(throws: APIKeyFault.self) { try keys.add(file: Array(file.utf8), source: "keys") }
    }
  }
}
