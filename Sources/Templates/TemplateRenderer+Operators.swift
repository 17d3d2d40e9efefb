// Python's arithmetic, comparisons and containment. Integers have 64 bits; an overflow is an error.
import Foundation
import Text

extension TemplateRenderer {
  func number(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let hint) = value { throw fail(hint) }
    if case .float = value { return value }
    guard let int = value.int else { throw fail("'\(value.typeName)' is not a number") }
    return .integer(int)
  }

  func negated(_ value: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch try number(value) {
    case .integer(let int): return .integer(try checked(Int(0).subtractingReportingOverflow(int)))
    case .float(let double): return .float(-double)
    default: return value
    }
  }

  private func checked(_ result: (partialValue: Int, overflow: Bool)) throws(TemplateError) -> Int {
    if result.overflow { throw TemplateError(.limit, "the integer does not fit in 64 bits", position) }
    return result.partialValue
  }

  func binary(
    _ left: TemplateExpression, _ symbol: String, _ right: TemplateExpression, _ scope: TemplateScope,
    _ operatorPosition: TemplatePosition
  ) throws(TemplateError) -> TemplateValue {
    let left = try evaluate(left, scope)
    let right = try evaluate(right, scope)
    position = operatorPosition
    return try binary(left, symbol, right)
  }

  func binary(_ left: TemplateValue, _ symbol: String, _ right: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let hint) = left { throw fail(hint) }
    if case .undefined(let hint) = right, !(symbol == "%" && left.text != nil) { throw fail(hint) }
    if let a = left.int, let b = right.int { return try integers(a, symbol, b) }
    if let a = left.double, let b = right.double { return try floats(a, symbol, b) }
    switch (left, symbol, right) {
    case (.string(let a), "+", .string(let b)):
      try allocate(a.utf8.count + b.utf8.count)
      return .string(a + b)
    case (.sequence(let a), "+", .sequence(let b)) where a.kind == b.kind && (a.kind == .list || a.kind == .tuple):
      return try sequence(a.kind, a.elements + b.elements)
    case (.string(let text), "*", _), (_, "*", .string(let text)):
      if let count = right.int ?? left.int { return try repeated(text, count) }
    case (.sequence(let items), "*", _), (_, "*", .sequence(let items)):
      if let count = right.int ?? left.int, items.kind == .list || items.kind == .tuple {
        return try repeated(items, count)
      }
    case (.string(let format), "%", _): return .string(try formatted(format, right))
    default: break
    }
    throw fail("unsupported operand types for \(symbol): '\(left.typeName)' and '\(right.typeName)'")
  }

  private func repeated(_ text: String, _ count: Int) throws(TemplateError) -> TemplateValue {
    .string(try filled(text, count))
  }

  /// Returns `text` repeated `count` times, charging for it before it is built.
  func filled(_ text: String, _ count: Int) throws(TemplateError) -> String {
    if count <= 0 || text.isEmpty { return "" }
    let (bytes, overflow) = text.utf8.count.multipliedReportingOverflow(by: count)
    // Charged once for the bytes and once for the string made of them.
    try allocate(overflow ? .max >> 1 : bytes)
    try charge(bytes, .copy)
    let unit = Array(text.utf8)
    if unit.count == 1 { return String(decoding: [UInt8](repeating: unit[0], count: bytes), as: UTF8.self) }
    var result: [UInt8] = []
    result.reserveCapacity(bytes)
    for _ in 0..<count { result.append(contentsOf: unit) }
    return String(decoding: result, as: UTF8.self)
  }

  private func repeated(_ items: TemplateSequence, _ count: Int) throws(TemplateError) -> TemplateValue {
    let rounds = items.elements.isEmpty ? 0 : max(count, 0)
    let size = items.elements.count * MemoryLayout<TemplateValue>.stride
    let (bytes, overflow) = size.multipliedReportingOverflow(by: rounds)
    // Elements are reference-counted: copying one takes longer than copying its bytes.
    try allocate(overflow ? .max >> 1 : bytes, .scan)
    var elements: [TemplateValue] = []
    elements.reserveCapacity(items.elements.count * rounds)
    for _ in 0..<rounds { elements += items.elements }
    return try sequence(items.kind, elements)
  }

  private func integers(_ a: Int, _ symbol: String, _ b: Int) throws(TemplateError) -> TemplateValue {
    switch symbol {
    case "+": return .integer(try checked(a.addingReportingOverflow(b)))
    case "-": return .integer(try checked(a.subtractingReportingOverflow(b)))
    case "*": return .integer(try checked(a.multipliedReportingOverflow(by: b)))
    case "/":
      if b == 0 { throw fail("division by zero") }
      return .float(Double(a) / Double(b))
    case "//", "%":
      if b == 0 { throw fail("integer division or modulo by zero") }
      let quotient = try checked(a.dividedReportingOverflow(by: b))
      let remainder = a.remainderReportingOverflow(dividingBy: b).partialValue
      // Python rounds down, the processor towards zero.
      let isBelow = remainder != 0 && (remainder < 0) != (b < 0)
      return .integer(symbol == "//" ? (isBelow ? quotient - 1 : quotient) : (isBelow ? remainder + b : remainder))
    default:
      if b < 0 { return try floats(Double(a), symbol, Double(b)) }
      var result = 1
      var (base, exponent) = (a, b)
      while exponent > 0 {
        try charge()
        if exponent & 1 == 1 { result = try checked(result.multipliedReportingOverflow(by: base)) }
        exponent >>= 1
        if exponent > 0 { base = try checked(base.multipliedReportingOverflow(by: base)) }
      }
      return .integer(result)
    }
  }

  private func floats(_ a: Double, _ symbol: String, _ b: Double) throws(TemplateError) -> TemplateValue {
    switch symbol {
    case "+": return .float(a + b)
    case "-": return .float(a - b)
    case "*": return .float(a * b)
    case "**":
      let power = pow(a, b)
      if a == 0, b < 0 { throw fail("0.0 cannot be raised to a negative power") }
      if power.isNaN || power.isInfinite, a.isFinite, b.isFinite { throw fail("the power is out of range") }
      return .float(power)
    default: break
    }
    if b == 0 { throw fail("float division by zero") }
    if symbol == "/" { return .float(a / b) }
    // As in CPython, the remainder has the divisor's sign, and the quotient is computed from the rest.
    var remainder = fmod(a, b)
    var quotient = (a - remainder) / b
    if remainder != 0, (remainder < 0) != (b < 0) {
      remainder += b
      quotient -= 1
    }
    if symbol == "%" { return .float(remainder == 0 ? Double(sign: (b).sign, exponent: 0, significand: 0) : remainder) }
    var floored = quotient.rounded(.down)
    if quotient - floored > 0.5 { floored += 1 }
    return .float(quotient == 0 ? Double(sign: (a / b).sign, exponent: 0, significand: 0) : floored)
  }

  func compare(_ left: TemplateValue, _ symbol: String, _ right: TemplateValue) throws(TemplateError) -> Bool {
    switch symbol {
    case "==": return try equal(left, right)
    case "!=": return !(try equal(left, right))
    case "in": return try contains(right, left)
    case "not in": return !(try contains(right, left))
    case "<": return try ordered(left, right, symbol) < 0
    case ">": return try ordered(right, left, symbol) < 0
    case "<=": return try ordered(left, right, symbol, orEqual: true) <= 0
    default: return try ordered(right, left, symbol, orEqual: true) <= 0
    }
  }

  func equal(_ left: TemplateValue, _ right: TemplateValue) throws(TemplateError) -> Bool {
    try enter()
    defer { leave() }
    try charge()
    if let a = left.int, let b = right.int { return a == b }
    if let a = left.double, let b = right.double { return a == b }
    switch (left, right) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let a), .string(let b)):
      try charge(min(a.utf8.count, b.utf8.count))
      return a.isIdentical(to: b)
    case (.sequence(let a), .sequence(let b)):
      if a === b { return true }
      if case .range = a.kind, case .range = b.kind {} else if a.kind != b.kind { return false }
      if a.kind == .iterator || a.kind == .values || a.elements.count != b.elements.count { return false }
      for (x, y) in zip(a.elements, b.elements) where !(try equal(x, y)) { return false }
      return true
    case (.mapping(let a), .mapping(let b)):
      if a.keys.count != b.keys.count { return false }
      for (key, value) in zip(a.keys, a.values) {
        guard let other = b.value(of: key), try equal(value, other) else { return false }
      }
      return true
    default: return same(left, right)
    }
  }

  /// Python's `is`: identity of references, equality of other values.
  func same(_ left: TemplateValue, _ right: TemplateValue) -> Bool {
    switch (left, right) {
    case (.none, .none): true
    case (.bool(let a), .bool(let b)): a == b
    case (.integer(let a), .integer(let b)): a == b
    case (.string(let a), .string(let b)): a.isIdentical(to: b)
    case (.sequence(let a), .sequence(let b)): a === b
    case (.mapping(let a), .mapping(let b)): a === b
    case (.namespace(let a), .namespace(let b)): a === b
    case (.macro(let a), .macro(let b)): a === b
    case (.loop(let a), .loop(let b)): a === b
    case (.cycler(let a), .cycler(let b)): a === b
    default: false
    }
  }

  /// Returns a negative number, 0 or a positive number if `left` sorts before, with or after `right`. Throws where
  /// Python defines no order.
  func ordered(
    _ left: TemplateValue, _ right: TemplateValue, _ symbol: String, orEqual: Bool = false
  ) throws(TemplateError) -> Int {
    try enter()
    defer { leave() }
    try charge()
    if case .undefined(let hint) = left { throw fail(hint) }
    if case .undefined(let hint) = right { throw fail(hint) }
    if let a = left.int, let b = right.int { return a < b ? -1 : a == b ? 0 : 1 }
    if let a = left.double, let b = right.double { return a < b ? -1 : a == b ? 0 : 1 }
    switch (left, right) {
    case (.string(let a), .string(let b)):
      try charge(min(a.utf8.count, b.utf8.count))
      // UTF-8 sorts like code points.
      return a.isIdentical(to: b) ? 0 : a.utf8.lexicographicallyPrecedes(b.utf8) ? -1 : 1
    case (.sequence(let a), .sequence(let b)) where a.kind == b.kind && (a.kind == .list || a.kind == .tuple):
      for (x, y) in zip(a.elements, b.elements) where !(try equal(x, y)) {
        return try ordered(x, y, symbol, orEqual: orEqual)
      }
      return a.elements.count - b.elements.count
    default: throw fail("'\(symbol)' not supported between '\(left.typeName)' and '\(right.typeName)'")
    }
  }

  func contains(_ container: TemplateValue, _ value: TemplateValue) throws(TemplateError) -> Bool {
    switch container {
    case .string(let text):
      if case .undefined(let hint) = value { throw fail(hint) }
      guard let needle = value.text else { throw fail("'in <string>' requires string, not \(value.typeName)") }
      try charge(text.utf8.count + needle.utf8.count)
      return needle.isEmpty || !text.offsets(of: needle, limit: 1).isEmpty
    case .mapping(let mapping):
      if value.hashed == nil { throw fail("unhashable type: '\(value.typeName)'") }
      try charge(keyBytes(value))
      return mapping.value(of: value) != nil
    default:
      for element in try elements(of: container) where try equal(element, value) { return true }
      return false
    }
  }
}
