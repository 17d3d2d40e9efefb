// Filters that return numbers, and conversion from and to JSON.
import JSON
import Text

extension TemplateRenderer {
  func number(
    _ filter: TemplateFilter, _ value: TemplateValue, _ arguments: TemplateArguments
  ) throws(TemplateError) -> TemplateValue {
    if case .undefined(let hint) = value { throw fail(hint) }
    try charge(value.text?.utf8.count ?? 0)
    switch filter {
    case .int:
      let bound = try bind(arguments, ["default", "base"])
      let base = try int(bound[1], or: 10)
      if let text = value.text, let int = text.pythonInteger(base: base) { return .integer(int) }
      let double = value.text.map { $0.pythonFloat } ?? value.double
      if value.text == nil, let int = value.int { return .integer(int) }
      return double.flatMap { Int(exactly: $0.rounded(.towardZero)) }.map { .integer($0) } ?? bound[0] ?? .integer(0)
    case .float:
      let fallback = try bind(arguments, ["default"])[0] ?? .float(0)
      return (value.text.map { $0.pythonFloat } ?? value.double).map { .float($0) } ?? fallback
    case .abs:
      _ = try bind(arguments, [])
      let number = try number(value)
      return number.double.map { $0 < 0 } == true
        ? try negated(number) : number.double == 0 ? number.magnitudeOfZero : number
    default: return try rounded(value, arguments)
    }
  }

  private func rounded(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["precision", "method"])
    let precision = try int(bound[0], or: 0)
    let method = try bound[1].map { value throws(TemplateError) in try text(value) } ?? "common"
    if !["common", "ceil", "floor"].contains(method) { throw fail("method must be common, ceil or floor") }
    guard let double = value.double, abs(precision) <= 300 else { throw fail("'\(value.typeName)' cannot be rounded") }
    if method == "common" {
      if let int = value.int {
        if precision >= 0 { return .integer(int) }
        throw fail("rounding an integer to tens is not supported")
      }
      return .float(double.rounded(toDecimals: precision))
    }
    let scale = TemplateValue.integer(10)
    let power = try binary(scale, "**", .integer(precision))
    guard let scaled = try binary(value, "*", power).double else { return value }
    let whole = scaled.rounded(method == "ceil" ? .up : .down)
    guard let int = Int(exactly: whole) else { return .float(whole / (power.double ?? 1)) }
    return try binary(.integer(int), "/", power)
  }

  func json(_ value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    let bound = try bind(arguments, ["ensure_ascii", "indent", "separators", "sort_keys"])
    var style = JSONStyle()
    style.escapesNonASCII = bound[0]?.isTrue ?? false
    style.sortsKeys = bound[3]?.isTrue ?? false
    if let indent = bound[1], !indent.isNone {
      if let text = indent.text {
        style.indent = text
      } else {
        let width = max(0, try int(indent, or: 0))
        if width > 64 { throw fail("the indent must be at most 64, got \(width)") }
        style.indent = String(repeating: " ", count: width)
      }
      style.itemSeparator = ","
    }
    if let separators = bound[2], !separators.isNone {
      let pair = try elements(of: separators)
      if pair.count != 2 { throw fail("separators must be a pair") }
      style.itemSeparator = try text(pair[0])
      style.keySeparator = try text(pair[1])
    }
    var text = ""
    try dump(value, style, level: 0, into: &text)
    try allocate(text.utf8.count)
    return .string(text)
  }

  /// Parses `text` as JSON.
  func parsed(_ text: String) throws(TemplateError) -> TemplateValue {
    try charge(text.utf8.count, .scalars)
    try allocate(text.utf8.count * 16)
    guard let value = try? JSONValue(parsing: text) else { throw fail("from_json: the text is not valid JSON") }
    return TemplateValue(value)
  }
}
