// Numbers from text and text from numbers, as Python's int(), float(), round() and % formatting have them.
import Foundation

extension String {
  /// What `int(text, base)` reads; nil where it raises or the value has more than 64 bits.
  func pythonInteger(base: Int) -> Int? {
    var digits = stripped(of: nil).lowercased()
    let isNegative = digits.hasExact(prefix: "-")
    if isNegative || digits.hasExact(prefix: "+") { digits.removeFirst() }
    var base = base
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)]
    where digits.hasExact(prefix: prefix) && (base == radix || base == 0) {
      digits.removeFirst(2)
      base = radix
    }
    if base == 0 { base = 10 }
    guard (2...36).contains(base), digits.utf8.first != UInt8(ascii: "_"), digits.utf8.last != UInt8(ascii: "_"),
      digits.offsets(of: "__", limit: 1).isEmpty
    else {
      return nil
    }
    digits.removeAll { $0 == "_" }
    guard let first = digits.utf8.first, first != UInt8(ascii: "+"), first != UInt8(ascii: "-") else { return nil }
    return Int((isNegative ? "-" : "") + digits, radix: base)
  }

  /// What `float(text)` reads; nil where it raises.
  var pythonFloat: Double? {
    let text = stripped(of: nil).lowercased()
    guard !text.isEmpty, text.utf8.count <= 512, !text.utf8.contains(UInt8(ascii: "x")),
      !text.utf8.contains(UInt8(ascii: "(")), text.offsets(of: "__", limit: 1).isEmpty
    else { return nil }
    return Double(text.filter { $0 != "_" })
  }
}

extension Double {
  /// `round(value, decimals)`: to the nearest decimal, halves by the exact binary value, as printf rounds.
  func rounded(toDecimals decimals: Int) -> Double {
    if !isFinite { return self }
    if decimals >= 0 { return Double(String(format: "%.\(decimals)f", self)) ?? self }
    let scale = pow(10, Double(-decimals))
    return (self / scale).rounded(.toNearestOrEven) * scale
  }
}

extension TemplateValue {
  /// Zero without a sign.
  var magnitudeOfZero: TemplateValue { if case .float = self { .float(0) } else { self } }
}

extension TemplateRenderer {
  /// Python's `format % values` for %s, %r, %d, %i, %f, %x and %%, with width, precision and the flags `0` and `-`.
  func formatted(_ format: String, _ value: TemplateValue) throws(TemplateError) -> String {
    try allocate(format.utf8.count)
    var values = [value]
    if case .sequence(let sequence) = value, sequence.kind == .tuple { values = sequence.elements }
    var arguments = values[...]
    var result = ""
    var rest = format.unicodeScalars[...]
    while let scalar = rest.popFirst() {
      if scalar != "%" { result.unicodeScalars.append(scalar); continue }
      let flags = rest.prefix { $0 == "0" || $0 == "-" }
      rest = rest[flags.endIndex...]
      let width = rest.prefix(while: \.isDecimalDigit)
      rest = rest[width.endIndex...]
      var precision: Int?
      if rest.first == "." {
        let digits = rest.dropFirst().prefix(while: \.isDecimalDigit)
        rest = rest[digits.endIndex...]
        precision = Int(String(digits)) ?? 0
      }
      guard let letter = rest.popFirst() else { throw fail("incomplete format") }
      if letter == "%" { result += "%"; continue }
      guard let argument = arguments.popFirst() else { throw fail("not enough arguments for format string") }
      let text = try formatted(argument, letter, precision)
      let space = (Int(String(width)) ?? 0) - text.unicodeScalars.count
      if space > 10_000 || precision ?? 0 > 300 { throw fail("the format is too wide") }
      try allocate(text.utf8.count + max(space, 0))
      let padding = String(
        repeating: flags.contains("0") && letter != "s" && letter != "r" && !flags.contains("-") ? "0" : " ",
        count: max(space, 0))
      if flags.contains("-") {
        result += text + padding
      } else if padding.hasExact(prefix: "0"), text.hasExact(prefix: "-") {
        result += "-" + padding + text.dropFirst()
      } else {
        result += padding + text
      }
    }
    if !arguments.isEmpty, case .mapping? = arguments.first { return result }
    if !arguments.isEmpty { throw fail("not all arguments converted during string formatting") }
    return result
  }

  private func formatted(_ value: TemplateValue, _ letter: Unicode.Scalar, _ precision: Int?) throws(TemplateError)
    -> String
  {
    switch letter {
    case "s", "r":
      var text = ""
      if letter == "s" { text = try string(value) } else { try represent(value, into: &text) }
      return precision.map { String(text.unicodeScalars.prefix($0)) } ?? text
    case "d", "i":
      guard let double = value.double else { throw fail("%d format: a number is required, not \(value.typeName)") }
      guard let int = value.int ?? Int(exactly: double.rounded(.towardZero)) else {
        throw fail("%d format: out of range")
      }
      return String(int)
    case "f":
      guard let double = value.double else { throw fail("must be real number, not \(value.typeName)") }
      if precision ?? 6 > 300 { throw fail("the format is too wide") }
      return String(format: "%.\(precision ?? 6)f", double)
    case "x":
      guard let int = value.int else { throw fail("%x format: an integer is required, not \(value.typeName)") }
      return String(int, radix: 16)
    default: throw fail("unsupported format character '\(letter)'")
    }
  }
}
