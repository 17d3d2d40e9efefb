// Writes JSON text: UTF-8, members in order, with only the necessary escapes.
import Text

extension JSONValue {
  /// The shortest JSON text of this value, without white space, as UTF-8.
  package var encoded: [UInt8] {
    var bytes: [UInt8] = []
    write(into: &bytes, indent: nil, level: 0)
    return bytes
  }

  /// Returns JSON text with one member per line and `indent` spaces per level.
  package func pretty(indent: Int = 2) -> String {
    var bytes: [UInt8] = []
    write(into: &bytes, indent: indent, level: 0)
    return String(decoding: bytes, as: UTF8.self)
  }

  /// Appends this value's JSON text. Numbers that JSON cannot represent (NaN, infinities) become null.
  package func write(into bytes: inout [UInt8], indent: Int?, level: Int) {
    switch self {
    case .null: bytes += "null".utf8
    case .bool(let value): bytes += (value ? "true" : "false").utf8
    case .integer(let value): bytes += String(value).utf8
    case .number(let value): bytes += (value.isFinite ? "\(value)" : "null").utf8
    case .string(let value): Self.write(string: value, into: &bytes)
    case .array(let values):
      bytes.append(UInt8(ascii: "["))
      for (position, value) in values.enumerated() {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.newline(into: &bytes, indent, level + 1)
        value.write(into: &bytes, indent: indent, level: level + 1)
      }
      if !values.isEmpty { Self.newline(into: &bytes, indent, level) }
      bytes.append(UInt8(ascii: "]"))
    case .object(let object):
      bytes.append(UInt8(ascii: "{"))
      for position in 0..<object.count {
        if position > 0 { bytes.append(UInt8(ascii: ",")) }
        Self.newline(into: &bytes, indent, level + 1)
        Self.write(string: object.names[position], into: &bytes)
        bytes.append(UInt8(ascii: ":"))
        if indent != nil { bytes.append(0x20) }
        object.values[position].write(into: &bytes, indent: indent, level: level + 1)
      }
      if !object.isEmpty { Self.newline(into: &bytes, indent, level) }
      bytes.append(UInt8(ascii: "}"))
    }
  }

  private static func newline(into bytes: inout [UInt8], _ indent: Int?, _ level: Int) {
    guard let indent else { return }
    bytes.append(0x0A)
    for _ in 0..<indent * level { bytes.append(0x20) }
  }

  private static func write(string: String, into bytes: inout [UInt8]) {
    bytes.append(UInt8(ascii: "\""))
    for byte in string.utf8 {
      switch byte {
      case UInt8(ascii: "\""): bytes += "\\\"".utf8
      case UInt8(ascii: "\\"): bytes += "\\\\".utf8
      case 0x0A: bytes += "\\n".utf8
      case 0x0D: bytes += "\\r".utf8
      case 0x09: bytes += "\\t".utf8
      case 0..<0x20:
        bytes += "\\u00".utf8
        bytes += Hexadecimal.text(of: CollectionOfOne(byte)).utf8
      default: bytes.append(byte)
      }
    }
    bytes.append(UInt8(ascii: "\""))
  }
}
