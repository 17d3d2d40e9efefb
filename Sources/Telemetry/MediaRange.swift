// The media ranges of an `Accept` field (RFC 9110, 12.5.1): `type/subtype;parameter=value;q=0.5` with wildcards, in any
// order. The parser reads bytes in one pass and skips elements that do not follow the grammar.

import Text

/// One range of media types that a client accepts.
struct MediaRange {
  /// Lower-case text; `*` for any.
  var type: String
  var subtype: String
  /// Parameters before `q`, names in lower case.
  var parameters: [ExactString: String] = [:]
  /// Weight in thousandths; 0 for "not acceptable".
  var quality = 1000

  /// Returns the ranges of a field, in its order.
  static func list(_ field: String) -> [MediaRange] {
    split(Array(field.utf8)[...], at: UInt8(ascii: ",")).compactMap(MediaRange.init)
  }

  private init?(_ bytes: ArraySlice<UInt8>) {
    let parts = Self.split(bytes, at: UInt8(ascii: ";"))
    guard let name = parts.first, let slash = name.firstIndex(of: UInt8(ascii: "/")) else { return nil }
    guard let type = Self.token(name[..<slash]), let subtype = Self.token(name[(slash + 1)...]) else { return nil }
    if type.utf8.elementsEqual("*".utf8), !subtype.utf8.elementsEqual("*".utf8) { return nil }
    (self.type, self.subtype) = (type, subtype)
    for part in parts.dropFirst() where !part.isEmpty {
      guard let equals = part.firstIndex(of: UInt8(ascii: "=")), let name = Self.token(part[..<equals]) else {
        return nil
      }
      let value = Self.trimmed(part[(equals + 1)...])
      if name.utf8.elementsEqual("q".utf8) {
        guard let quality = Self.quality(value) else { return nil }
        self.quality = quality
        // Parameters after the weight do not belong to the type.
        return
      }
      let isQuoted = value.count >= 2 && value.first == UInt8(ascii: "\"") && value.last == UInt8(ascii: "\"")
      parameters[name] = String(decoding: isQuoted ? value.dropFirst().dropLast() : value, as: UTF8.self)
    }
  }

  /// How specifically this range names `type/subtype` in `version`: 0 for any type, 1 for any subtype, 2 for the type
  /// itself, 3 with its version; nil if it excludes it.
  func specificity(_ type: String, _ subtype: String, versions: Set<ExactString>) -> Int? {
    if self.type.utf8.elementsEqual("*".utf8) { return 0 }
    guard self.type.utf8.elementsEqual(type.utf8) else { return nil }
    if self.subtype.utf8.elementsEqual("*".utf8) { return 1 }
    guard self.subtype.utf8.elementsEqual(subtype.utf8) else { return nil }
    guard let version = parameters["version"] else { return 2 }
    return versions.contains(version) ? 3 : nil
  }

  /// Parses `0`, `0.5` or `1.000` as thousandths.
  private static func quality(_ bytes: ArraySlice<UInt8>) -> Int? {
    guard let first = bytes.first, first == UInt8(ascii: "0") || first == UInt8(ascii: "1") else { return nil }
    let rest = bytes.dropFirst()
    var digits = rest.dropFirst()
    guard rest.isEmpty || rest.first == UInt8(ascii: "."), digits.count <= 3 else { return nil }
    var value = Int(first - UInt8(ascii: "0"))
    for _ in 0..<3 {
      let digit = digits.popFirst() ?? UInt8(ascii: "0")
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
      value = value * 10 + Int(digit - UInt8(ascii: "0"))
    }
    return value <= 1000 ? value : nil
  }

  /// Splits at separators outside quotes.
  private static func split(_ bytes: ArraySlice<UInt8>, at separator: UInt8) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = bytes.startIndex, isQuoted = false, isEscaped = false
    for index in bytes.indices {
      let byte = bytes[index]
      if isEscaped {
        isEscaped = false
      } else if isQuoted, byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if byte == UInt8(ascii: "\"") {
        isQuoted.toggle()
      } else if byte == separator, !isQuoted {
        parts.append(trimmed(bytes[start..<index]))
        start = index + 1
      }
    }
    return parts + [trimmed(bytes[start...])]
  }

  private static func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    guard let first = bytes.firstIndex(where: { !isSpace($0) }), let last = bytes.lastIndex(where: { !isSpace($0) })
    else { return [] }
    return bytes[first...last]
  }

  /// A token in lower case (RFC 9110 5.6.2); nil for anything else.
  private static func token(_ bytes: ArraySlice<UInt8>) -> String? {
    let isToken = { (byte: UInt8) in (0x21...0x7E).contains(byte) && !"()<>@,;:\\\"/[]?={}".utf8.contains(byte) }
    guard !bytes.isEmpty, bytes.count <= 127, bytes.allSatisfy(isToken) else { return nil }
    return String(decoding: bytes.map { (0x41...0x5A).contains($0) ? $0 | 0x20 : $0 }, as: UTF8.self)
  }
}
