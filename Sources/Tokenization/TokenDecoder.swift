// Ids to text as they come. A token may end in the middle of a character; those bytes wait for the next token, so that what has
// been given out is always valid UTF-8 and never needs taking back. A text that ends there ends before that character.

import GenerationTypes

/// Decodes a stream: the texts given out, joined, and `unfinished` equal the bytes of all ids, but for U+FFFD where those bytes
/// are no characters.
package struct TokenDecoder: Sendable {
  private let tokenizer: Tokenizer
  private let skipSpecial: Bool
  /// The beginning of a character whose end has not come yet; at most three bytes.
  package private(set) var unfinished: [UInt8]

  /// `unfinished` is the beginning of a character that the first tokens may end, as `Self.unfinishedCount(of:)` finds it.
  package init(_ tokenizer: Tokenizer, skipSpecial: Bool, unfinished: [UInt8] = []) {
    self.tokenizer = tokenizer
    self.skipSpecial = skipSpecial
    self.unfinished = unfinished
  }

  /// The text that `id` completes; invalid UTF-8 becomes U+FFFD.
  package mutating func append(_ id: TokenID) -> String {
    if skipSpecial, tokenizer.isSpecial(id) { return "" }
    unfinished += tokenizer.bytes(of: id)
    let complete = unfinished.count - Self.unfinishedCount(of: unfinished)
    let text = String(decoding: unfinished[..<complete], as: UTF8.self)
    unfinished.removeSubrange(..<complete)
    return text
  }

  /// How many bytes at the end of `bytes` could still become a character (Unicode 16, table 3-7).
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
