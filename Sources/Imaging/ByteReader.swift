// Bounds-checked reads of untrusted bytes. A read beyond the end returns nil and never traps.
import Glibc

/// A view of a part of a byte array. Offsets are relative to the start of the part.
struct ByteReader {
  private let bytes: [UInt8]
  private let range: Range<Int>

  init(_ bytes: [UInt8]) { (self.bytes, range) = (bytes, 0..<bytes.count) }

  private init(_ bytes: [UInt8], _ range: Range<Int>) { (self.bytes, self.range) = (bytes, range) }

  /// The number of bytes in view.
  var count: Int { range.count }

  /// Returns the byte at `offset`.
  func byte(_ offset: Int) -> Int? {
    offset >= 0 && offset < count ? Int(bytes[range.lowerBound + offset]) : nil
  }

  /// Returns an unsigned number of `width` bytes (at most 4) at `offset`.
  func number(at offset: Int, width: Int, littleEndian: Bool = false) -> Int? {
    guard offset >= 0, width <= 4, offset <= count - width else { return nil }
    return (0..<width).reduce(0) { value, index in
      value << 8 | Int(bytes[range.lowerBound + offset + (littleEndian ? width - 1 - index : index)])
    }
  }

  /// Whether the ASCII `text` is at `offset`.
  func has(_ text: StaticString, at offset: Int) -> Bool {
    guard offset >= 0, offset <= count - text.utf8CodeUnitCount else { return false }
    return text.withUTF8Buffer { bytes[(range.lowerBound + offset)...].starts(with: $0) }
  }

  /// Returns the part from `offset`, of `length` bytes or to the end; nil if it does not fit.
  func part(from offset: Int, length: Int? = nil) -> ByteReader? {
    guard offset >= 0, offset <= count else { return nil }
    let length = length ?? count - offset
    guard length >= 0, length <= count - offset else { return nil }
    return ByteReader(bytes, range.lowerBound + offset..<range.lowerBound + offset + length)
  }

  /// Returns the first offset of the ASCII `text`.
  func firstIndex(of text: StaticString) -> Int? {
    let length = text.utf8CodeUnitCount
    guard count >= length, length > 0 else { return nil }
    var offset = 0
    while offset <= count - length, let next = indexOfByte(text.utf8Start[0], from: offset) {
      if has(text, at: next) { return next }
      offset = next + 1
    }
    return nil
  }

  private func indexOfByte(_ byte: UInt8, from offset: Int) -> Int? {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return nil }
      let start = base + range.lowerBound
      return memchr(start + offset, Int32(byte), count - offset).map { UnsafeRawPointer($0) - start }
    }
  }

  /// A copy of the bytes in view.
  var copy: [UInt8] { Array(bytes[range]) }
}
