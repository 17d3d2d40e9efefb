// Splits template source into tokens like Jinja2 with trim_blocks and lstrip_blocks: removes a newline after a block
// tag and white space before a tag that begins a line; `-` strips more, `+` keeps. Works on code points.

import Text

/// A token and its position.
struct TemplateToken: Sendable {
  enum Kind: Sendable, Equatable {
    case text(String)
    case blockBegin, blockEnd, printBegin, printEnd
    case name(String)
    case string(String)
    case integer(Int)
    case float(Double)
    case symbol(String)
    case end
  }

  var kind: Kind
  var position: TemplatePosition
}

struct TemplateLexer {
  private let source: [Unicode.Scalar]
  private var at = 0
  private var position = TemplatePosition()
  private var tokens: [TemplateToken] = []
  private var lineStarting = true

  /// Returns the tokens of `source`, terminated by `.end`. Throws a syntax error for whatever Jinja2's lexer rejects.
  static func tokens(of source: String) throws(TemplateError) -> [TemplateToken] {
    var lexer = TemplateLexer(source)
    try lexer.run()
    return lexer.tokens
  }

  /// Converts line ends to `
  /// ` and drops one at the very end.
  private init(_ text: String) {
    var scalars: [Unicode.Scalar] = []
    var afterReturn = false
    for scalar in text.unicodeScalars {
      if !(scalar == "\n" && afterReturn) { scalars.append(scalar == "\r" ? "\n" : scalar) }
      afterReturn = scalar == "\r"
    }
    if scalars.last == "\n" { scalars.removeLast() }
    source = scalars
  }

  private func fail(_ reason: String) -> TemplateError { TemplateError(.syntax, reason, position) }

  private func matches(_ text: StaticString, at offset: Int) -> Bool {
    for index in 0..<text.utf8CodeUnitCount {
      let next = offset + index
      if next >= source.count || source[next].value != UInt32(text.utf8Start[index]) { return false }
    }
    return true
  }

  private func skippingSpace(from offset: Int) -> Int {
    var offset = offset
    while offset < source.count, source[offset].isPythonSpace { offset += 1 }
    return offset
  }

  private mutating func advance(to end: Int) {
    if end > at { lineStarting = source[end - 1] == "\n" }
    while at < end {
      if source[at] == "\n" {
        position.line &+= 1
        position.column = 1
      } else {
        position.column &+= 1
      }
      at += 1
    }
  }

  private mutating func emit(_ kind: TemplateToken.Kind) {
    tokens.append(TemplateToken(kind: kind, position: position))
  }

  private func string(_ range: Range<Int>) -> String {
    var text = ""
    text.unicodeScalars.append(contentsOf: source[range])
    return text
  }

  private mutating func run() throws(TemplateError) {
    while at < source.count {
      var open = at
      while open < source.count,
        !(source[open] == "{" && (matches("{%", at: open) || matches("{{", at: open) || matches("{#", at: open)))
      {
        open += 1
      }
      if open == source.count {
        emit(.text(string(at..<open)))
        advance(to: open)
        break
      }
      let sign = self.sign(at: open + 2)
      emitText(upTo: open, sign: sign, isPrint: source[open + 1] == "{")
      advance(to: open)
      let inside = open + (sign == nil ? 2 : 3)
      switch source[open + 1] {
      case "#": try comment(from: inside)
      case "{": try expression(from: inside, isBlock: false)
      default:
        if let end = rawBegin(at: inside) { try raw(from: end) } else { try expression(from: inside, isBlock: true) }
      }
    }
    emit(.end)
  }

  private func sign(at offset: Int) -> Unicode.Scalar? {
    offset < source.count && (source[offset] == "-" || source[offset] == "+") ? source[offset] : nil
  }

  private mutating func emitText(upTo open: Int, sign: Unicode.Scalar?, isPrint: Bool) {
    var end = open
    if sign == "-" {
      while end > at, source[end - 1].isPythonSpace { end -= 1 }
    } else if sign != "+", !isPrint {
      let line = source[at..<open].lastIndex(of: "\n").map { $0 + 1 } ?? at
      if line > at || lineStarting, line < open, skippingSpace(from: line) >= open { end = line }
    }
    if end > at { emit(.text(string(at..<end))) }
  }

  private mutating func comment(from start: Int) throws(TemplateError) {
    // As in Jinja2, a comment or raw block that opens at the very end needs no closing mark.
    if start == source.count { return advance(to: start) }
    var close = start
    while close < source.count, !matches("#}", at: close) { close += 1 }
    if close == source.count { throw fail("the comment is not closed") }
    advance(to: tagEnd(signAt: close > start ? close - 1 : nil, closeAt: close))
  }

  /// Returns the end of a tag's closing mark, including the white space it strips.
  private func tagEnd(signAt: Int?, closeAt close: Int) -> Int {
    let sign = signAt.flatMap { self.sign(at: $0) }
    if sign == "-" { return skippingSpace(from: close + 2) }
    return sign == nil && close + 2 < source.count && source[close + 2] == "\n" ? close + 3 : close + 2
  }

  private func rawBegin(at offset: Int) -> Int? {
    let name = skippingSpace(from: offset)
    guard matches("raw", at: name) else { return nil }
    let close = skippingSpace(from: name + 3)
    if matches("%}", at: close) { return close + 2 }
    return matches("-%}", at: close) ? skippingSpace(from: close + 3) : nil
  }

  private mutating func raw(from start: Int) throws(TemplateError) {
    advance(to: start)
    if start == source.count { return }
    var open = start
    while open < source.count {
      if matches("{%", at: open) {
        let sign = self.sign(at: open + 2)
        let name = skippingSpace(from: open + (sign == nil ? 2 : 3))
        if matches("endraw", at: name) {
          let close = skippingSpace(from: name + 6)
          let signed = self.sign(at: close) != nil
          if matches("%}", at: signed ? close + 1 : close) {
            emitText(upTo: open, sign: sign, isPrint: false)
            advance(to: tagEnd(signAt: signed ? close : nil, closeAt: signed ? close + 1 : close))
            return
          }
        }
      }
      open += 1
    }
    throw fail("the raw block is not closed")
  }

  private mutating func expression(from start: Int, isBlock: Bool) throws(TemplateError) {
    emit(isBlock ? .blockBegin : .printBegin)
    advance(to: start)
    var brackets: [Unicode.Scalar] = []
    while at < source.count {
      let scalar = source[at]
      if brackets.isEmpty, let end = closing(isBlock: isBlock) {
        emit(isBlock ? .blockEnd : .printEnd)
        advance(to: end)
        return
      }
      if scalar.isPythonSpace {
        advance(to: at + 1)
      } else if scalar.isDecimalDigit {
        try number()
      } else if scalar == "_" || scalar.properties.isXIDContinue {
        try name()
      } else if scalar == "'" || scalar == "\"" {
        try literal()
      } else {
        try symbol(&brackets)
      }
    }
    throw fail("the tag is not closed")
  }

  private func closing(isBlock: Bool) -> Int? {
    if isBlock {
      if matches("%}", at: at) { return tagEnd(signAt: nil, closeAt: at) }
      return matches("-%}", at: at) || matches("+%}", at: at) ? tagEnd(signAt: at, closeAt: at + 1) : nil
    }
    if matches("}}", at: at) { return at + 2 }
    return matches("-}}", at: at) ? skippingSpace(from: at + 3) : nil
  }

  private mutating func name() throws(TemplateError) {
    var end = at
    while end < source.count, source[end] == "_" || source[end].properties.isXIDContinue { end += 1 }
    if source[at] != "_", !source[at].properties.isXIDStart { throw fail("invalid character in a name") }
    if end - at > 256 { throw fail("a name must have at most 256 characters") }
    emit(.name(string(at..<end)))
    advance(to: end)
  }

  private static let symbols: [StaticString] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}", ">", "<", "=", ".",
    ":",
    "|", ",", ";",
  ]

  private mutating func symbol(_ brackets: inout [Unicode.Scalar]) throws(TemplateError) {
    guard let symbol = Self.symbols.first(where: { matches($0, at: at) }) else {
      throw fail("unexpected character '\(source[at])'")
    }
    switch source[at] {
    case "(": brackets.append(")")
    case "[": brackets.append("]")
    case "{": brackets.append("}")
    case ")", "]", "}":
      if brackets.popLast() != source[at] { throw fail("unexpected '\(source[at])'") }
    default: break
    }
    emit(.symbol("\(symbol)"))
    advance(to: at + symbol.utf8CodeUnitCount)
  }
}

extension TemplateLexer {
  /// Returns the end of the digits, with single underscores between them, from `offset`.
  private func digits(from offset: Int) -> Int {
    var end = offset
    while end < source.count {
      if source[end].isDecimalDigit {
        end += 1
      } else if end > offset, source[end] == "_", end + 1 < source.count, source[end + 1].isDecimalDigit {
        end += 2
      } else {
        break
      }
    }
    return end
  }

  private mutating func number() throws(TemplateError) {
    let bases: [(Unicode.Scalar, Int)] = [("b", 2), ("o", 8), ("x", 16)]
    if source[at] == "0", at + 1 < source.count,
      let (_, radix) = bases.first(where: { $0.0.value == source[at + 1].value | 0x20 })
    {
      var end = at + 2
      var text = ""
      while end < source.count, source[end] == "_" || Character(source[end]).hexDigitValue.map({ $0 < radix }) == true {
        if source[end] != "_" { text.unicodeScalars.append(source[end]) }
        end += 1
      }
      if !text.isEmpty { return try integer(text, radix, end) }
    }
    let whole = digits(from: at)
    var end = whole
    if end < source.count, source[end] == ".", digits(from: end + 1) > end + 1 { end = digits(from: end + 1) }
    if end < source.count, source[end] == "e" || source[end] == "E" {
      var exponent = end + 1
      if sign(at: exponent) != nil { exponent += 1 }
      if digits(from: exponent) > exponent { end = digits(from: exponent) }
    }
    // After a dot, digits are an index: `pair.0.1`.
    if case .symbol(".")? = tokens.last?.kind { end = whole }
    let text = String(scalars: source[at..<end].filter { $0 != "_" })
    if end == whole { return try integer(text, 10, end) }
    guard let value = Double(text) else { throw fail("invalid number") }
    emit(.float(value))
    advance(to: end)
  }

  private mutating func integer(_ text: String, _ radix: Int, _ end: Int) throws(TemplateError) {
    guard let value = Int(text, radix: radix) else { throw fail("the integer does not fit 64 bits") }
    if radix == 10, text.utf8.count > 1, text.utf8.first == UInt8(ascii: "0"), value != 0 {
      throw fail("an integer may not begin with 0")
    }
    emit(.integer(value))
    advance(to: end)
  }

  private mutating func literal() throws(TemplateError) {
    let quote = source[at]
    var end = at + 1
    var text = String.UnicodeScalarView()
    while end < source.count, source[end] != quote {
      if source[end] == "\\" { try escape(&end, into: &text) } else { text.append(source[end]); end += 1 }
    }
    if end >= source.count { throw fail("the string is not closed") }
    emit(.string(String(text)))
    advance(to: end + 1)
  }

  /// Decodes one escape of Python's `unicode-escape` at the backslash at `offset`. An unknown escape is kept as it
  /// is.
  private func escape(_ offset: inout Int, into text: inout String.UnicodeScalarView) throws(TemplateError) {
    guard offset + 1 < source.count else { throw fail("the string is not closed") }
    let letter = source[offset + 1]
    offset += 2
    switch letter {
    case "\n": break
    case "\\", "'", "\"": text.append(letter)
    case "a": text.append("\u{7}")
    case "b": text.append("\u{8}")
    case "f": text.append("\u{C}")
    case "n": text.append("\n")
    case "r": text.append("\r")
    case "t": text.append("\t")
    case "v": text.append("\u{B}")
    case "x": text.append(try code(&offset, digits: 2))
    case "u": text.append(try code(&offset, digits: 4))
    case "U": text.append(try code(&offset, digits: 8))
    case "N": throw fail("named characters are not supported")
    case "0"..."7":
      var value = letter.value - 48
      for _ in 0..<2 where offset < source.count && ("0"..."7").contains(source[offset]) {
        value = value * 8 + source[offset].value - 48
        offset += 1
      }
      text.append(Unicode.Scalar(value) ?? "\u{FFFD}")
    default:
      text.append("\\")
      text.append(letter)
    }
  }

  private func code(_ offset: inout Int, digits: Int) throws(TemplateError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<digits {
      guard offset < source.count, let digit = Character(source[offset]).hexDigitValue else {
        throw fail("truncated character escape")
      }
      value = value << 4 | UInt32(digit)
      offset += 1
    }
    guard let scalar = Unicode.Scalar(value) else { throw fail("the escape is not a valid character") }
    return scalar
  }
}
