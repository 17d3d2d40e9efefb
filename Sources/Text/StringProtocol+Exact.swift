// Comparison and search by bytes for String and Substring. Every operation takes linear time, and none uses grapheme
// clusters: a Character may have any number of bytes.

import Glibc

extension StringProtocol {
  /// The text as a key, or for comparison with a literal: `text.exact == "stop"`.
  package var exact: ExactString { ExactString(String(self)) }

  /// Whether both texts have the same bytes.
  package func isEqual(exactly other: some StringProtocol) -> Bool {
    withUTF8Bytes { left in
      other.withUTF8Bytes { right in left.count == right.count && compare(left, right, left.count) == 0 }
    }
  }

  /// Whether the bytes of this text begin with those of `prefix`.
  package func hasPrefix(exactly prefix: some StringProtocol) -> Bool {
    withUTF8Bytes { bytes in
      prefix.withUTF8Bytes { wanted in bytes.count >= wanted.count && compare(bytes, wanted, wanted.count) == 0 }
    }
  }

  /// Whether the bytes of this text end with those of `suffix`.
  package func hasSuffix(exactly suffix: some StringProtocol) -> Bool {
    withUTF8Bytes { bytes in
      suffix.withUTF8Bytes { wanted in
        bytes.count >= wanted.count
          && compare(.init(rebasing: bytes[(bytes.count - wanted.count)...]), wanted, wanted.count) == 0
      }
    }
  }

  /// Whether the bytes of `part` occur in this text. An empty part always does.
  package func contains(exactly part: String) -> Bool {
    withUTF8Bytes { bytes in
      part.withUTF8Bytes { wanted in
        wanted.isEmpty || position(of: wanted, in: bytes) != nil
      }
    }
  }

  /// Returns the parts between occurrences of the ASCII character `separator`.
  package func split(
    at separator: Unicode.Scalar, maxSplits: Int = .max, omittingEmpty: Bool = true
  ) -> [Substring] where SubSequence == Substring {
    let byte = UInt8(ascii: separator)
    return self[...].utf8.split(separator: byte, maxSplits: maxSplits, omittingEmptySubsequences: omittingEmpty)
      .map(Substring.init)
  }

  /// The text with A to Z in lower case. Other letters are unchanged, so that Unicode rules cannot make two names
  /// equal.
  package var lowercasedASCII: String {
    withUTF8Bytes { bytes in
      String(unsafeUninitializedCapacity: bytes.count) { lower in
        for (position, byte) in bytes.enumerated() {
          lower[position] = byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
        }
        return bytes.count
      }
    }
  }

  /// Returns the beginning of this text for a message: at most `bytes` bytes, ending between two scalars.
  package func excerpt(_ bytes: Int) -> String {
    withUTF8Bytes { text in
      var end = Swift.min(bytes, text.count)
      // A continuation byte after the end means that a scalar would be split.
      while end > 0, end < text.count, text[end] & 0xC0 == 0x80 { end -= 1 }
      return String(decoding: UnsafeBufferPointer(rebasing: text[..<end]), as: UTF8.self)
    }
  }

  /// Calls `body` with the UTF-8 bytes of this text, without copying them.
  package func withUTF8Bytes<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
    // Only strings bridged from Objective-C have no contiguous bytes.
    utf8.withContiguousStorageIfAvailable(body) ?? Array(utf8).withUnsafeBufferPointer(body)
  }
}

extension Sequence where Element == String {
  /// Whether one of these strings has the bytes of `text`.
  package func contains(exactly text: some StringProtocol) -> Bool { contains { $0.isEqual(exactly: text) } }
}

extension Collection where Element == String {
  /// Returns the position of the first string with the bytes of `text`.
  package func firstIndex(exactly text: some StringProtocol) -> Index? { firstIndex { $0.isEqual(exactly: text) } }
}

extension RawRepresentable where Self: CaseIterable, RawValue == String {
  /// Returns the case whose raw value has the bytes of `text`. `init(rawValue:)` would normalise both.
  package init?(exactly text: String) {
    guard let found = Self.allCases.first(where: { $0.rawValue.isEqual(exactly: text) }) else { return nil }
    self = found
  }
}

/// Returns the offset of the first occurrence of the non-empty `part`, in linear time (Knuth, Morris and Pratt 1977).
private func position(of part: UnsafeBufferPointer<UInt8>, in text: UnsafeBufferPointer<UInt8>) -> Int? {
  if part.count > text.count { return nil }
  // For each byte of `part`, the length of the longest proper prefix that ends there.
  var borders = [Int](repeating: 0, count: part.count)
  var length = 0
  for index in 1..<part.count {
    while length > 0, part[index] != part[length] { length = borders[length - 1] }
    if part[index] == part[length] { length += 1 }
    borders[index] = length
  }
  length = 0
  for (index, byte) in text.enumerated() {
    while length > 0, byte != part[length] { length = borders[length - 1] }
    if byte == part[length] { length += 1 }
    if length == part.count { return index + 1 - length }
  }
  return nil
}

/// Calls `memcmp`, except with the null pointer of an empty buffer.
func compare(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>, _ count: Int) -> Int32 {
  guard count > 0, let left = a.baseAddress, let right = b.baseAddress else { return 0 }
  return memcmp(left, right, count)
}
