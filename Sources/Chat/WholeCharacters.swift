// Converts bytes of tokens to text. A token may end within a character.
import Text
import Tokenization

/// The text of some bytes, and the unfinished character at their end.
package struct WholeCharacters: Sendable, Equatable {
  /// The whole characters; U+FFFD replaces invalid bytes.
  package let text: String
  /// The bytes of the unfinished character, at most three.
  package let unfinished: [UInt8]

  /// Reads `bytes` as UTF-8.
  package init(_ bytes: [UInt8]) {
    let count = TokenDecoder.unfinishedCount(of: bytes)
    text = String(decoding: bytes.dropLast(count), as: UTF8.self)
    unfinished = bytes.suffix(count)
  }
}
