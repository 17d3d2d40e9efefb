// GPT-2's byte-level alphabet: each byte is written as one printable character, so that vocabularies are JSON text.
// Bytes 33–126, 161–172 and 174–255 stand for themselves, the other 68 for U+0100…U+0143 in order. Space is written Ġ
// (U+0120).

enum ByteLevelAlphabet {
  /// The character of each byte.
  static let scalars: [UInt16] = {
    var next: UInt16 = 0x100
    return (0...255).map { byte in
      switch byte {
      case 33...126, 161...172, 174...255: return UInt16(byte)
      default:
        defer { next += 1 }
        return next
      }
    }
  }()

  /// The byte of each character below U+0144, or -1.
  private static let bytes: [Int16] = {
    var table = [Int16](repeating: -1, count: 0x144)
    for (byte, scalar) in scalars.enumerated() { table[Int(scalar)] = Int16(byte) }
    return table
  }()

  /// Appends the UTF-8 of `byte`'s character to `text`.
  static func write(_ byte: UInt8, into text: inout [UInt8]) {
    let scalar = scalars[Int(byte)]
    if scalar < 0x80 {
      text.append(UInt8(scalar))
    } else {
      text.append(0xC0 | UInt8(scalar >> 6))
      text.append(0x80 | UInt8(scalar & 0x3F))
    }
  }

  /// Appends the bytes that the UTF-8 text `written` represents. A token with a character outside the alphabet
  /// represents its own text, as in the reference decoder.
  static func read(_ written: some Collection<UInt8>, into bytes: inout [UInt8]) {
    let start = bytes.count
    var lead: UInt8 = 0
    for unit in written {
      let scalar: Int
      switch unit {
      case 0..<0x80: scalar = Int(unit)
      case 0xC2...0xC5:
        lead = unit
        continue
      case 0x80..<0xC0 where lead != 0: scalar = Int(lead & 0x1F) << 6 | Int(unit & 0x3F)
      default: scalar = Self.bytes.count
      }
      lead = 0
      guard scalar < Self.bytes.count, Self.bytes[scalar] >= 0 else {
        bytes.removeSubrange(start...)
        bytes += written
        return
      }
      bytes.append(UInt8(Self.bytes[scalar]))
    }
  }
}
