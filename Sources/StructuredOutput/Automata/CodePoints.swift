// Sets of code points as sorted ranges, and the classes of regular expressions. JavaScript and Python disagree on
// some classes, so each class has two bounds: what both engines match, and what either matches.

import Text

/// Sets of code points: sorted ranges without surrogates.
enum CodePoints {
  typealias Ranges = [ClosedRange<UInt32>]

  static let all: Ranges = [0...0xD7FF, 0xE000...0x10FFFF]
  static let digits: Ranges = [0x30...0x39]
  static let word: Ranges = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
  static let white: Ranges = [0x09...0x0D, 0x20...0x20]
  /// White space by any definition.
  static let anyWhite: Ranges = [
    0x09...0x0D, 0x1C...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ]
  static let lineEnds: Ranges = [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]
  static let beyondASCII: Ranges = [0x80...0xD7FF, 0xE000...0x10FFFF]

  /// Returns all code points that are not in `ranges`.
  static func complement(of ranges: Ranges) -> Ranges {
    let sorted = normalised(ranges)
    var rest: Ranges = []
    for part in all {
      var low = part.lowerBound
      for range in sorted where range.upperBound >= low {
        if range.lowerBound > part.upperBound { break }
        if range.lowerBound > low { rest.append(low...range.lowerBound - 1) }
        low = range.upperBound + 1
      }
      if low <= part.upperBound { rest.append(low...part.upperBound) }
    }
    return rest
  }

  /// Returns the same set sorted, without overlaps and surrogates.
  static func normalised(_ ranges: Ranges) -> Ranges {
    var merged: Ranges = []
    for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
      if let last = merged.last, range.lowerBound <= last.upperBound &+ 1 {
        if range.upperBound > last.upperBound { merged[merged.count - 1] = last.lowerBound...range.upperBound }
      } else {
        merged.append(range)
      }
    }
    return merged.flatMap { range in all.filter { $0.overlaps(range) }.map { range.clamped(to: $0) } }
  }

  /// Returns the code points up to the end of the supplementary multilingual plane that satisfy `isIncluded`.
  private static func scan(_ isIncluded: (Unicode.Scalar.Properties) -> Bool) -> Ranges {
    var ranges: Ranges = []
    for value in UInt32(0)...0x3FFFF {
      guard let scalar = Unicode.Scalar(value), isIncluded(scalar.properties) else { continue }
      if let last = ranges.last, last.upperBound + 1 == value {
        ranges[ranges.count - 1] = last.lowerBound...value
      } else {
        ranges.append(value...value)
      }
    }
    return ranges
  }

  /// The decimal digits of all scripts.
  static let anyDigits = scan { $0.generalCategory == .decimalNumber }

  /// Returns the set of `\p{…}`: general categories and emoji properties. nil for unknown names.
  static func property(_ name: String) -> Ranges? {
    if let known = properties.first(where: { $0.name == name }) { return known.ranges() }
    return nil
  }

  private struct Property: Sendable {
    var name: String
    var ranges: @Sendable () -> Ranges
  }

  private static let properties: [Property] = [
    Property(name: "L") { letters }, Property(name: "Letter") { letters },
    Property(name: "Lu") { upper }, Property(name: "Uppercase_Letter") { upper },
    Property(name: "Ll") { lower }, Property(name: "Lowercase_Letter") { lower },
    Property(name: "N") { numbers }, Property(name: "Number") { numbers },
    Property(name: "Nd") { anyDigits }, Property(name: "Decimal_Number") { anyDigits },
    Property(name: "P") { punctuation }, Property(name: "Punctuation") { punctuation },
    Property(name: "Emoji") { emoji }, Property(name: "Emoji_Presentation") { emojiPresentation },
    Property(name: "Extended_Pictographic") { pictographic }, Property(name: "Emoji_Component") { emojiComponents },
  ]

  private static let letters = scan { properties in
    switch properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: true
    default: false
    }
  }
  private static let upper = scan { $0.generalCategory == .uppercaseLetter }
  private static let lower = scan { $0.generalCategory == .lowercaseLetter }
  private static let numbers = scan { properties in
    switch properties.generalCategory {
    case .decimalNumber, .letterNumber, .otherNumber: true
    default: false
    }
  }
  private static let punctuation = scan { properties in
    switch properties.generalCategory {
    case .connectorPunctuation, .dashPunctuation, .openPunctuation, .closePunctuation, .initialPunctuation,
      .finalPunctuation, .otherPunctuation:
      true
    default: false
    }
  }
  private static let emoji = scan { $0.isEmoji }
  private static let emojiPresentation = scan { $0.isEmojiPresentation }
  /// Digits, keycap signs, joiners, flags, skin tones, hair and tags (Unicode 16, emoji-data.txt).
  private static let emojiComponents: Ranges = [
    0x23...0x23, 0x2A...0x2A, 0x30...0x39, 0x200D...0x200D, 0x20E3...0x20E3, 0xFE0F...0xFE0F, 0x1F1E6...0x1F1FF,
    0x1F3FB...0x1F3FF, 0x1F9B0...0x1F9B3, 0xE0020...0xE007F,
  ]
  /// Emoji that are not components. All of them are pictographic, and few pictographic characters are missing.
  private static let pictographic = normalised(
    complement(of: complement(of: emoji) + emojiComponents) + [0x1F9B0...0x1F9B3])
}

/// A character class, given by its bounds.
struct ClassBounds: Sendable {
  /// The characters that every engine matches.
  var least: CodePoints.Ranges
  /// The characters that some engine matches.
  var most: CodePoints.Ranges

  init(_ ranges: CodePoints.Ranges) { (least, most) = (ranges, ranges) }
  init(least: CodePoints.Ranges, most: CodePoints.Ranges) { (self.least, self.most) = (least, most) }

  /// The characters outside the class.
  var complement: ClassBounds {
    ClassBounds(least: CodePoints.complement(of: most), most: CodePoints.complement(of: least))
  }

  mutating func formUnion(_ other: ClassBounds) {
    least += other.least
    most += other.most
  }

  static let digits = ClassBounds(least: CodePoints.digits, most: CodePoints.digits + CodePoints.anyDigits)
  static let word = ClassBounds(least: CodePoints.word, most: CodePoints.word + CodePoints.beyondASCII)
  static let white = ClassBounds(least: CodePoints.white, most: CodePoints.anyWhite)
  static let dot = ClassBounds(
    least: CodePoints.complement(of: CodePoints.lineEnds), most: CodePoints.complement(of: [0x0A...0x0A]))
}
