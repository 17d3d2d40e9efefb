// Bytes of tokens as text. Tokens need not end with a character, so bytes at the end may be the beginning of one.
import Text
import Tokenization

/// The text of some bytes, and what is left at their end.
package struct WholeCharacters: Sendable, Equatable {
  /// All whole characters; U+FFFD where bytes can be none.
  package let text: String
  /// The beginning of a character that ends the bytes; at most three.
  package let unfinished: [UInt8]

  /// Reads `bytes` as UTF-8.
  package init(_ bytes: [UInt8]) {
    let count = TokenDecoder.unfinishedCount(of: bytes)
    text = String(decoding: bytes.dropLast(count), as: UTF8.self)
    unfinished = bytes.suffix(count)
  }
}
