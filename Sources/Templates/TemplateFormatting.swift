// Python's string formatting: `format % values`, and `str.format` as in Jinja2's sandbox.

import Text

/// Reads a format from its start.
private struct FormatReader {
  var rest: Substring.UnicodeScalarView

  mutating func pop() -> Unicode.Scalar? { rest.popFirst() }

  mutating func take(while passes: (Unicode.Scalar) -> Bool) -> String {
    let taken = rest.prefix(while: passes)
    rest = rest[taken.endIndex...]
    return String(taken)
  }

  mutating func skip(_ scalar: Unicode.Scalar) -> Bool {
    if rest.first != scalar { return false }
    rest.removeFirst()
    return true
  }
}

extension TemplateRenderer {
  /// Parses a width or precision. More than nine digits are a limit error.
  private func number(_ digits: String) throws(TemplateError) -> Int {
    if digits.utf8.count > 9 {
      throw TemplateError(.limit, "the width or precision of a format must be at most 999999999", position)
    }
    return Int(digits) ?? 0
  }

  /// `format % value`.
  func formatted(_ format: String, _ value: TemplateValue) throws(TemplateError) -> String {
    try charge(format.utf8.count, .scalars)
    var values = [value]
    var mapping: TemplateMapping?
    switch value {
    case .sequence(let sequence) where sequence.kind == .tuple: values = sequence.elements
    case .mapping(let given): mapping = given
    default: break
    }
    var arguments = values[...]
    func next() throws(TemplateError) -> TemplateValue {
      guard let argument = arguments.popFirst() else { throw fail("not enough arguments for format string") }
      return argument
    }
    var result = ""
    var reader = FormatReader(rest: format.unicodeScalars[...])
    while let scalar = reader.pop() {
      if scalar != "%" { result.unicodeScalars.append(scalar); continue }
      var named: TemplateValue?
      if reader.skip("(") {
        let key = reader.take { $0 != ")" }
        guard reader.skip(")") else { throw fail("incomplete format key") }
        guard let mapping else { throw fail("format requires a mapping") }
        guard let value = mapping.value(of: key) else { throw fail("the mapping has no key '\(key)'") }
        named = value
        arguments = []
      }
      var style = TemplateNumberStyle()
      var padsWithZeros = false
      for flag in reader.take(while: { "#0- +".unicodeScalars.contains($0) }).unicodeScalars {
        switch flag {
        case "#": style.isAlternate = true
        case "0": padsWithZeros = true
        case "-": style.alignment = "<"
        case "+": style.sign = "+"
        default: if style.sign != "+" { style.sign = " " }
        }
      }
      if reader.skip("*") {
        let width = try int(try next(), or: 0)
        if width < 0 { style.alignment = "<" }
        style.width = width.magnitude > 999_999_999 ? 999_999_999 : Int(width.magnitude)
      } else {
        style.width = try number(reader.take(while: \.isDecimalDigit))
      }
      if reader.skip(".") {
        if reader.skip("*") {
          style.precision = max(0, try int(try next(), or: 0))
        } else {
          style.precision = try number(reader.take(while: \.isDecimalDigit))
        }
      }
      _ = reader.take { $0 == "h" || $0 == "l" || $0 == "L" }
      guard let letter = reader.pop() else { throw fail("incomplete format") }
      if letter == "%" { result += "%"; continue }
      let argument: TemplateValue
      if let named { argument = named } else { argument = try next() }
      style.type = letter
      if padsWithZeros, style.alignment == nil { (style.fill, style.alignment) = ("0", "=") }
      let piece = try printed(argument, style)
      try allocate(piece.utf8.count)
      result += piece
    }
    if !arguments.isEmpty, mapping == nil { throw fail("not all arguments converted during string formatting") }
    return result
  }

  /// Formats one field of a `%` format.
  private func printed(_ value: TemplateValue, _ style: TemplateNumberStyle) throws(TemplateError) -> String {
    var style = style
    let letter = style.type ?? "s"
    switch letter {
    case "s", "r", "a":
      if style.alignment == "=" { (style.fill, style.alignment) = (" ", nil) }
      var text = try letter == "s" ? self.string(value) : representation(of: value, isASCII: letter == "a")
      if let precision = style.precision {
        text = String(String.UnicodeScalarView(text.unicodeScalars.prefix(precision)))
      }
      return try aligned(text, style, otherwise: ">")
    case "c":
      if style.alignment == "=" { (style.fill, style.alignment) = (" ", nil) }
      var text = value.text
      if let code = value.int { text = UInt32(exactly: code).flatMap(Unicode.Scalar.init).map { String($0) } }
      guard let text, text.unicodeScalars.count == 1 else { throw fail("%c requires int or char") }
      return try aligned(text, style, otherwise: ">")
    case "d", "i", "u", "x", "X", "o":
      let isDecimal = letter == "d" || letter == "i" || letter == "u"
      var whole = value.int
      if isDecimal, case .float(let double) = value { whole = Int(exactly: double.rounded(.towardZero)) }
      guard let whole else {
        throw fail("%\(letter) format: an integer is required, not \(value.typeName)")
      }
      guard let precision = style.precision else { return try padded(.integer(whole), style) }
      // The precision of an integer is its minimum number of digits.
      if precision > TemplateNumberStyle.largestPrecision {
        throw TemplateError(
          .limit, "the precision must be at most \(TemplateNumberStyle.largestPrecision) digits", position)
      }
      guard let (prefix, digits) = style.digits(of: whole) else { throw fail("unsupported format") }
      let zeros = try filled("0", precision - digits.utf8.count)
      let sign = whole < 0 ? "-" : style.sign == "-" ? "" : String(style.sign)
      return try aligned(zeros + digits, behind: sign + prefix, style, otherwise: ">")
    case "e", "E", "f", "F", "g", "G":
      guard value.double != nil else { throw fail("must be real number, not \(value.typeName)") }
      return try padded(value, style)
    default: throw fail("unsupported format character '\(letter)'")
    }
  }

  /// `repr`, and `ascii` where `isASCII`.
  private func representation(of value: TemplateValue, isASCII: Bool) throws(TemplateError) -> String {
    var text = ""
    try represent(value, into: &text)
    if !isASCII { return text }
    try charge(text.utf8.count, .scalars)
    return text.unicodeScalars.map { $0.isASCII ? String($0) : $0.pythonEscape }.joined()
  }
}

extension TemplateRenderer {
  /// `text.format(…)`.
  func formatted(_ text: String, fields: TemplateArguments) throws(TemplateError) -> String {
    var automatic: Int? = 0
    return try formatted(text, fields, &automatic, level: 0)
  }

  /// Formats `text`. `automatic` is the number of the next field without a number; nil once a field has been numbered
  /// explicitly.
  private func formatted(
    _ text: String, _ fields: TemplateArguments, _ automatic: inout Int?, level: Int
  ) throws(TemplateError) -> String {
    if level > 2 { throw fail("max string recursion exceeded") }
    try charge(text.utf8.count, .scalars)
    var result = ""
    var reader = FormatReader(rest: text.unicodeScalars[...])
    while let scalar = reader.pop() {
      if scalar == "}" {
        guard reader.skip("}") else { throw fail("single '}' encountered in format string") }
        result += "}"
        continue
      }
      if scalar != "{" { result.unicodeScalars.append(scalar); continue }
      if reader.skip("{") { result += "{"; continue }
      var name = ""
      var depth = 0
      while let next = reader.rest.first, depth > 0 || (next != "}" && next != ":" && next != "!") {
        if next == "{" { throw fail("unexpected '{' in field name") }
        depth += next == "[" ? 1 : next == "]" ? -1 : 0
        name.unicodeScalars.append(next)
        _ = reader.pop()
      }
      var conversion: Unicode.Scalar?
      if reader.skip("!") {
        conversion = reader.pop()
        if let next = reader.rest.first, next != ":", next != "}" {
          throw fail("expected ':' after conversion specifier")
        }
      }
      var specification = ""
      if reader.skip(":") {
        var open = 0
        while let next = reader.rest.first, open > 0 || next != "}" {
          open += next == "{" ? 1 : next == "}" ? -1 : 0
          specification.unicodeScalars.append(next)
          _ = reader.pop()
        }
      }
      guard reader.skip("}") else { throw fail("expected '}' before end of string") }
      var value = try field(name, fields, &automatic)
      switch conversion {
      case nil: break
      case "s": value = .string(try string(value))
      case "r", "a": value = .string(try representation(of: value, isASCII: conversion == "a"))
      default: throw fail("unknown conversion specifier")
      }
      specification = try formatted(specification, fields, &automatic, level: level + 1)
      let piece = try printed(value, specification)
      try allocate(piece.utf8.count)
      result += piece
    }
    return result
  }

  /// Returns what `name` refers to: an argument by number or name, then attributes and items of it.
  private func field(
    _ name: String, _ fields: TemplateArguments, _ automatic: inout Int?
  ) throws(TemplateError) -> TemplateValue {
    var reader = FormatReader(rest: name.unicodeScalars[...])
    let first = reader.take { $0 != "." && $0 != "[" }
    var value: TemplateValue
    if first.isEmpty || first.unicodeScalars.allSatisfy(\.isDecimalDigit) {
      var index = try number(first)
      if first.isEmpty {
        guard let next = automatic else { throw fail("cannot switch from manual to automatic field numbering") }
        index = next
        automatic = next + 1
      } else if let next = automatic, next > 0 {
        throw fail("cannot switch from automatic to manual field numbering")
      } else {
        automatic = nil
      }
      guard fields.positional.indices.contains(index) else {
        throw fail("replacement index \(index) out of range for positional args tuple")
      }
      value = fields.positional[index]
    } else {
      guard let found = fields.named.last(where: { $0.name.isIdentical(to: first) }) else {
        throw fail("format has no argument named '\(first.shown)'")
      }
      value = found.value
    }
    while let mark = reader.pop() {
      if mark == "." {
        value = try attribute(reader.take { $0 != "." && $0 != "[" }, of: value)
      } else {
        guard mark == "[" else { throw fail("only '.' or '[' may follow ']' in format field specifier") }
        let key = reader.take { $0 != "]" }
        guard reader.skip("]") else { throw fail("missing ']' in format string") }
        let isIndex = !key.isEmpty && key.unicodeScalars.allSatisfy(\.isDecimalDigit)
        value = try item(isIndex ? .integer(try number(key)) : .string(key), of: value)
      }
    }
    return value
  }

  /// `format(value, specification)`.
  private func printed(_ value: TemplateValue, _ specification: String) throws(TemplateError) -> String {
    if specification.isEmpty { return try string(value) }
    var style = TemplateNumberStyle()
    var reader = FormatReader(rest: specification.unicodeScalars[...])
    let alignments = "<>^=".unicodeScalars
    if let second = reader.rest.dropFirst().first, alignments.contains(second), let fill = reader.pop() {
      (style.fill, style.alignment) = (fill, reader.pop())
    } else if let first = reader.rest.first, alignments.contains(first) {
      style.alignment = reader.pop()
    }
    let isText = value.text != nil
    if let sign = reader.rest.first, "+- ".unicodeScalars.contains(sign) {
      if isText { throw fail("sign not allowed in string format specifier") }
      style.sign = sign
      _ = reader.pop()
    }
    style.isAlternate = reader.skip("#")
    if reader.skip("0") {
      if style.alignment == nil { (style.fill, style.alignment) = ("0", isText ? "<" : "=") }
    }
    style.width = try number(reader.take(while: \.isDecimalDigit))
    if let grouping = reader.rest.first, grouping == "," || grouping == "_" { style.grouping = reader.pop() }
    if reader.skip(".") {
      let digits = reader.take(while: \.isDecimalDigit)
      if digits.isEmpty { throw fail("format specifier missing precision") }
      style.precision = try number(digits)
    }
    style.type = reader.pop()
    if !reader.rest.isEmpty { throw fail("invalid format specifier '\(specification)'") }
    if style.grouping != nil, style.alignment == "=", style.fill == "0" {
      throw fail("zeros with digit groups are not supported")
    }
    switch value {
    case .string(let text):
      if style.type != nil, style.type != "s" { throw fail("unknown format code for an object of type 'str'") }
      if style.alignment == "=" { throw fail("'=' alignment not allowed in string format specifier") }
      if style.isAlternate || style.grouping != nil { throw fail("the format is not for an object of type 'str'") }
      try charge(text.utf8.count, .scan)
      let cut = style.precision.map { String(String.UnicodeScalarView(text.unicodeScalars.prefix($0))) }
      return try aligned(cut ?? text, style, otherwise: "<")
    case .bool, .integer, .float:
      if style.type == "c", let code = value.int {
        guard let scalar = UInt32(exactly: code).flatMap(Unicode.Scalar.init) else { throw fail("%c arg not in range") }
        return try aligned(String(scalar), style, otherwise: "<")
      }
      if style.precision != nil, value.int != nil, style.type.map({ !"eEfFgG%".unicodeScalars.contains($0) }) ?? true {
        throw fail("precision not allowed in integer format specifier")
      }
      return try padded(value, style)
    default: throw fail("unsupported format string passed to \(value.typeName).__format__")
    }
  }
}
