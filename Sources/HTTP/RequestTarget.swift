// The request target, RFC 9112 3.2: origin form, absolute form and, for OPTIONS, the asterisk form.

import Text

/// The parts of a request target.
struct RequestTarget {
  /// The percent-decoded path; `*` for the asterisk form. Dot segments are not resolved.
  var path: String
  var query: String
  /// The authority of an absolute form. It replaces the Host field.
  var authority: String?

  /// Parses the bytes in `range`. Throws 400 if they are malformed.
  init(_ bytes: Span<UInt8>, _ range: Range<Int>, method: String) throws(HTTPViolation) {
    authority = nil
    query = ""
    if range.count == 1, bytes[range.lowerBound] == 0x2A {
      guard method.exact == "OPTIONS" else { throw .malformed("the request target * is valid only for OPTIONS") }
      path = "*"
      return
    }
    guard method.exact != "CONNECT" else { throw HTTPViolation(501, .unsupported, "CONNECT is not supported") }
    var rest = range
    if bytes[range.lowerBound] != 0x2F {
      let prefix = bytes.schemeLength(range)
      guard prefix > 0 else { throw .malformed("the request target must be a path or an http URL") }
      let start = range.lowerBound + prefix
      var end = start
      while end < range.upperBound, bytes[end] != 0x2F, bytes[end] != 0x3F { end += 1 }
      guard Self.isAuthority(bytes, start..<end) else { throw .malformed("the host of the request target is invalid") }
      authority = bytes.text(start..<end)
      rest = end..<range.upperBound
    }
    let mark = bytes.first(0x3F, in: rest)
    let pathRange = rest.lowerBound..<(mark ?? rest.upperBound)
    if let mark {
      let queryRange = mark + 1..<rest.upperBound
      guard ByteClass.all(bytes, queryRange, of: ByteClass.query) else {
        throw .malformed("the query contains an invalid character")
      }
      query = bytes.text(queryRange)
    }
    path = pathRange.isEmpty ? "/" : try Self.decode(bytes, pathRange)
  }

  /// Whether `range` is a non-empty `uri-host [":" port]` without user information, RFC 9110 7.2.
  static func isAuthority(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Bool {
    guard ByteClass.all(bytes, range, of: ByteClass.host) else { return false }
    var end = range.upperBound
    while end > range.lowerBound, (0x30...0x39).contains(bytes[end - 1]) { end -= 1 }
    if end > range.lowerBound, bytes[end - 1] == 0x3A { end -= 1 } else { end = range.upperBound }
    guard end > range.lowerBound, range.upperBound - end <= 6 else { return false }
    if bytes[range.lowerBound] == 0x5B {
      guard bytes[end - 1] == 0x5D, end - range.lowerBound >= 4 else { return false }
      for index in range.lowerBound + 1..<end - 1 {
        guard Hexadecimal.value(of: bytes[index]) != nil || bytes[index] == 0x3A || bytes[index] == 0x2E else {
          return false
        }
      }
      return true
    }
    for index in range.lowerBound..<end where bytes[index] == 0x3A || bytes[index] == 0x5B || bytes[index] == 0x5D {
      return false
    }
    return true
  }

  private static func decode(_ bytes: Span<UInt8>, _ range: Range<Int>) throws(HTTPViolation) -> String {
    guard ByteClass.all(bytes, range, of: ByteClass.path) else {
      throw .malformed("the path contains an invalid character")
    }
    guard bytes.first(0x25, in: range) != nil else { return bytes.text(range) }
    var decoded: [UInt8] = []
    decoded.reserveCapacity(range.count)
    var index = range.lowerBound
    while index < range.upperBound {
      if bytes[index] != 0x25 {
        decoded.append(bytes[index])
        index += 1
        continue
      }
      guard index + 2 < range.upperBound, let high = Hexadecimal.value(of: bytes[index + 1]),
        let low = Hexadecimal.value(of: bytes[index + 2]), high | low != 0
      else { throw .malformed("the path contains an invalid percent escape") }
      decoded.append(high << 4 | low)
      index += 3
    }
    guard let text = String(validating: decoded, as: UTF8.self) else { throw .malformed("the path is not UTF-8") }
    return text
  }
}

extension Span<UInt8> {
  /// Returns the length of `http://` or `https://` at the start of `range`, or 0.
  fileprivate func schemeLength(_ range: Range<Int>) -> Int {
    if range.count >= 7, matches("http://", range.lowerBound..<range.lowerBound + 7) { return 7 }
    if range.count >= 8, matches("https://", range.lowerBound..<range.lowerBound + 8) { return 8 }
    return 0
  }
}
