// The regular expressions of JSON Schema (ECMA-262) that an automaton can implement: literals, classes, escapes,
// groups, alternatives, quantifiers, anchors and lookaheads. Generated text must match in JavaScript and Python: a
// class contains what both match, and within negative lookaheads what either matches.

import Text

/// Parses one pattern.
struct PatternParser {
  private let scalars: [Unicode.Scalar]
  private var at = 0
  private var depth = 0
  /// Whether the parser is inside an odd number of negative lookaheads.
  private var isNegated = false
  private static let depthLimit = 50
  private static let repetitionLimit = 1000

  /// Returns the expression of the complete texts that contain a match of `pattern`, or are a match if `isWhole`. The
  /// match must hold for every engine, or for some engine if `isNegated`.
  static func parse(
    _ pattern: String, isNegated: Bool = false, isWhole: Bool = false
  ) throws(PatternError) -> PatternExpression {
    var parser = PatternParser(scalars: Array(pattern.unicodeScalars))
    parser.isNegated = isNegated
    var alternatives: [PatternExpression] = []
    repeat {
      var parts = try parser.alternativeParts()
      // Without anchors, any text may surround the match.
      if case .start? = parts.first { parts.removeFirst() } else if !isWhole { parts.insert(.anything, at: 0) }
      if case .end? = parts.last { parts.removeLast() } else if !isWhole { parts.append(.anything) }
      alternatives.append(.sequence(parts))
    } while parser.take("|")
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

  private mutating func alternativeParts() throws(PatternError) -> [PatternExpression] {
    var parts: [PatternExpression] = []
    while let next = peek, next != "|", next != ")" {
      let part = try atom()
      switch part {
      case .start, .end, .lookahead:
        if let after = peek, ["*", "+", "?", "{"].contains(after) {
          throw PatternError(reason: "repeats an anchor or a lookahead")
        }
        parts.append(part)
      default: parts.append(try quantified(part))
      }
    }
    return parts
  }

  private mutating func group() throws(PatternError) -> PatternExpression {
    depth += 1
    defer { depth -= 1 }
    if depth > Self.depthLimit { throw PatternError(reason: "has groups nested more than \(Self.depthLimit) deep") }
    var lookahead: Bool?
    if take("?") {
      if take("=") {
        lookahead = false
      } else if take("!") {
        lookahead = true
      } else if !take(":") {
        try skipName()
      }
    }
    if lookahead == true { isNegated.toggle() }
    var alternatives: [PatternExpression] = []
    repeat { alternatives.append(.sequence(try alternativeParts())) } while take("|")
    if lookahead == true { isNegated.toggle() }
    if !take(")") { throw PatternError(reason: "has an unmatched (") }
    let whole = PatternExpression.alternatives(alternatives)
    return lookahead.map { .lookahead(whole, isNegative: $0) } ?? whole
  }

  /// Skips `<name>` or Python's `P<name>` of a group. Other syntax after `(?` is not regular or not supported.
  private mutating func skipName() throws(PatternError) {
    _ = take("P")
    guard take("<"), let first = peek, first != "=", first != "!" else {
      throw PatternError(reason: "uses a lookbehind or flags, which are not supported; rewrite it without them")
    }
    while let scalar = peek, scalar != ">" { at += 1 }
    if !take(">") { throw PatternError(reason: "has an unmatched (") }
  }

  private mutating func atom() throws(PatternError) -> PatternExpression {
    let scalar = scalars[at]
    at += 1
    switch scalar {
    case "(": return try group()
    case "[": return set(try characterClass())
    case ".": return set(.dot)
    case "^": return .start
    case "$":
      // Python allows a line feed after the match.
      return isNegated ? .sequence([.repeated(.set([0x0A...0x0A]), least: 0, most: 1), .end]) : .end
    case "\\": return set(try escape(inClass: false))
    case "*", "+", "?", "{", "}", "]":
      throw PatternError(reason: "has \(scalar) with nothing to repeat or close")
    default: return .set([scalar.value...scalar.value])
    }
  }

  private func set(_ bounds: ClassBounds) -> PatternExpression {
    .set(CodePoints.normalised(isNegated ? bounds.most : bounds.least))
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
    if let next = peek, ["*", "+", "?", "{"].contains(next) {
      throw PatternError(reason: "has two quantifiers in a row")
    }
    if max(least, most ?? 0) > Self.repetitionLimit {
      throw PatternError(reason: "repeats more than \(Self.repetitionLimit) times")
    }
    if let most, most < least { throw PatternError(reason: "has a quantifier with a minimum above its maximum") }
    return .repeated(atom, least: least, most: most)
  }

  /// Parses `m}`, `m,}` or `m,n}`.
  private mutating func bounds() throws(PatternError) -> (Int, Int?) {
    guard let least = number() else { throw PatternError(reason: "has a malformed quantifier") }
    var most: Int? = least
    if take(",") { most = number() }
    if !take("}") { throw PatternError(reason: "has a malformed quantifier") }
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

  // MARK: Classes

  private mutating func characterClass() throws(PatternError) -> ClassBounds {
    let isComplement = take("^")
    var whole = ClassBounds([])
    var isEmpty = true
    while let scalar = peek, scalar != "]" {
      isEmpty = false
      let first = try classMember()
      guard peek == "-", at + 1 < scalars.count, scalars[at + 1] != "]" else {
        whole.formUnion(first)
        continue
      }
      at += 1
      let last = try classMember()
      guard let low = first.single, let high = last.single, low <= high else {
        throw PatternError(reason: "has a malformed range in a character class")
      }
      whole.formUnion(ClassBounds([low...high]))
    }
    if !take("]") { throw PatternError(reason: "has an unmatched [") }
    if isEmpty { throw PatternError(reason: "has an empty character class") }
    return isComplement ? whole.complement : whole
  }

  private mutating func classMember() throws(PatternError) -> ClassBounds {
    guard let scalar = peek else { throw PatternError(reason: "has an unmatched [") }
    at += 1
    return scalar == "\\" ? try escape(inClass: true) : ClassBounds([scalar.value...scalar.value])
  }

  private mutating func escape(inClass: Bool) throws(PatternError) -> ClassBounds {
    guard let scalar = peek else { throw PatternError(reason: "ends with a backslash") }
    at += 1
    func one(_ value: UInt32) -> ClassBounds { ClassBounds([value...value]) }
    switch scalar {
    case "d": return .digits
    case "w": return .word
    case "s": return .white
    case "D": return ClassBounds.digits.complement
    case "W": return ClassBounds.word.complement
    case "S": return ClassBounds.white.complement
    case "t": return one(0x09)
    case "n": return one(0x0A)
    case "v": return one(0x0B)
    case "f": return one(0x0C)
    case "r": return one(0x0D)
    case "b" where inClass: return one(0x08)
    case "x": return one(try checked(hexadecimal(2)))
    case "u": return one(try unicodeEscape())
    case "p": return try property()
    case "P": return try property().complement
    default:
      let isPlain = !(scalar.properties.isAlphabetic || ("0"..."9").contains(scalar))
      guard isPlain else { throw PatternError(reason: "has the unsupported escape \\\(scalar)") }
      return one(scalar.value)
    }
  }

  /// Parses the `{name}` of a Unicode property.
  private mutating func property() throws(PatternError) -> ClassBounds {
    guard take("{"), let end = scalars[at...].prefix(40).firstIndex(of: "}") else {
      throw PatternError(reason: "has a malformed \\p escape")
    }
    let name = String(String.UnicodeScalarView(scalars[at..<end]))
    at = end + 1
    guard let ranges = CodePoints.property(name) else {
      throw PatternError(
        reason:
          "has the unsupported escape \\p{\(name)}; supported are L, Lu, Ll, N, Nd, P and the emoji properties")
    }
    return ClassBounds(ranges)
  }

  /// Parses `XXXX`, `{X…}` or the two escapes of a surrogate pair, after `\u`.
  private mutating func unicodeEscape() throws(PatternError) -> UInt32 {
    if take("{") {
      guard let end = scalars[at...].prefix(8).firstIndex(of: "}") else {
        throw PatternError(reason: "has a malformed escape")
      }
      let value = try hexadecimal(end - at)
      at += 1
      return try checked(value)
    }
    let high = try hexadecimal(4)
    guard (0xD800...0xDBFF).contains(high), take("\\"), take("u") else { return try checked(high) }
    let low = try hexadecimal(4)
    guard (0xDC00...0xDFFF).contains(low) else { throw PatternError(reason: "has a malformed escape") }
    return 0x10000 + (high - 0xD800) << 10 + (low - 0xDC00)
  }

  private mutating func hexadecimal(_ count: Int) throws(PatternError) -> UInt32 {
    let end = min(at + count, scalars.count)
    var value: UInt32 = 0
    guard count > 0, count <= 6, end - at == count else { throw PatternError(reason: "has a malformed escape") }
    for scalar in scalars[at..<end] {
      guard scalar.isASCII, let digit = Character(scalar).hexDigitValue else {
        throw PatternError(reason: "has a malformed escape")
      }
      value = value << 4 | UInt32(digit)
    }
    at = end
    return value
  }

  private func checked(_ value: UInt32) throws(PatternError) -> UInt32 {
    guard Unicode.Scalar(value) != nil else { throw PatternError(reason: "has a malformed escape") }
    return value
  }
}

extension ClassBounds {
  /// The only member if there is exactly one.
  fileprivate var single: UInt32? {
    guard least.count == 1, most.count == 1, least[0].lowerBound == least[0].upperBound else { return nil }
    return least[0].lowerBound
  }
}
