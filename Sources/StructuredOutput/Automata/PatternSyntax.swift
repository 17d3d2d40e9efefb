// Regular expressions as JSON Schema uses them (ECMA-262), as much as an automaton can follow: literals, classes, escapes, groups,
// alternatives, quantifiers, anchors at the ends. Classes are read so that what they hold matches in JavaScript and Python alike.

/// A regular expression without anchors.
indirect enum PatternExpression: Sendable {
  case empty
  /// One character of these ranges of code points.
  case set([ClosedRange<UInt32>])
  case sequence([PatternExpression])
  case alternatives([PatternExpression])
  /// nil for no upper bound.
  case repeated(PatternExpression, least: Int, most: Int?)
}

/// Why a pattern is not taken.
struct PatternError: Error { let reason: String }

/// Sets of code points.
enum CodePoints {
  static let all: [ClosedRange<UInt32>] = [0...0xD7FF, 0xE000...0x10FFFF]
  static let digits: [ClosedRange<UInt32>] = [0x30...0x39]
  static let word: [ClosedRange<UInt32>] = [0x30...0x39, 0x41...0x5A, 0x5F...0x5F, 0x61...0x7A]
  static let white: [ClosedRange<UInt32>] = [0x09...0x0D, 0x20...0x20]
  /// White space of any definition.
  static let anyWhite: [ClosedRange<UInt32>] = [
    0x09...0x0D, 0x1C...0x20, 0x85...0x85, 0xA0...0xA0, 0x1680...0x1680, 0x2000...0x200A, 0x2028...0x2029,
    0x202F...0x202F, 0x205F...0x205F, 0x3000...0x3000, 0xFEFF...0xFEFF,
  ]
  static let lineEnds: [ClosedRange<UInt32>] = [0x0A...0x0A, 0x0D...0x0D, 0x2028...0x2029]

  /// Everything that is not in `ranges`, of characters up to `last`.
  static func complement(of ranges: [ClosedRange<UInt32>], upTo last: UInt32 = 0x10FFFF) -> [ClosedRange<UInt32>] {
    var rest: [ClosedRange<UInt32>] = []
    for part in all {
      var low = part.lowerBound
      let high = min(part.upperBound, last)
      for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) where range.upperBound >= low {
        if range.lowerBound > high { break }
        if range.lowerBound > low { rest.append(low...range.lowerBound - 1) }
        low = range.upperBound + 1
      }
      if low <= high { rest.append(low...high) }
    }
    return rest
  }
}

/// Reads one pattern.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var at = 0
  private var depth = 0
  private static let deepest = 50
  private static let mostRepeats = 1000

  /// The expression that whole texts match when they hold a match of `pattern`.
  static func parse(_ pattern: String) throws(PatternError) -> PatternExpression {
    var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
    var alternatives: [PatternExpression] = []
    repeat { alternatives.append(try parser.anchoredAlternative()) } while parser.take("|")
    if parser.at < parser.scalars.count { throw PatternError(reason: "has an unmatched )") }
    return .alternatives(alternatives)
  }

  private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  private var peek: Unicode.Scalar? { at < scalars.count ? scalars[at] : nil }

  private mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard peek == scalar else { return false }
    at += 1
    return true
  }

  /// An alternative of the whole pattern, with anything around it where it is not anchored.
  private mutating func anchoredAlternative() throws(PatternError) -> PatternExpression {
    let anything = PatternExpression.repeated(.set(CodePoints.all), least: 0, most: nil)
    let isAnchored = take("^")
    var parts = try alternativeParts(isTop: true)
    if !isAnchored { parts.insert(anything, at: 0) }
    if !take("$") { parts.append(anything) }
    if let next = peek, next != "|", next != ")" { throw PatternError(reason: "has an anchor inside") }
    return .sequence(parts)
  }

  private mutating func alternativeParts(isTop: Bool) throws(PatternError) -> [PatternExpression] {
    var parts: [PatternExpression] = []
    while let next = peek, next != "|", next != ")" {
      if next == "$", isTop { break }
      if next == "^" || next == "$" { throw PatternError(reason: "has an anchor inside") }
      parts.append(try quantified(try atom()))
    }
    return parts
  }

  private mutating func group() throws(PatternError) -> PatternExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.deepest { throw PatternError(reason: "has groups deeper than \(Self.deepest)") }
    if take("?") {
      if !take(":") { try skipName() }
    }
    var alternatives: [PatternExpression] = []
    repeat { alternatives.append(.sequence(try alternativeParts(isTop: false))) } while take("|")
    if !take(")") { throw PatternError(reason: "has an unmatched (") }
    return .alternatives(alternatives)
  }

  /// `<name>` or Python's `P<name>` of a group; anything else that may follow `(?` is no part of a regular language's syntax here.
  private mutating func skipName() throws(PatternError) {
    _ = take("P")
    guard take("<"), let first = peek, first != "=", first != "!" else {
      throw PatternError(reason: "looks around or sets flags, which is not supported")
    }
    while let scalar = peek, scalar != ">" { at += 1 }
    if !take(">") { throw PatternError(reason: "has an unmatched (") }
  }

  private mutating func atom() throws(PatternError) -> PatternExpression {
    let scalar = scalars[at]
    at += 1
    switch scalar {
    case "(": return try group()
    case "[": return .set(try characterClass())
    case ".": return .set(CodePoints.complement(of: CodePoints.lineEnds))
    case "\\": return .set(try escape(inClass: false))
    case "*", "+", "?", "{", "}", "]":
      throw PatternError(reason: "has \(scalar) where nothing is to be repeated or closed")
    default: return .set([scalar.value...scalar.value])
    }
  }

  private mutating func quantified(_ atom: PatternExpression) throws(PatternError) -> PatternExpression {
    var least = 1
    var most: Int? = 1
    switch peek {
    case "*": (least, most) = (0, nil)
    case "+": (least, most) = (1, nil)
    case "?": (least, most) = (0, 1)
    case "{":
      at += 1
      (least, most) = try bounds()
      at -= 1
    default: return atom
    }
    at += 1
    _ = take("?")
    if let next = peek, ["*", "+", "?", "{"].contains(next) { throw PatternError(reason: "repeats a repetition") }
    if max(least, most ?? 0) > Self.mostRepeats {
      throw PatternError(reason: "repeats more than \(Self.mostRepeats) times")
    }
    if let most, most < least { throw PatternError(reason: "has a repetition whose bounds are reversed") }
    return .repeated(atom, least: least, most: most)
  }

  /// `m}`, `m,}` or `m,n}`.
  private mutating func bounds() throws(PatternError) -> (Int, Int?) {
    guard let least = number() else { throw PatternError(reason: "has a malformed repetition") }
    var most: Int? = least
    if take(",") { most = number() }
    if !take("}") { throw PatternError(reason: "has a malformed repetition") }
    return (least, most)
  }

  private mutating func number() -> Int? {
    var value: Int?
    while let scalar = peek, ("0"..."9").contains(scalar), (value ?? 0) < 1_000_000 {
      value = (value ?? 0) * 10 + Int(scalar.value - 0x30)
      at += 1
    }
    return value
  }

  private mutating func characterClass() throws(PatternError) -> [ClosedRange<UInt32>] {
    let isNegated = take("^")
    var ranges: [ClosedRange<UInt32>] = []
    while let scalar = peek, scalar != "]" {
      let first = try classMember()
      guard peek == "-", at + 1 < scalars.count, scalars[at + 1] != "]" else {
        ranges += first
        continue
      }
      at += 1
      let last = try classMember()
      guard first.count == 1, last.count == 1, let low = first[0].single, let high = last[0].single, low <= high else {
        throw PatternError(reason: "has a malformed range in a class")
      }
      ranges.append(low...high)
    }
    if !take("]") { throw PatternError(reason: "has an unmatched [") }
    return isNegated ? CodePoints.complement(of: ranges) : ranges
  }

  private mutating func classMember() throws(PatternError) -> [ClosedRange<UInt32>] {
    guard let scalar = peek else { throw PatternError(reason: "has an unmatched [") }
    at += 1
    return scalar == "\\" ? try escape(inClass: true) : [scalar.value...scalar.value]
  }

  private mutating func escape(inClass: Bool) throws(PatternError) -> [ClosedRange<UInt32>] {
    guard let scalar = peek else { throw PatternError(reason: "ends with a backslash") }
    at += 1
    func one(_ value: UInt32) -> [ClosedRange<UInt32>] { [value...value] }
    switch scalar {
    case "d": return CodePoints.digits
    case "w": return CodePoints.word
    case "s": return CodePoints.white
    case "D": return CodePoints.complement(of: CodePoints.digits, upTo: 0x7F)
    case "W": return CodePoints.complement(of: CodePoints.word, upTo: 0x7F)
    case "S": return CodePoints.complement(of: CodePoints.anyWhite)
    case "t": return one(0x09)
    case "n": return one(0x0A)
    case "v": return one(0x0B)
    case "f": return one(0x0C)
    case "r": return one(0x0D)
    case "b" where inClass: return one(0x08)
    case "x": return one(try hexadecimal(2))
    case "u": return one(try hexadecimal(4))
    default:
      let isPlain = !(scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      guard isPlain else { throw PatternError(reason: "has the escape \\\(scalar), which is not supported") }
      return one(scalar.value)
    }
  }

  private mutating func hexadecimal(_ count: Int) throws(PatternError) -> UInt32 {
    let digits = String(String.UnicodeScalarView(scalars[at..<min(at + count, scalars.count)]))
    guard digits.utf8.count == count, let value = UInt32(digits, radix: 16), Unicode.Scalar(value) != nil else {
      throw PatternError(reason: "has a malformed escape")
    }
    at += count
    return value
  }
}

extension ClosedRange<UInt32> {
  /// The only member, if there is only one.
  fileprivate var single: UInt32? { lowerBound == upperBound ? lowerBound : nil }
}
