// Converts bytes and numbers to and from hexadecimal digits.

/// Conversion to and from hexadecimal digits.
package enum Hexadecimal {
  /// The digits `0` to `f` in ASCII.
  package static let digits = Array("0123456789abcdef".utf8)

  /// Returns the value of a digit in either case; nil for any other byte.
  @inlinable
  package static func value(of byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// Returns two lower-case digits for each byte.
  package static func text(of bytes: some Sequence<UInt8>) -> String {
    String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  /// Returns the lower-case digits of `number`, padded with zeros to `width` digits.
  package static func text(of number: some UnsignedInteger, width: Int) -> String {
    let text = String(number, radix: 16)
    return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
  }
}
