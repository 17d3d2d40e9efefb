// The tests after `is`.

import Text

/// The supported tests. Any other test is a syntax error, as in Jinja2.
enum TemplateTest: String, CaseIterable {
  case defined, undefined, none, string, number, integer, float, boolean, mapping, iterable, sequence, callable, odd
  case even, divisibleby, sameas, lower, upper, escaped, filter, test, `in`, eq, equalto, ne, lt, lessthan, le, gt
  case greaterthan, ge
  case isTrue = "true"
  case isFalse = "false"

  /// Returns the test with this name. The name may come from a conversation, so long ones are not compared.
  init?(named name: String) {
    if name.utf8.count > TemplateFilter.longestName { return nil }
    self.init(exactly: name)
  }

  /// Operators that are also tests: `select(">", 3)`.
  static let operators: Set<ExactString> = ["==", "!=", "<", "<=", ">", ">="]
}

extension TemplateRenderer {
  func test(
    _ base: TemplateExpression, _ name: String, _ operands: TemplateCallArguments, _ scope: TemplateScope
  ) throws(TemplateError) -> Bool {
    let saved = position
    let value = try evaluate(base, scope)
    let arguments = try arguments(operands, scope)
    position = saved
    return try test(value, name, arguments)
  }

  /// Whether `value` passes the test. The comparison operators are tests too (`select("==", 3)`).
  func test(_ value: TemplateValue, _ name: String, _ arguments: TemplateArguments) throws(TemplateError) -> Bool {
    if name.utf8.count <= 2, TemplateTest.operators.contains(name) {
      return try compare(value, name, try operand(arguments))
    }
    guard let test = TemplateTest(named: name) else { throw fail("no test named '\(name.shown)'") }
    switch test {
    case .eq, .equalto: return try compare(value, "==", try operand(arguments))
    case .ne: return try compare(value, "!=", try operand(arguments))
    case .lt, .lessthan: return try compare(value, "<", try operand(arguments))
    case .le: return try compare(value, "<=", try operand(arguments))
    case .gt, .greaterthan: return try compare(value, ">", try operand(arguments))
    case .ge: return try compare(value, ">=", try operand(arguments))
    case .in: return try contains(try operand(arguments), value)
    case .sameas: return same(value, try operand(arguments))
    case .divisibleby: return try isZero(try binary(value, "%", try operand(arguments)))
    case .filter: return value.text.map { TemplateFilter(named: $0) != nil } ?? false
    case .test: return value.text.map { TemplateTest(named: $0) != nil } ?? false
    default: break
    }
    _ = try bind(arguments, [])
    switch test {
    case .odd: return try equal(try binary(value, "%", .integer(2)), .integer(1))
    case .even: return try isZero(try binary(value, "%", .integer(2)))
    case .lower, .upper:
      let text = try string(value)
      let method = test == .lower ? "islower" : "isupper"
      return try call(method: method, of: .string(text), TemplateArguments()).isTrue
    default: return passes(test, value)
    }
  }

  private func operand(_ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    guard let operand = try bind(arguments, ["other"], required: 1)[0] else { throw fail("missing argument") }
    return operand
  }

  private func isZero(_ value: TemplateValue) throws(TemplateError) -> Bool { try equal(value, .integer(0)) }

  private func passes(_ test: TemplateTest, _ value: TemplateValue) -> Bool {
    switch (test, value) {
    case (.defined, .undefined): false
    case (.defined, _): true
    case (.undefined, .undefined): true
    case (.none, .none): true
    case (.string, .string): true
    case (.boolean, .bool): true
    case (.isTrue, .bool(let flag)): flag
    case (.isFalse, .bool(let flag)): !flag
    case (.integer, .integer), (.float, .float): true
    case (.number, .integer), (.number, .float), (.number, .bool): true
    case (.mapping, .mapping): true
    // Jinja2 tries `iter()`, and for a sequence `len()` and `__getitem__`. Its Undefined has the first two.
    case (.iterable, .string), (.iterable, .sequence), (.iterable, .mapping), (.iterable, .undefined),
      (.iterable, .loop):
      true
    case (.sequence, .string), (.sequence, .mapping): true
    case (.sequence, .undefined): true
    case (.sequence, .sequence(let sequence)): isIndexed(sequence)
    case (.callable, .function), (.callable, .method), (.callable, .macro), (.callable, .undefined), (.callable, .loop):
      true
    default: false
    }
  }

  private func isIndexed(_ sequence: TemplateSequence) -> Bool {
    switch sequence.kind {
    case .list, .tuple, .range: true
    default: false
    }
  }
}
