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
