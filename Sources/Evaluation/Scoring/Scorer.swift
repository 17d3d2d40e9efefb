// Decides whether an answer is correct. Answers are untrusted: each scorer examines a bounded part, in linear time.
import Foundation

/// A way to compare an answer with the known one.
package enum Scorer: Sendable {
  /// Equal to one of the texts, ignoring case, white space and closing punctuation.
  case exact([String])
  case choice(ChoiceScorer)
  case numeric(NumericScorer)
  case pattern(PatternScorer)

  /// The limit on the examined part of an answer, in UTF-8 bytes.
  package static let maxAnswer = 64 << 10

  /// Whether an answer is correct. Of an answer longer than `maxAnswer`, the end is used, which contains the
  /// conclusion.
  package func accepts(_ answer: String) -> Bool {
    let bytes = answer.utf8
    let answer = bytes.count <= Self.maxAnswer ? answer : String(decoding: bytes.suffix(Self.maxAnswer), as: UTF8.self)
    switch self {
    case .exact(let texts):
      let given = Self.plain(answer)
      return texts.contains { Self.plain($0) == given }
    case .choice(let scorer): return scorer.accepts(answer)
    case .numeric(let scorer): return scorer.accepts(answer)
    case .pattern(let scorer): return scorer.accepts(answer)
    }
  }

  /// Returns the normalised form that `exact` compares: case folded, composed (form C), with single spaces and
  /// without closing punctuation.
  package static func plain(_ text: String) -> String {
    let folded = text.folding(options: .caseInsensitive, locale: nil).precomposedStringWithCanonicalMapping
    var words = folded.split(whereSeparator: \.isWhitespace).joined(separator: " ")[...]
    while let last = words.last, closing.contains(last) || last == " " { words = words.dropLast() }
    return String(words)
  }

  private static let closing: Set<Character> = [".", ",", ";", ":", "!", "?", "…", "。", "！", "？"]
}

extension Unicode.Scalar {
  /// Whether the scalar belongs to a script that does not separate words by spaces, or attaches particles to them:
  /// ideographs, kana, hangul, and the scripts of Thai, Lao, Khmer and Burmese. Its neighbour can be a separate word.
  var isUnspaced: Bool {
    switch value {
    case 0x0E00...0x0EFF, 0x1000...0x109F, 0x1100...0x11FF, 0x1780...0x17FF, 0x2E80...0xA4CF, 0xA960...0xA97F,
      0xAC00...0xD7FF, 0xF900...0xFAFF, 0xFF66...0xFFDC, 0x1AFF0...0x1B16F:
      true
    default: properties.isIdeographic
    }
  }
}

extension Character {
  /// Whether the character belongs to a script without spaces; see `Unicode.Scalar.isUnspaced`.
  var isUnspaced: Bool { unicodeScalars.first?.isUnspaced ?? false }

  /// Whether the character is a letter or digit that forms one word with its neighbours.
  var isWord: Bool { (isLetter || isNumber) && !isUnspaced }
}
