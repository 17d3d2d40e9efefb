// Parses numbers. Most are short and exact and are converted digit by digit, without an intermediate text.

extension JSONParser {
  mutating func number() throws(JSONError) -> JSONValue {
    let start = at
    var whole = true
    if next == UInt8(ascii: "-") { at += 1 }
    let first = at
    if next == UInt8(ascii: "0") { at += 1 } else { try digits() }
    let point = at
    if next == UInt8(ascii: ".") { whole = false; at += 1; try digits() }
    let end = at
    if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
      whole = false
      at += 1
      if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
      try digits()
    }
    let isNegative = first > start
    if whole, end - first <= 18 {
      let magnitude = Int64(decimal(first..<end))
      return .integer(isNegative ? -magnitude : magnitude)
    }
    // Fifteen digits are exact in a double, and so are powers of ten up to 22: there is one rounding, which is
    // correct.
    if !whole, at == end, end - first <= 16 {
      let magnitude = Double(decimal(first..<end)) / Self.powers[end - point - 1]
      return .number(isNegative ? -magnitude : magnitude)
    }
    let text = String(decoding: bytes[start..<at], as: UTF8.self)
    if whole, let integer = Int64(text) { return .integer(integer) }
    guard at - start <= 512, let number = Double(text), number.isFinite else {
      throw JSONError(reason: "the number is out of range", offset: start)
    }
    return .number(number)
  }

  private static let powers: [Double] = [
    1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
  ]

  /// Returns the number formed by the digits in `range`, ignoring a point between them.
  private func decimal(_ range: Range<Int>) -> UInt64 {
    var value: UInt64 = 0
    for index in range where bytes[index] != UInt8(ascii: ".") { value = value &* 10 &+ UInt64(bytes[index] &- 0x30) }
    return value
  }

  private mutating func digits() throws(JSONError) {
    if !isDigit(next) { throw fail("expected a digit") }
    while isDigit(next) { at += 1 }
  }

  private func isDigit(_ byte: UInt8) -> Bool { byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") }
}
