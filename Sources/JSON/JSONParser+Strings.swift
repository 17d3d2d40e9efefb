// Parses strings at memory speed: a scan for the closing quote, a pass that decodes escapes into a buffer, and a
// validation. A second, slower reader locates the error in a malformed string, so that the common path need not track
// it.
import Text

extension JSONParser {
  /// Parses a string from its opening quote.
  mutating func string() throws(JSONError) -> String {
    let opening = at
    let start = at + 1
    let end = Self.endOfRun(bytes, from: start)
    if end < bytes.count, bytes[end] == UInt8(ascii: "\"") {
      at = end + 1
      let run = UnsafeRawBufferPointer(rebasing: bytes[start..<end])
      if let text = String(validating: run.bindMemory(to: UInt8.self), as: UTF8.self) { return text }
    } else if end < bytes.count, bytes[end] == UInt8(ascii: "\\"), let closing = Self.closingQuote(bytes, from: end) {
      at = closing + 1
      if let text = Self.decode(UnsafeRawBufferPointer(rebasing: bytes[start..<closing])) { return text }
    }
    at = opening
    throw fault()
  }

  /// Returns the offset of the next quote, backslash or control character, or the end.
  private static func endOfRun(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    // Tests eight bytes at once: a byte below 0x20 or equal to a special one sets its top bit.
    let ones: UInt64 = 0x0101_0101_0101_0101, tops: UInt64 = 0x8080_8080_8080_8080
    while at + 8 <= bytes.count {
      let word = bytes.loadUnaligned(fromByteOffset: at, as: UInt64.self)
      let quote = word ^ (ones &* 0x22), backslash = word ^ (ones &* 0x5C)
      let found =
        (word &- ones &* 0x20) & ~word | (quote &- ones) & ~quote | (backslash &- ones) & ~backslash
      if found & tops != 0 { break }
      at += 8
    }
    while at < bytes.count, bytes[at] != 0x22, bytes[at] != 0x5C, bytes[at] >= 0x20 { at += 1 }
    return at
  }

  /// Returns the quote that ends a string with escapes; nil if there is none or a control character precedes it.
  private static func closingQuote(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int? {
    var at = start
    while at < bytes.count {
      let byte = bytes[at]
      if byte == 0x22 { return at }
      if byte < 0x20 { return nil }
      at += byte == 0x5C ? 2 : 1
    }
    return nil
  }

  /// Decodes the content of a string; nil if an escape or the UTF-8 is invalid. An escape is never shorter than its
  /// result.
  private static func decode(_ inside: UnsafeRawBufferPointer) -> String? {
    withUnsafeTemporaryAllocation(of: UInt8.self, capacity: inside.count) { output -> String? in
      var (from, to) = (0, 0)
      while from < inside.count {
        let byte = inside[from]
        guard byte == 0x5C else {
          output[to] = byte
          (from, to) = (from + 1, to + 1)
          continue
        }
        guard from + 1 < inside.count else { return nil }
        let letter = inside[from + 1]
        guard letter == UInt8(ascii: "u") else {
          guard let plain = plainEscape(letter) else { return nil }
          output[to] = plain
          (from, to) = (from + 2, to + 1)
          continue
        }
        guard var code = hexadecimal(inside, from + 2) else { return nil }
        from += 6
        if code & 0xFC00 == 0xD800, from + 1 < inside.count, inside[from] == 0x5C, inside[from + 1] == UInt8(ascii: "u")
        {
          guard let low = hexadecimal(inside, from + 2) else { return nil }
          if low & 0xFC00 == 0xDC00 {
            code = 0x10000 + (code & 0x3FF) << 10 + (low & 0x3FF)
            from += 6
          }
        }
        // A lone surrogate has no UTF-8 form, so the replacement character is used.
        if code & 0xFFFF_F800 == 0xD800 { code = 0xFFFD }
        to = write(code, to: output, at: to)
      }
      return String(validating: UnsafeBufferPointer(rebasing: output[..<to]), as: UTF8.self)
    }
  }

  private static func write(_ code: UInt32, to output: UnsafeMutableBufferPointer<UInt8>, at start: Int) -> Int {
    var at = start
    func put(_ byte: UInt32) {
      output[at] = UInt8(truncatingIfNeeded: byte)
      at += 1
    }
    switch code {
    case ..<0x80: put(code)
    case ..<0x800:
      put(0xC0 | code >> 6)
      put(0x80 | code & 0x3F)
    case ..<0x10000:
      put(0xE0 | code >> 12)
      put(0x80 | code >> 6 & 0x3F)
      put(0x80 | code & 0x3F)
    default:
      put(0xF0 | code >> 18)
      put(0x80 | code >> 12 & 0x3F)
      put(0x80 | code >> 6 & 0x3F)
      put(0x80 | code & 0x3F)
    }
    return at
  }

  private static func plainEscape(_ letter: UInt8) -> UInt8? {
    switch letter {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): letter
    case UInt8(ascii: "b"): 0x08
    case UInt8(ascii: "f"): 0x0C
    case UInt8(ascii: "n"): 0x0A
    case UInt8(ascii: "r"): 0x0D
    case UInt8(ascii: "t"): 0x09
    default: nil
    }
  }

  private static func digit(_ byte: UInt8) -> UInt32? { Hexadecimal.value(of: byte).map(UInt32.init) }

  /// Parses four hexadecimal digits at `start`.
  private static func hexadecimal(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt32? {
    guard start + 4 <= bytes.count, let a = digit(bytes[start]), let b = digit(bytes[start + 1]),
      let c = digit(bytes[start + 2]), let d = digit(bytes[start + 3])
    else { return nil }
    return a << 12 | b << 8 | c << 4 | d
  }

  // MARK: Errors

  /// Returns the first error of the malformed string at `at`, checking the runs between escapes in order.
  private mutating func fault() -> JSONError {
    let opening = at
    at += 1
    while true {
      let start = at
      at = Self.endOfRun(bytes, from: start)
      if at >= bytes.count {
        return JSONError(reason: "the string that begins at byte \(opening) is not closed", offset: at)
      }
      let run = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
      if String(validating: run.bindMemory(to: UInt8.self), as: UTF8.self) == nil {
        return JSONError(reason: "a string contains invalid UTF-8", offset: start)
      }
      guard bytes[at] == 0x5C else { return fail("a string contains an unescaped control character") }
      at += 1
      let letter = next
      if letter == UInt8(ascii: "u") {
        at += 1
        for _ in 0..<4 {
          guard at < bytes.count, Self.digit(bytes[at]) != nil else { return fail("expected four hexadecimal digits") }
          at += 1
        }
      } else if Self.plainEscape(letter) != nil {
        at += 1
      } else {
        return fail("a string contains an invalid escape")
      }
    }
  }
}
