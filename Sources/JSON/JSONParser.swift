// A strict RFC 8259 parser over bytes: one pass, bounded depth, no trailing commas, comments, NaN or duplicate names, UTF-8
// validated. Every error names the byte offset. Foundation's decoder loses member order and cannot say which names it ignored.

import Text

/// Why a text is not the JSON that was asked for.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  package var reason: String
  /// Offset of the offending byte from the start of the text.
  package var offset: Int

  package init(reason: String, offset: Int) { (self.reason, self.offset) = (reason, offset) }

  package var description: String { "\(reason) at byte \(offset)" }
}

/// Bounds on what a parser builds from an untrusted text.
package struct JSONLimits: Sendable {
  /// Containers open at once.
  package var depth = 64
  /// Values in the whole document.
  package var values = 4_000_000

  package init(depth: Int = 64, values: Int = 4_000_000) {
    self.depth = depth
    self.values = values
  }
}

extension JSONValue {
  /// Parses one whole document. Throws `JSONError` at the first byte that is wrong or beyond a limit.
  package init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
    // `withUnsafeBytes` does not carry typed errors, so the error travels as a value.
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) -> JSONValue in try JSONValue(parsing: buffer, limits: limits) }
    }
    self = try result.get()
  }

  /// Parses one whole document.
  package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }

  /// Parses one whole document held in `buffer`, for instance a mapped file.
  package init(parsing buffer: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    var parser = JSONParser(bytes: buffer, limits: limits)
    self = try parser.document()
  }
}

private struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let limits: JSONLimits
  var at = 0
  var count = 0

  init(bytes: UnsafeRawBufferPointer, limits: JSONLimits) {
    self.bytes = bytes
    self.limits = limits
  }

  mutating func document() throws(JSONError) -> JSONValue {
    skipSpace()
    let value = try self.value(depth: 0)
    skipSpace()
    if at < bytes.count { throw fail("unexpected content after the document") }
    return value
  }

  func fail(_ reason: String) -> JSONError {
    JSONError(reason: at < bytes.count ? reason : "unexpected end", offset: at)
  }

  var next: UInt8 { at < bytes.count ? bytes[at] : 0 }

  mutating func skipSpace() {
    while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0A || bytes[at] == 0x0D || bytes[at] == 0x09 { at += 1 }
  }

  mutating func value(depth: Int) throws(JSONError) -> JSONValue {
    count += 1
    if count > limits.values { throw JSONError(reason: "more than \(limits.values) values", offset: at) }
    switch next {
    case UInt8(ascii: "{"): return .object(try object(depth: depth + 1))
    case UInt8(ascii: "["): return .array(try array(depth: depth + 1))
    case UInt8(ascii: "\""): return .string(try string())
    case UInt8(ascii: "t"): return try word("true", .bool(true))
    case UInt8(ascii: "f"): return try word("false", .bool(false))
    case UInt8(ascii: "n"): return try word("null", .null)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
    default: throw fail("expected a value")
    }
  }

  mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for position in 0..<text.utf8CodeUnitCount {
      if next != text.utf8Start[position] { throw fail("expected \"\(text)\"") }
      at += 1
    }
    return value
  }

  mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    if depth > limits.depth { throw fail("nested deeper than \(limits.depth)") }
    var object = JSONObject()
    at += 1
    skipSpace()
    if next == UInt8(ascii: "}") { at += 1; return object }
    while true {
      let start = at
      if next != UInt8(ascii: "\"") { throw fail("expected a member name") }
      let name = try string()
      skipSpace()
      if next != UInt8(ascii: ":") { throw fail("expected ':'") }
      at += 1
      skipSpace()
      let value = try self.value(depth: depth)
      if !object.insert(name, value) {
        throw JSONError(reason: "the name \"\(name.excerpt(64))\" appears twice", offset: start)
      }
      skipSpace()
      let separator = next
      if separator != UInt8(ascii: ","), separator != UInt8(ascii: "}") { throw fail("expected ',' or '}'") }
      at += 1
      if separator == UInt8(ascii: "}") { return object }
      skipSpace()
    }
  }

  mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    if depth > limits.depth { throw fail("nested deeper than \(limits.depth)") }
    var array: [JSONValue] = []
    at += 1
    skipSpace()
    if next == UInt8(ascii: "]") { at += 1; return array }
    while true {
      array.append(try value(depth: depth))
      skipSpace()
      let separator = next
      if separator != UInt8(ascii: ","), separator != UInt8(ascii: "]") { throw fail("expected ',' or ']'") }
      at += 1
      if separator == UInt8(ascii: "]") { return array }
      skipSpace()
    }
  }

  mutating func number() throws(JSONError) -> JSONValue {
    let start = at
    var whole = true
    if next == UInt8(ascii: "-") { at += 1 }
    if next == UInt8(ascii: "0") { at += 1 } else { try digits() }
    if next == UInt8(ascii: ".") { whole = false; at += 1; try digits() }
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      whole = false
      at += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
      try digits()
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if whole, let integer = Int64(text) { return .integer(integer) }
    guard at - start <= 512, let number = Double(text), number.isFinite else {
      throw JSONError(reason: "the number is out of range", offset: start)
    }
    return .number(number)
  }

  mutating func digits() throws(JSONError) {
    if !isDigit(next) { throw fail("expected a digit") }
    while isDigit(next) { at += 1 }
  }

  func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }

  /// A string from its opening quote. Runs without an escape are taken whole, so a 30 MB data URI costs one copy.
  mutating func string() throws(JSONError) -> String {
    let opening = at
    at += 1
    var start = at
    var pieces = ""
    while true {
      while at < bytes.count, bytes[at] != UInt8(ascii: "\""), bytes[at] != UInt8(ascii: "\\"), bytes[at] >= 0x20 {
        at += 1
      }
      if at >= bytes.count {
        throw JSONError(reason: "the string that opens at byte \(opening) does not end", offset: at)
      }
      let run = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
      guard let text = String(validating: run.bindMemory(to: UInt8.self), as: UTF8.self) else {
        throw JSONError(reason: "invalid UTF-8 in a string", offset: start)
      }
      switch bytes[at] {
      case UInt8(ascii: "\""):
        at += 1
        return pieces.isEmpty ? text : pieces + text
      case UInt8(ascii: "\\"):
        pieces += text
        at += 1
        try escape(into: &pieces)
        start = at
      default: throw fail("unescaped control character in a string")
      }
    }
  }

  mutating func escape(into text: inout String) throws(JSONError) {
    let letter = next
    at += 1
    switch letter {
    case UInt8(ascii: "\""): text.append("\"")
    case UInt8(ascii: "\\"): text.append("\\")
    case UInt8(ascii: "/"): text.append("/")
    case UInt8(ascii: "b"): text.append("\u{08}")
    case UInt8(ascii: "f"): text.append("\u{0C}")
    case UInt8(ascii: "n"): text.append("\n")
    case UInt8(ascii: "r"): text.append("\r")
    case UInt8(ascii: "t"): text.append("\t")
    case UInt8(ascii: "u"):
      var code = try hexadecimal()
      if code & 0xFC00 == 0xD800, next == UInt8(ascii: "\\"), at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "u") {
        let mark = at
        at += 2
        let low = try hexadecimal()
        if low & 0xFC00 == 0xDC00 { code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF) } else { at = mark }
      }
      // A lone surrogate has no UTF-8 form; the replacement character stands for it.
      text.unicodeScalars.append(Unicode.Scalar(code) ?? "\u{FFFD}")
    default:
      at -= 1
      throw fail("invalid escape in a string")
    }
  }

  mutating func hexadecimal() throws(JSONError) -> UInt32 {
    var code: UInt32 = 0
    for _ in 0..<4 {
      guard at < bytes.count, let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue else {
        throw fail("expected four hexadecimal digits")
      }
      code = code << 4 | UInt32(digit)
      at += 1
    }
    return code
  }
}
