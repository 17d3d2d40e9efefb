// Incremental reading of a tool call's JSON: its head, and the end of its arguments.
import JSON

/// Tracks the nesting within the text of a JSON object.
struct JSONScope: Sendable {
  private var depth = 0
  private var isString = false, isEscape = false
  private(set) var isClosed = false

  /// Takes the next byte of the object.
  mutating func take(_ byte: UInt8) {
    if isEscape { isEscape = false; return }
    switch byte {
    case UInt8(ascii: "\\") where isString: isEscape = true
    case UInt8(ascii: "\""): isString.toggle()
    case UInt8(ascii: "{") where !isString, UInt8(ascii: "[") where !isString: depth += 1
    case UInt8(ascii: "}") where !isString, UInt8(ascii: "]") where !isString:
      depth -= 1
      isClosed = depth <= 0
    default: break
    }
  }
}

/// Reads the head of a call that may be incomplete.
struct CallHead {
  enum Miss: Error { case incomplete, mismatch }

  let bytes: [UInt8]
  var at = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  var peek: UInt8? { at < bytes.count ? bytes[at] : nil }

  mutating func skipWhite() {
    while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { at += 1 }
  }

  /// Reads `{"name": "NAME"` and returns the name.
  mutating func nameOfCall() throws(Miss) -> String {
    try expect("{")
    try expect("\"name\"")
    try expect(":")
    return try string()
  }

  mutating func expect(_ text: String) throws(Miss) {
    skipWhite()
    for wanted in text.utf8 {
      guard let byte = peek else { throw .incomplete }
      guard byte == wanted else { throw .mismatch }
      at += 1
    }
  }

  /// Reads a short JSON string.
  mutating func string() throws(Miss) -> String {
    skipWhite()
    let start = at
    try expect("\"")
    while let byte = peek {
      at += byte == UInt8(ascii: "\\") ? 2 : 1
      if byte == UInt8(ascii: "\"") {
        guard let text = try? JSONValue(parsing: Array(bytes[start..<at])).string else { throw .mismatch }
        return text
      }
      if at - start > 1024 { throw .mismatch }
    }
    throw .incomplete
  }
}
