// The character classes of RFC 9110 and RFC 3986, one bit each in a table of 256 bytes.

import Text

/// The character classes of bytes in a request.
enum ByteClass {
  /// `tchar`, RFC 9110 5.6.2: methods and field names.
  static let token: UInt8 = 1
  /// `VCHAR`, `obs-text`, space and tab, RFC 9110 5.5: field values.
  static let value: UInt8 = 2
  /// `pchar` and `/`, RFC 3986 3.3. The decoder checks what follows a `%`.
  static let path: UInt8 = 4
  /// Visible ASCII except `#`. Browsers send characters in queries that RFC 3986 does not allow.
  static let query: UInt8 = 8
  /// `reg-name`, IP literals and port: the Host field, RFC 9112 3.2.
  static let host: UInt8 = 16

  private static let table: [UInt8] = {
    let unreserved = "-._~", subDelimiters = "!$&'()*+,;="
    return (0...255).map { (byte: Int) -> UInt8 in
      let letter = (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte) || (0x30...0x39).contains(byte)
      func among(_ text: String) -> Bool { letter || text.utf8.contains(UInt8(byte)) }
      var classes: UInt8 = 0
      if among("!#$%&'*+-.^_`|~") { classes |= token }
      if byte == 0x09 || (0x20...0x7E).contains(byte) || byte >= 0x80 { classes |= value }
      if among(unreserved + subDelimiters + ":@/%") { classes |= path }
      if (0x21...0x7E).contains(byte), byte != 0x23 { classes |= query }
      if among(unreserved + subDelimiters + "%:[]") { classes |= host }
      return classes
    }
  }()

  static func isMember(_ byte: UInt8, of classes: UInt8) -> Bool { table[Int(byte)] & classes != 0 }

  /// Whether all bytes in `range` belong to one of `classes`.
  static func all(_ bytes: Span<UInt8>, _ range: Range<Int>, of classes: UInt8) -> Bool {
    for index in range where table[Int(bytes[index])] & classes == 0 { return false }
    return true
  }
}

extension Span<UInt8> {
  /// Returns the bytes in `range` as text; invalid UTF-8 becomes U+FFFD.
  func text(_ range: Range<Int>) -> String {
    extracting(range).withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
  }

  /// Whether `range` equals lower-case ASCII `text`, ignoring case.
  func matches(_ text: StaticString, _ range: Range<Int>) -> Bool {
    guard range.count == text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { expected in
      for (offset, wanted) in expected.enumerated() {
        let byte = self[range.lowerBound + offset]
        guard (byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte) == wanted else { return false }
      }
      return true
    }
  }

  /// Returns the first position of `byte` in `range`.
  func first(_ byte: UInt8, in range: Range<Int>) -> Int? {
    for index in range where self[index] == byte { return index }
    return nil
  }

  /// Returns `range` without optional white space (OWS: spaces and tabs) at its ends.
  func trimmed(_ range: Range<Int>) -> Range<Int> {
    var (start, end) = (range.lowerBound, range.upperBound)
    while start < end, self[start] == 0x20 || self[start] == 0x09 { start += 1 }
    while end > start, self[end - 1] == 0x20 || self[end - 1] == 0x09 { end -= 1 }
    return start..<end
  }
}
