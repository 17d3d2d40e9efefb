// Reads tags, white space and ends of sentences from a vocabulary, once per model.
import GenerationTypes
import Tokenization

extension ControlTokens {
  /// Reads the vocabulary of `tokenizer`. `stop` are the tokens that end replies; `image` is the image placeholder.
  package init(of tokenizer: Tokenizer, stop: Set<TokenID>, image: TokenID?) {
    var thinking = ThinkingTokens(open: tokenizer.id(of: "<think>"), close: tokenizer.id(of: "</think>"))
    thinking.shapes = (0..<TokenID(tokenizer.vocabularySize)).map { id in
      stop.contains(id) || tokenizer.isSpecial(id) ? [] : TokenShape(of: tokenizer.bytes(of: id))
    }
    var closing = Set<TokenID>()
    if let close = thinking.close {
      thinking.lineEnd = tokenizer.encode("\n")
      thinking.emptyThought = tokenizer.encode("\n\n")
      thinking.answerGap = tokenizer.encode("\n\n")
      closing.insert(close)
      for (index, shape) in thinking.shapes.enumerated() where shape.contains(.white) {
        let bytes = tokenizer.bytes(of: TokenID(index))
        if zip(bytes, bytes.dropFirst()).contains(where: { $0 == 0x0A && $1 == 0x0A }) {
          closing.insert(TokenID(index))
        }
      }
    }
    self.init(
      stop: stop, forbidden: image.map { [$0] } ?? [], closing: closing, vocabularySize: tokenizer.vocabularySize,
      thinking: thinking)
  }
}

extension TokenShape {
  /// The shape of a token with these bytes, which may be incomplete characters.
  init(of bytes: [UInt8]) {
    self = []
    guard let last = bytes.last else { return }
    if last == 0x0A { insert(.endsLine) }
    guard let text = String(validating: bytes, as: UTF8.self) else { return }
    let scalars = text.unicodeScalars
    if scalars.allSatisfy(\.properties.isWhitespace) { insert(.white) }
    if scalars.first?.properties.isWhitespace == true { insert(.beginsWithSpace) }
    let solid = scalars.reversed().drop { $0.properties.isWhitespace || Self.closers.contains($0) }
    if let end = solid.first, Self.enders.contains(end) { insert(.endsSentence) }
  }

  private static let enders = Set<Unicode.Scalar>(".!?…。！？؟।".unicodeScalars)
  private static let closers = Set<Unicode.Scalar>("\"'”’»)]*_`」』）".unicodeScalars)
}
