// Converts values to text: Python's str and repr, number formatting, and json.dumps with the settings of chat
// templates (", " and ": " as separators, no HTML escapes, non-ASCII characters unescaped).
import Foundation
import Text

extension TemplateRenderer {
  /// Python's `str`.
  func string(_ value: TemplateValue) throws(TemplateError) -> String {
    switch value {
    case .string(let text): return text
    case .undefined: return ""
    default:
      var text = ""
      try represent(value, into: &text)
      try allocate(text.utf8.count)
      return text
    }
  }

  /// Appends Python's `repr`.
  func represent(_ value: TemplateValue, into text: inout String) throws(TemplateError) {
    try enter()
    defer { leave() }
    try charge()
    if text.utf8.count > limits.output {
      throw TemplateError(.limit, "a value must print to at most \(limits.output) bytes", position)
    }
    switch value {
    case .undefined: text += "Undefined"
    case .none: text += "None"
    case .bool(let value): text += value ? "True" : "False"
    case .integer(let value): text += String(value)
    case .float(let value): text += value.pythonDescription
    case .string(let value):
      try charge(value.utf8.count, .scalars)
      text += value.pythonRepresentation
    case .sequence(let sequence): try represent(sequence, into: &text)
    case .mapping(let mapping): try represent(Array(zip(mapping.keys, mapping.values)), into: &text)
    case .namespace(let namespace):
      text += "<Namespace "
      try represent(namespace.attributes.map { (.string($0.name), $0.value) }, into: &text)
      text += ">"
    case .loop(let loop): text += "<LoopContext \(loop.index + 1)/\(loop.elements.count)>"
    case .macro(let macro): text += "<Macro '\(macro.syntax.name)'>"
    case .cycler, .function, .method: text += "<\(value.typeName)>"
    }
  }

  private func represent(_ sequence: TemplateSequence, into text: inout String) throws(TemplateError) {
    let (open, close) =
      switch sequence.kind {
      case .list: ("[", "]")
      case .tuple: ("(", sequence.elements.count == 1 ? ",)" : ")")
      case .keys: ("dict_keys([", "])")
      case .values: ("dict_values([", "])")
      case .items: ("dict_items([", "])")
      case .iterator: ("<generator [", "]>")
      case .range(let start, let stop, let step):
        ("range(\(start), \(stop)" + (step == 1 ? "" : ", \(step)") + ")", "")
      }
    text += open
    if case .range = sequence.kind { return }
    for (index, element) in sequence.elements.enumerated() {
      if index > 0 { text += ", " }
      try represent(element, into: &text)
    }
    text += close
  }

  private func represent(
    _ members: [(TemplateValue, TemplateValue)], into text: inout String
  ) throws(TemplateError) {
    text += "{"
    for (index, (key, value)) in members.enumerated() {
      if index > 0 { text += ", " }
      try represent(key, into: &text)
      text += ": "
      try represent(value, into: &text)
    }
    text += "}"
  }

  /// The options of `tojson`.
  struct JSONStyle {
    var indent: String?
    var itemSeparator = ", "
    var keySeparator = ": "
    var escapesNonASCII = false
    var sortsKeys = false
  }

  /// Appends the output of `json.dumps`.
  func dump(
    _ value: TemplateValue, _ style: JSONStyle, level: Int, into text: inout String
  ) throws(TemplateError) {
    try enter()
    defer { leave() }
    try charge()
    if text.utf8.count > limits.output {
      throw TemplateError(.limit, "a value must print to at most \(limits.output) bytes", position)
    }
    switch value {
    case .none: text += "null"
    case .bool(let value): text += value ? "true" : "false"
    case .integer(let value): text += String(value)
    case .float(let value):
      text += value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : value.pythonDescription
    case .string(let value):
      try charge(value.utf8.count, .scan)
      text += value.jsonRepresentation(escapesNonASCII: style.escapesNonASCII)
    case .sequence(let sequence) where sequence.kind == .list || sequence.kind == .tuple:
      try dump(elements: sequence.elements, style, level: level, into: &text)
    case .mapping(let mapping): try dump(mapping, style, level: level, into: &text)
    default: throw fail("Object of type \(value.typeName) is not JSON serializable")
    }
  }

  private func newline(_ style: JSONStyle, _ level: Int, into text: inout String) throws(TemplateError) {
    guard let indent = style.indent else { return }
    text += "\n" + (try filled(indent, level))
  }

  private func dump(
    elements: [TemplateValue], _ style: JSONStyle, level: Int, into text: inout String
  ) throws(TemplateError) {
    if elements.isEmpty { text += "[]"; return }
    text += "["
    for (index, element) in elements.enumerated() {
      if index > 0 { text += style.itemSeparator }
      try newline(style, level + 1, into: &text)
      try dump(element, style, level: level + 1, into: &text)
    }
    try newline(style, level, into: &text)
    text += "]"
  }

  private func dump(
    _ mapping: TemplateMapping, _ style: JSONStyle, level: Int, into text: inout String
  ) throws(TemplateError) {
    if mapping.keys.isEmpty { text += "{}"; return }
    var members = Array(zip(mapping.keys, mapping.values))
    if style.sortsKeys {
      let order = try sorted(members.map(\.0))
      members = order.map { members[$0] }
    }
    text += "{"
    for (index, (key, value)) in members.enumerated() {
      if index > 0 { text += style.itemSeparator }
      try newline(style, level + 1, into: &text)
      switch key {
      case .string: try dump(key, style, level: level, into: &text)
      case .none, .bool, .integer, .float:
        text += "\""
        try dump(key, style, level: level, into: &text)
        text += "\""
      default: throw fail("keys must be str, int, float, bool or None, not \(key.typeName)")
      }
      text += style.keySeparator
      try dump(value, style, level: level + 1, into: &text)
    }
    try newline(style, level, into: &text)
    text += "}"
  }
}

extension Double {
  /// Python's `repr(float)`: shortest digits, with an exponent below 1e-4 and from 1e16.
  var pythonDescription: String {
    if isNaN { return "nan" }
    if isInfinite { return self < 0 ? "-inf" : "inf" }
    if self == 0 { return sign == .minus ? "-0.0" : "0.0" }
    // Swift produces the same shortest digits, in a different layout.
    let parts = "\(magnitude)".split(at: "e")
    var exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    let mantissa = parts[0].split(at: ".")
    var digits = Array(mantissa[0].utf8) + (mantissa.count > 1 ? Array(mantissa[1].utf8) : [])
    exponent += mantissa[0].utf8.count
    let zero = UInt8(ascii: "0")
    while digits.count > 1, digits[0] == zero { digits.removeFirst(); exponent -= 1 }
    while digits.count > 1, digits[digits.count - 1] == zero { digits.removeLast() }
    let text = String(decoding: digits, as: UTF8.self)
    let prefix = self < 0 ? "-" : ""
    // `exponent` is the position of the point, counted from the first digit.
    if exponent > 16 || exponent < -3 {
      let power = exponent - 1
      let tail = text.dropFirst()
      let shown = abs(power) < 10 ? "0\(abs(power))" : "\(abs(power))"
      return prefix + text.prefix(1) + (tail.isEmpty ? "" : ".\(tail)") + "e" + (power < 0 ? "-" : "+") + shown
    }
    if exponent <= 0 { return prefix + "0." + String(repeating: "0", count: -exponent) + text }
    if digits.count <= exponent {
      return prefix + text + String(repeating: "0", count: exponent - digits.count) + ".0"
    }
    return prefix + text.prefix(exponent) + "." + text.dropFirst(exponent)
  }
}

extension String {
  /// Python's `repr(str)`.
  var pythonRepresentation: String {
    let quote: Unicode.Scalar = utf8.contains(UInt8(ascii: "'")) && !utf8.contains(UInt8(ascii: "\"")) ? "\"" : "'"
    var result = String.UnicodeScalarView([quote])
    for scalar in unicodeScalars {
      switch scalar {
      case "\\": result.append(contentsOf: "\\\\".unicodeScalars)
      case "\n": result.append(contentsOf: "\\n".unicodeScalars)
      case "\r": result.append(contentsOf: "\\r".unicodeScalars)
      case "\t": result.append(contentsOf: "\\t".unicodeScalars)
      case quote: result.append(contentsOf: ["\\", quote])
      case _ where scalar.isPrintable: result.append(scalar)
      default: result.append(contentsOf: scalar.pythonEscape.unicodeScalars)
      }
    }
    result.append(quote)
    return String(result)
  }

  /// Returns the string as written by `json.dumps`.
  func jsonRepresentation(escapesNonASCII: Bool) -> String {
    var result: [UInt8] = [UInt8(ascii: "\"")]
    result.reserveCapacity(utf8.count + 2)
    if escapesNonASCII, !utf8.allSatisfy({ $0 < 0x80 }) {
      for scalar in unicodeScalars {
        if let byte = UInt8(exactly: scalar.value), byte < 0x80 {
          byte.appendJSON(to: &result)
        } else {
          // Characters beyond the first plane are written as a surrogate pair.
          for unit in String(scalar).utf16 { result += "\\u\(Hexadecimal.text(of: UInt32(unit), width: 4))".utf8 }
        }
      }
    } else {
      for byte in utf8 { byte.appendJSON(to: &result) }
    }
    result.append(UInt8(ascii: "\""))
    return String(decoding: result, as: UTF8.self)
  }
}

extension UInt8 {
  /// Appends a byte of a string's UTF-8 as written by `json.dumps`. DEL is not escaped.
  fileprivate func appendJSON(to result: inout [UInt8]) {
    switch self {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"): result += [UInt8(ascii: "\\"), self]
    case 0x08: result += "\\b".utf8
    case 0x09: result += "\\t".utf8
    case 0x0A: result += "\\n".utf8
    case 0x0C: result += "\\f".utf8
    case 0x0D: result += "\\r".utf8
    case ..<0x20: result += "\\u\(Hexadecimal.text(of: UInt32(self), width: 4))".utf8
    default: result.append(self)
    }
  }
}

extension Unicode.Scalar {
  /// The escape that `repr` and `ascii` write for the code point.
  var pythonEscape: String {
    let (letter, width) = value < 0x100 ? ("x", 2) : value < 0x10000 ? ("u", 4) : ("U", 8)
    return "\\\(letter)\(Hexadecimal.text(of: value, width: width))"
  }
}
