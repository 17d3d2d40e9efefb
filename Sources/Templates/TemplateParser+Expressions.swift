// Parses expressions by precedence climbing with Jinja2's levels (or, and, not, comparisons, sums, `~`, products,
// powers, unary). As in Jinja2, powers are left-associative and filters bind tighter than all operators.

import Text

extension TemplateParser {
  /// Creates a node one level above its children. Throws if the tree becomes deeper than the limit.
  func node(
    _ kind: TemplateExpression.Kind, _ position: TemplatePosition, over depth: Int
  ) throws(TemplateError) -> TemplateExpression {
    if depth >= limits.depth {
      throw TemplateError(.limit, "an expression may be nested at most \(limits.depth) deep", position)
    }
    return TemplateExpression(kind, position, depth: depth + 1)
  }

  /// Parses one expression, or several with commas between them as a tuple.
  mutating func tuple(conditional: Bool = true, explicit: Bool = false) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    var items: [TemplateExpression] = []
    var isTuple = false
    while !(token.kind == .printEnd || token.kind == .blockEnd || isSymbol(")") || isName("recursive")) {
      items.append(try expression(conditional: conditional))
      if !skip(symbol: ",") { break }
      isTuple = true
    }
    if !isTuple, let only = items.first { return only }
    if items.isEmpty, !explicit { throw fail("expected an expression") }
    return try node(.tuple(items), position, over: maximumDepth(items))
  }

  func maximumDepth(_ items: [TemplateExpression]) -> Int {
    var depth = 0
    for item in items { depth = max(depth, item.depth) }
    return depth
  }

  /// Parses one expression; `a if b else c` only if `conditional`.
  mutating func expression(conditional: Bool = true) throws(TemplateError) -> TemplateExpression {
    try open()
    defer { depth -= 1 }
    var result = try operators(1)
    while conditional, isName("if") {
      let position = token.position
      advance()
      let test = try operators(1)
      let otherwise = skip(name: "else") ? try expression() : nil
      result = try node(
        .conditional(test: test, then: result, otherwise: otherwise), position,
        over: max(result.depth, test.depth, otherwise?.depth ?? 0))
    }
    return result
  }

  private enum Level {
    static let or = 1, and = 2, not = 3, compare = 4, sum = 5, concatenation = 6, product = 7, power = 8
  }

  /// The level of the operator at the current token, or 0.
  private var level: Int {
    switch token.kind {
    case .name("or"): Level.or
    case .name("and"): Level.and
    case .name("in"): Level.compare
    case .name("not"): following.kind == .name("in") ? Level.compare : 0
    case .symbol("=="), .symbol("!="), .symbol("<"), .symbol("<="), .symbol(">"), .symbol(">="): Level.compare
    case .symbol("+"), .symbol("-"): Level.sum
    case .symbol("~"): Level.concatenation
    case .symbol("*"), .symbol("/"), .symbol("//"), .symbol("%"): Level.product
    case .symbol("**"): Level.power
    default: 0
    }
  }

  /// Parses operators of at least level `minimum`.
  private mutating func operators(_ minimum: Int) throws(TemplateError) -> TemplateExpression {
    var left: TemplateExpression
    if minimum <= Level.not, isName("not") {
      let position = token.position
      try open()
      defer { depth -= 1 }
      advance()
      let operand = try operators(Level.not)
      left = try node(.not(operand), position, over: operand.depth)
    } else {
      left = try unary(filtered: true)
    }
    while true {
      let level = self.level
      if level == 0 || level < minimum { return left }
      left = try binary(left, level)
    }
  }

  private mutating func binary(_ left: TemplateExpression, _ level: Int) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    switch level {
    case Level.compare: return try comparison(left)
    case Level.concatenation:
      var items = [left]
      while skip(symbol: "~") { items.append(try operators(level + 1)) }
      return try node(.concatenation(items), position, over: maximumDepth(items))
    default: break
    }
    let kind = token.kind
    advance()
    let right = try operators(level + 1)
    let below = max(left.depth, right.depth)
    switch kind {
    case .symbol(let symbol): return try node(.binary(left, symbol, right), position, over: below)
    case .name("and"): return try node(.and(left, right), position, over: below)
    default: return try node(.or(left, right), position, over: below)
    }
  }

  private mutating func comparison(_ left: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    var operands: [(symbol: String, operand: TemplateExpression)] = []
    var below = left.depth
    while level == Level.compare {
      var symbol = "in"
      if case .symbol(let text) = token.kind { symbol = text }
      if isName("not") {
        symbol = "not in"
        advance()
      }
      advance()
      let operand = try operators(Level.sum)
      below = max(below, operand.depth)
      operands.append((symbol, operand))
    }
    return try node(.comparison(left, operands), position, over: below)
  }

  mutating func unary(filtered: Bool) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    var result: TemplateExpression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      try open()
      defer { depth -= 1 }
      advance()
      let operand = try unary(filtered: false)
      result = try node(isNegative ? .negative(operand) : .positive(operand), position, over: operand.depth)
    } else {
      result = try primary()
    }
    result = try postfix(result)
    return filtered ? try filtersAndTests(result) : result
  }

  mutating func primary() throws(TemplateError) -> TemplateExpression {
    let position = token.position
    switch token.kind {
    case .name(let name):
      advance()
      switch name {
      case "true", "True": return try node(.bool(true), position, over: 0)
      case "false", "False": return try node(.bool(false), position, over: 0)
      case "none", "None": return try node(.none, position, over: 0)
      default:
        namesReadInsert(name)
        return try node(.name(name), position, over: 0)
      }
    case .string(var text):
      advance()
      while case .string(let more) = token.kind {
        text += more
        advance()
      }
      return try node(.string(text), position, over: 0)
    case .integer(let value):
      advance()
      return try node(.integer(value), position, over: 0)
    case .float(let value):
      advance()
      return try node(.float(value), position, over: 0)
    case .symbol("("):
      advance()
      try open()
      defer { depth -= 1 }
      let inner = try tuple(explicit: true)
      try expect(symbol: ")")
      return inner
    case .symbol("["): return try list()
    case .symbol("{"): return try dictionary()
    default: throw fail("expected an expression")
    }
  }

  private mutating func list() throws(TemplateError) -> TemplateExpression {
    let position = token.position
    advance()
    var items: [TemplateExpression] = []
    while !isSymbol("]") {
      if !items.isEmpty { try expect(symbol: ",") }
      if isSymbol("]") { break }
      items.append(try expression())
    }
    advance()
    return try node(.list(items), position, over: maximumDepth(items))
  }

  private mutating func dictionary() throws(TemplateError) -> TemplateExpression {
    let position = token.position
    advance()
    var pairs: [(key: TemplateExpression, value: TemplateExpression)] = []
    var below = 0
    while !isSymbol("}") {
      if !pairs.isEmpty { try expect(symbol: ",") }
      if isSymbol("}") { break }
      let key = try expression()
      try expect(symbol: ":")
      let value = try expression()
      below = max(below, key.depth, value.depth)
      pairs.append((key, value))
    }
    advance()
    return try node(.dictionary(pairs), position, over: below)
  }

  mutating func postfix(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var result = base
    while true {
      switch token.kind {
      case .symbol("."): result = try attribute(of: result)
      case .symbol("["): result = try item(of: result)
      case .symbol("("): result = try call(result)
      default: return result
      }
    }
  }

  private mutating func attribute(of base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    advance()
    switch token.kind {
    case .name(let name):
      advance()
      return try node(.attribute(base, name), position, over: base.depth)
    case .integer(let index):
      advance()
      let index = try node(.integer(index), position, over: 0)
      return try node(.item(base, index), position, over: base.depth)
    default: throw fail("expected a name or an index after '.'")
    }
  }

  private mutating func item(of base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    advance()
    if skip(symbol: "]") {
      let nothing = try node(.tuple([]), position, over: 0)
      return try node(.item(base, nothing), position, over: max(base.depth, nothing.depth))
    }
    var parts: [TemplateExpression?] = [nil]
    if !isSymbol(":") { parts[0] = try expression() }
    if let first = parts[0], isSymbol(",") { return try item(of: base, keys: first, position) }
    while parts.count < 3, skip(symbol: ":") {
      parts.append(isSymbol(":") || isSymbol("]") ? nil : try expression())
    }
    try expect(symbol: "]")
    if parts.count == 1, let index = parts[0] {
      return try node(.item(base, index), position, over: max(base.depth, index.depth))
    }
    var below = base.depth
    for part in parts { below = max(below, part?.depth ?? 0) }
    let step = parts.count == 3 ? parts[2] : nil
    return try node(.slice(base, from: parts[0], to: parts[1], step: step), position, over: below)
  }

  /// Parses `base[a, b]`, whose key is a tuple.
  private mutating func item(
    of base: TemplateExpression, keys first: TemplateExpression, _ position: TemplatePosition
  ) throws(TemplateError) -> TemplateExpression {
    var keys = [first]
    while skip(symbol: ",") {
      if isSymbol("]") { break }
      keys.append(try expression())
    }
    try expect(symbol: "]")
    let key = try node(.tuple(keys), position, over: maximumDepth(keys))
    return try node(.item(base, key), position, over: max(base.depth, key.depth))
  }
}
