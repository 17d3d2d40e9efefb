// The format of one field, which is common to Python's `%` and `str.format`. Widths and precisions come from the
// template, so the renderer charges for a field before formatting it.
import Foundation
import Text

/// The parts of a field's format: `[fill][align][sign][#][0][width][grouping][.precision][type]`.
struct TemplateNumberStyle {
  var fill: Unicode.Scalar = " "
  /// `<`, `>`, `^`, or `=` for padding after the sign; nil is the default of the type.
  var alignment: Unicode.Scalar?
  /// `-`, `+` or a space: the prefix of a number that is not negative.
  var sign: Unicode.Scalar = "-"
  /// `#`: whether a prefix shows the base.
  var isAlternate = false
  var width = 0
  /// `,` or `_` between groups of digits.
  var grouping: Unicode.Scalar?
  var precision: Int?
  var type: Unicode.Scalar?

  /// The limit on digits, because C's printf would write them all.
  static let largestPrecision = 300

  /// Returns the digits of an integer in the base of the format type, and the prefix of that base; nil if the type is
  /// not for integers.
  func digits(of value: Int) -> (prefix: String, digits: String)? {
    let magnitude = value.magnitude
    switch type {
    case nil, "d", "n", "i", "u": return ("", String(magnitude))
    case "x": return (isAlternate ? "0x" : "", String(magnitude, radix: 16))
    case "X": return (isAlternate ? "0X" : "", String(magnitude, radix: 16, uppercase: true))
    case "o": return (isAlternate ? "0o" : "", String(magnitude, radix: 8))
    case "b": return (isAlternate ? "0b" : "", String(magnitude, radix: 2))
    default: return nil
    }
  }

  /// Returns the digits of a float's magnitude; nil if the type is not for floats.
  func digits(of value: Double) -> String? {
    let magnitude = value.magnitude
    let isUpper = type == "E" || type == "F" || type == "G"
    if !magnitude.isFinite {
      let word = (magnitude.isNaN ? "nan" : "inf") + (type == "%" ? "%" : "")
      return isUpper ? word.uppercased() : word
    }
    switch type {
    case "e", "E", "f", "F", "g", "G":
      let letter = type.map(String.init) ?? "f"
      return String(format: "%\(isAlternate ? "#" : "").\(precision ?? 6)\(letter)", magnitude)
    case "n": return String(format: "%.\(precision ?? 6)g", magnitude)
    case "%": return String(format: "%.\(precision ?? 6)f", magnitude * 100) + "%"
    case nil:
      guard let precision else { return magnitude.pythonDescription }
      let text = String(format: "%.\(max(precision, 1))g", magnitude)
      return text.utf8.allSatisfy { (0x30...0x39).contains($0) } ? text + ".0" : text
    default: return nil
    }
  }

  /// Returns `digits` with a separator between groups, counted from the decimal point.
  func grouped(_ digits: String) -> String {
    guard let grouping else { return digits }
    let whole = digits.unicodeScalars.prefix { Character($0).isHexDigit }
    let size = type == "x" || type == "X" || type == "o" || type == "b" ? 4 : 3
    var result = String.UnicodeScalarView()
    for (index, digit) in whole.enumerated() {
      if index > 0, (whole.count - index).isMultiple(of: size) { result.append(grouping) }
      result.append(digit)
    }
    result.append(contentsOf: digits.unicodeScalars.dropFirst(whole.count))
    return String(result)
  }
}

extension TemplateRenderer {
  /// Formats a number with its sign, base and padding.
  func padded(_ value: TemplateValue, _ style: TemplateNumberStyle) throws(TemplateError) -> String {
    if (style.precision ?? 0) > TemplateNumberStyle.largestPrecision {
      throw TemplateError(
        .limit, "the precision must be at most \(TemplateNumberStyle.largestPrecision) digits", position)
    }
    let isFloatType = style.type.map { "eEfFgG%".unicodeScalars.contains($0) } ?? false
    let isNegative: Bool
    let prefix: String
    let digits: String
    if !isFloatType, let int = value.int {
      guard let found = style.digits(of: int) else { throw unknown(style, value) }
      (isNegative, prefix, digits) = (int < 0, found.prefix, found.digits)
    } else {
      guard let double = value.double, let found = style.digits(of: double) else { throw unknown(style, value) }
      (isNegative, prefix, digits) = (double.sign == .minus && !double.isNaN, "", found)
    }
    let sign = isNegative ? "-" : style.sign == "-" ? "" : String(style.sign)
    return try aligned(style.grouped(digits), behind: sign + prefix, style, otherwise: ">")
  }

  /// Pads `text` to the style's width. With the alignment `=`, padding goes between `head` and `text`.
  func aligned(
    _ text: String, behind head: String = "", _ style: TemplateNumberStyle, otherwise: Unicode.Scalar
  ) throws(TemplateError) -> String {
    try allocate(text.utf8.count + head.utf8.count, .scan)
    let missing = max(0, style.width - text.unicodeScalars.count - head.unicodeScalars.count)
    if missing == 0 { return head + text }
    let fill = String(style.fill)
    switch style.alignment ?? otherwise {
    case "<": return head + text + (try filled(fill, missing))
    case "^": return try filled(fill, missing / 2) + head + text + (try filled(fill, missing - missing / 2))
    case "=": return head + (try filled(fill, missing)) + text
    default: return try filled(fill, missing) + head + text
    }
  }

  private func unknown(_ style: TemplateNumberStyle, _ value: TemplateValue) -> TemplateError {
    fail("unknown format code '\(style.type.map(String.init) ?? "")' for an object of type '\(value.typeName)'")
  }
}
