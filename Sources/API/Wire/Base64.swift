// Base64 for images of tens of megabytes: four table reads per three bytes, validity checked once per group.

enum Base64 {
  private static let invalid: UInt8 = 0xFF

  /// Value of each character of the standard alphabet and of that for URLs (RFC 4648, sections 4 and 5).
  private static let values: [UInt8] = {
    var table = [UInt8](repeating: invalid, count: 256)
    for (value, character) in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8.enumerated() {
      table[Int(character)] = UInt8(value)
    }
    (table[Int(UInt8(ascii: "-"))], table[Int(UInt8(ascii: "_"))]) = (62, 63)
    return table
  }()

  /// The bytes of `text`, or nil. As the WHATWG's forgiving decoder: white space is skipped and padding may be missing.
  static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    let whole = text.withContiguousStorageIfAvailable { decode(buffer: $0) } ?? decode(Array(text))
    if let whole { return whole }
    let solid = text.filter { !isWhite($0) }
    return solid.count == text.count ? nil : solid.withUnsafeBufferPointer { decode(buffer: $0) }
  }

  /// White space as it breaks the lines of encoded text.
  static func isWhite(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }

  private static func decode(buffer: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
    var count = buffer.count
    if count % 4 == 0 {
      for _ in 0..<2 where count > 0 && buffer[count - 1] == UInt8(ascii: "=") { count -= 1 }
    }
    let (groups, rest) = (count / 4, count % 4)
    if rest == 1 { return nil }
    let size = groups * 3 + (rest == 0 ? 0 : rest - 1)
    var valid = true
    let bytes = [UInt8](unsafeUninitializedCapacity: size) { output, written in
      values.withUnsafeBufferPointer { table in
        for group in 0..<groups {
          let a = table[Int(buffer[4 * group])], b = table[Int(buffer[4 * group + 1])]
          let c = table[Int(buffer[4 * group + 2])], d = table[Int(buffer[4 * group + 3])]
          // Values have six bits; only an invalid character sets the top one.
          if (a | b | c | d) & 0x80 != 0 { valid = false; return }
          output[3 * group] = a << 2 | b >> 4
          output[3 * group + 1] = b << 4 | c >> 2
          output[3 * group + 2] = c << 6 | d
        }
        written = 3 * groups
        if rest == 0 { return }
        let a = table[Int(buffer[4 * groups])], b = table[Int(buffer[4 * groups + 1])]
        let c = rest == 3 ? table[Int(buffer[4 * groups + 2])] : 0
        if (a | b | c) & 0x80 != 0 { valid = false; return }
        output[written] = a << 2 | b >> 4
        written += 1
        if rest == 3 {
          output[written] = b << 4 | c >> 2
          written += 1
        }
      }
    }
    return valid ? bytes : nil
  }
}
