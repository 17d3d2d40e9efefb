// A strict RFC 8259 parser over bytes: one pass, bounded depth, validated UTF-8, and no trailing commas, comments,
// NaN or duplicate names. Every error has a byte offset. Foundation's decoder loses the member order and does not
// report ignored names.

import Text

/// The reason why a text is not valid JSON.
package struct JSONError: Error, Equatable, CustomStringConvertible {
  package var reason: String
  /// The offset of the invalid byte from the start of the text.
  package var offset: Int

  package init(reason: String, offset: Int) { (self.reason, self.offset) = (reason, offset) }

  package var description: String { "\(reason) at byte \(offset)" }
}

/// Limits on parsing an untrusted text.
package struct JSONLimits: Sendable {
  /// The nesting depth of arrays and objects.
  package var depth = 64
  /// The number of values in the document.
  package var values = 4_000_000

  package init(depth: Int = 64, values: Int = 4_000_000) {
    self.depth = depth
    self.values = values
  }
}

extension JSONValue {
  /// Parses a complete document. Throws `JSONError` at the first byte that is invalid or beyond a limit, or with
  /// "stopped" if `shouldStop`, which is called every few hundred microseconds, returns true.
  package init(
    parsing bytes: [UInt8], limits: JSONLimits = JSONLimits(), shouldStop: () -> Bool = { false }
  ) throws(JSONError) {
    // `withUnsafeBytes` does not support typed errors, so the error is returned as a value.
    let result = bytes.withUnsafeBytes { buffer in
      Result { () throws(JSONError) -> JSONValue in
        try JSONValue(parsing: buffer, limits: limits, shouldStop: shouldStop)
      }
    }
    self = try result.get()
  }

  /// Parses a complete document.
  package init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
    try self.init(parsing: Array(text.utf8), limits: limits)
  }

  /// Parses a complete document in `buffer`, for instance a mapped file. Skips a byte order mark, RFC 8259 8.1.
  package init(
    parsing buffer: UnsafeRawBufferPointer, limits: JSONLimits = JSONLimits(), shouldStop: () -> Bool = { false }
  ) throws(JSONError) {
    self = try withoutActuallyEscaping(shouldStop) { shouldStop throws(JSONError) in
      var parser = JSONParser(bytes: buffer, limits: limits, shouldStop: shouldStop)
      return try parser.document()
    }
  }
}

/// The position and the document's structure. Separate files parse strings and numbers.
struct JSONParser {
  let bytes: UnsafeRawBufferPointer
  let limits: JSONLimits
  let shouldStop: () -> Bool
  var at = 0
  var count = 0
  /// The offset at which `shouldStop` is called next.
  private var checkpoint = Self.stride
  /// The number of bytes between two calls of `shouldStop`.
  private static let stride = 1 << 16
  private static let byteOrderMark: [UInt8] = [0xEF, 0xBB, 0xBF]

  init(bytes: UnsafeRawBufferPointer, limits: JSONLimits, shouldStop: @escaping () -> Bool) {
    self.bytes = bytes
    self.limits = limits
    self.shouldStop = shouldStop
  }

  mutating func document() throws(JSONError) -> JSONValue {
    if bytes.starts(with: Self.byteOrderMark) { at = Self.byteOrderMark.count }
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
    if count > limits.values {
      throw JSONError(reason: "the document must have at most \(limits.values) values", offset: at)
    }
    if at >= checkpoint {
      checkpoint = at + Self.stride
      if shouldStop() { throw JSONError(reason: "stopped", offset: at) }
    }
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

  private mutating func word(_ text: StaticString, _ value: JSONValue) throws(JSONError) -> JSONValue {
    for position in 0..<text.utf8CodeUnitCount {
      if next != text.utf8Start[position] { throw fail("expected \"\(text)\"") }
      at += 1
    }
    return value
  }

  private mutating func object(depth: Int) throws(JSONError) -> JSONObject {
    if depth > limits.depth { throw fail("arrays and objects may be nested at most \(limits.depth) deep") }
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

  private mutating func array(depth: Int) throws(JSONError) -> [JSONValue] {
    if depth > limits.depth { throw fail("arrays and objects may be nested at most \(limits.depth) deep") }
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
}
