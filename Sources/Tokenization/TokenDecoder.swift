// Decodes token ids to text incrementally. A token may end in the middle of a character. Its bytes wait for the next
// token, so that all emitted text is valid UTF-8 and never needs correction. An incomplete character at the end is
// not emitted.

import GenerationTypes

/// A streaming decoder. The emitted texts plus `unfinished` equal the bytes of all ids, except that invalid bytes
/// become U+FFFD.
package struct TokenDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  /// The first bytes of an incomplete character; at most three.
  package private(set) var unfinished: [UInt8]

  /// Creates a decoder. `unfinished` is an incomplete character that the first tokens may complete, as determined by
  /// `Self.unfinishedCount(of:)`.
  package init(_ tokenizer: Tokenizer, skipSpecial: Bool, unfinished: [UInt8] = []) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
    self.unfinished = unfinished
  }

  /// Returns the text that `id` completes. Invalid UTF-8 becomes U+FFFD.
  package mutating func append(_ id: TokenID) -> String {
    if skipSpecial, tokenizer.isSpecial(id) { return "" }
    unfinished += tokenizer.bytes(of: id)
    let complete = unfinished.count - Self.unfinishedCount(of: unfinished)
    let text = String(decoding: unfinished[..<complete], as: UTF8.self)
    unfinished.removeSubrange(..<complete)
    return text
  }

  /// Returns how many bytes at the end of `bytes` may still become a character (Unicode 16, table 3-7).
  package static func unfinishedCount(of bytes: [UInt8]) -> Int {
    for back in 1...3 where back <= bytes.count {
      let lead = bytes[bytes.count - back]
      if lead & 0xC0 == 0x80 { continue }
      guard (0xC2...0xF4).contains(lead), back < Unicode.Scalar.utf8Width(lead: lead) else { return 0 }
      if back > 1 {
        let second = bytes[bytes.count - back + 1]
        let allowed: ClosedRange<UInt8> =
          switch lead {
          case 0xE0: 0xA0...0xBF
          case 0xED: 0x80...0x9F
          case 0xF0: 0x90...0xBF
          case 0xF4: 0x80...0x8F
          default: 0x80...0xBF
          }
        if !allowed.contains(second) { return 0 }
      }
      return back
    }
    return 0
  }
}
