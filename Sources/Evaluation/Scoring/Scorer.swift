// Decides whether an answer is right. No scorer trusts the answer: each looks at a bounded part of it, in time linear in that part.
import Foundation

/// A way to hold an answer against the known one.
package enum Scorer: Sendable {
  /// Equal to one of the texts but for case, white space and closing punctuation.
  case exact([String])
  case choice(ChoiceScorer)
  case numeric(NumericScorer)
  case pattern(PatternScorer)

  /// What of an answer is looked at, in UTF-8 bytes.
  package static let maxAnswer = 64 << 10

  /// Whether an answer is right. Of one longer than `maxAnswer` the end counts, where conclusions are.
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

  /// What an exact comparison compares: case folded, composed (form C), runs of white space as one space, without closing
  /// punctuation.
  package static func plain(_ text: String) -> String {
    let folded = text.folding(options: .caseInsensitive, locale: nil).precomposedStringWithCanonicalMapping
    var words = folded.split(whereSeparator: \.isWhitespace).joined(separator: " ")[...]
    while let last = words.last, closing.contains(last) || last == " " { words = words.dropLast() }
    return String(words)
  }

  private static let closing: Set<Character> = [".", ",", ";", ":", "!", "?", "…", "。", "！", "？"]
}

extension Unicode.Scalar {
  /// Whether the letter belongs to a script that sets no spaces around words, or joins particles to them: ideographs, kana, hangul, and the scripts of
  /// Thai, Lao, Khmer and Burmese. What stands beside it can be a word of its own.
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
  /// Whether the character is a letter of a script without spaces; see `Unicode.Scalar.isUnspaced`.
  var isUnspaced: Bool { unicodeScalars.first?.isUnspaced ?? false }

  /// Whether the character is a letter or a digit that joins what it touches to one word.
  var isWord: Bool { (isLetter || isNumber) && !isUnspaced }
}
