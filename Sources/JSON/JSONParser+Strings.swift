// Strings at the speed of memory: one scan for the closing quote, one pass that decodes escapes into a buffer, one validation.
// What is wrong with a malformed string is found by a second reader, run by run, so that the common path need not know.
import Text

extension JSONParser {
  /// A string from its opening quote.
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

  /// The position of the next quote, backslash or control character, or the end.
  private static func endOfRun(_ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
    var at = start
    // Eight bytes at once: a byte below 0x20, or equal to a special one, sets its top bit in the test.
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

  /// The quote that ends a string with escapes; nil where there is none or a control character stands before it.
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

  /// The text of a string's inside; nil where an escape or the UTF-8 is invalid. No escape is shorter than what it stands for.
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
        // A lone surrogate has no UTF-8 form; the replacement character stands for it.
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

  /// Four hexadecimal digits at `start`.
  private static func hexadecimal(_ bytes: UnsafeRawBufferPointer, _ start: Int) -> UInt32? {
    guard start + 4 <= bytes.count, let a = digit(bytes[start]), let b = digit(bytes[start + 1]),
      let c = digit(bytes[start + 2]), let d = digit(bytes[start + 3])
    else { return nil }
    return a << 12 | b << 8 | c << 4 | d
  }

  // MARK: What is wrong

  /// The first fault of the malformed string at `at`. Runs between escapes are checked one after the other.
  private mutating func fault() -> JSONError {
    let opening = at
    at += 1
    while true {
      let start = at
      at = Self.endOfRun(bytes, from: start)
      if at >= bytes.count {
        return JSONError(reason: "the string that opens at byte \(opening) does not end", offset: at)
      }
      let run = UnsafeRawBufferPointer(rebasing: bytes[start..<at])
      if String(validating: run.bindMemory(to: UInt8.self), as: UTF8.self) == nil {
        return JSONError(reason: "invalid UTF-8 in a string", offset: start)
      }
      guard bytes[at] == 0x5C else { return fail("unescaped control character in a string") }
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
        return fail("invalid escape in a string")
      }
    }
  }
}
