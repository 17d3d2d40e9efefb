// Parses statements by recursive descent. `depth` counts open constructs, so that a hostile source is rejected before
// the stack overflows.

import Text

struct TemplateParser {
  private let tokens: [TemplateToken]
  private var at = 0
  let limits: TemplateLimits
  /// The number of open constructs while parsing.
  var depth = 0
  private var loops = 0
  /// The names read so far in each open macro body.
  var namesRead: [Set<ExactString>] = []

  /// Parses `source`. Throws a syntax error, or a limit error if the source is too long or too deeply nested.
  static func statements(of source: String, limits: TemplateLimits) throws(TemplateError) -> [TemplateStatement] {
    if source.utf8.count > limits.source {
      throw TemplateError(.limit, "the template must have at most \(limits.source) bytes", TemplatePosition())
    }
    var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: source), limits: limits)
    return try parser.body(until: []).statements
  }

  private init(tokens: [TemplateToken], limits: TemplateLimits) {
    (self.tokens, self.limits) = (tokens, limits)
  }

  /// The current token. The last one is `.end`, which is never passed.
  var token: TemplateToken { tokens[at] }
  var following: TemplateToken { tokens[min(at + 1, tokens.count - 1)] }
  mutating func advance() { at = min(at + 1, tokens.count - 1) }

  func fail(_ reason: String) -> TemplateError { TemplateError(.syntax, reason, token.position) }

  func isName(_ name: String) -> Bool { token.kind == .name(name) }
  func isSymbol(_ symbol: String) -> Bool { token.kind == .symbol(symbol) }

  mutating func skip(name: String) -> Bool {
    if !isName(name) { return false }
    advance()
    return true
  }

  mutating func skip(symbol: String) -> Bool {
    if !isSymbol(symbol) { return false }
    advance()
    return true
  }

  mutating func expect(symbol: String) throws(TemplateError) {
    if !skip(symbol: symbol) { throw fail("expected '\(symbol)'") }
  }

  mutating func expectName() throws(TemplateError) -> String {
    guard case .name(let name) = token.kind else { throw fail("expected a name") }
    advance()
    return name
  }

  private mutating func expectBlockEnd() throws(TemplateError) {
    if token.kind != .blockEnd { throw fail("expected the end of the tag") }
    advance()
  }

  mutating func open() throws(TemplateError) {
    depth += 1
    if depth > limits.depth {
      throw TemplateError(.limit, "a template may be nested at most \(limits.depth) deep", token.position)
    }
  }

  /// Parses statements up to a tag named in `ends`, whose name is consumed and returned; without `ends`, up to the
  /// end of the source.
  private mutating func body(until ends: [String]) throws(TemplateError) -> (
    statements: [TemplateStatement], end: String
  ) {
    try open()
    defer { depth -= 1 }
    var statements: [TemplateStatement] = []
    while true {
      switch token.kind {
      case .text(let text):
        statements.append(.text(text))
        advance()
      case .printBegin:
        advance()
        statements.append(.print(try tuple()))
        if token.kind != .printEnd { throw fail("expected the end of the expression") }
        advance()
      case .blockBegin:
        advance()
        let name = try expectName()
        if ends.contains(name) { return (statements, name) }
        statements.append(try statement(name))
      case .end:
        if !ends.isEmpty { throw fail("the template ends without \(ends.joined(separator: " or "))") }
        return (statements, "")
      default: throw fail("unexpected token")
      }
    }
  }

  /// Parses a body whose end tag has nothing after its name.
  private mutating func body(endedBy end: String) throws(TemplateError) -> [TemplateStatement] {
    try expectBlockEnd()
    let statements = try body(until: [end]).statements
    try expectBlockEnd()
    return statements
  }

  private mutating func statement(_ name: String) throws(TemplateError) -> TemplateStatement {
    let position = token.position
    switch name {
    case "if": return try condition()
    case "for": return try loop(position)
    case "set": return try set(position)
    case "macro": return try macro(position)
    case "call": return try call(position)
    case "filter":
      let filters = try filterChain(startsInside: true)
      return .filter(filters, try body(endedBy: "endfilter"), position)
    case "with": return try with(position)
    case "generation": return .scope([], try body(endedBy: "endgeneration"), position)
    case "break", "continue":
      if loops == 0 { throw fail("'\(name)' is only allowed in a loop") }
      try expectBlockEnd()
      return name == "break" ? .break : .continue
    case "print": return try prints(position)
    case "autoescape":
      guard skip(name: "false") || skip(name: "False") else {
        throw fail("'autoescape' is not supported: chat templates output plain text")
      }
      return .scope([], try body(endedBy: "endautoescape"), position)
    case "include", "import", "from", "extends", "block":
      throw fail("the tag '\(name)' is not supported: a chat template cannot refer to other files")
    case "do", "trans", "debug":
      throw fail("the tag '\(name)' is not supported: transformers does not load its extension")
    default: throw fail("unknown tag '\(name)'")
    }
  }

  /// Parses `{% print a, b %}`.
  private mutating func prints(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    var statements: [TemplateStatement] = []
    while token.kind != .blockEnd {
      if !statements.isEmpty { try expect(symbol: ",") }
      statements.append(.print(try expression()))
    }
    try expectBlockEnd()
    return .condition([], otherwise: statements)
  }

  private mutating func condition() throws(TemplateError) -> TemplateStatement {
    var branches: [(test: TemplateExpression, body: [TemplateStatement])] = []
    while true {
      let test = try tuple(conditional: false)
      try expectBlockEnd()
      let (statements, end) = try body(until: ["elif", "else", "endif"])
      branches.append((test, statements))
      if end == "elif" { continue }
      let otherwise = end == "else" ? try body(endedBy: "endif") : []
      if end == "endif" { try expectBlockEnd() }
      return .condition(branches, otherwise: otherwise)
    }
  }

  private mutating func loop(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    let target = try target(allowsAttribute: false)
    if !skip(name: "in") { throw fail("expected 'in'") }
    let sequence = try tuple(conditional: false)
    let filter = skip(name: "if") ? try expression() : nil
    let isRecursive = skip(name: "recursive")
    try expectBlockEnd()
    loops += 1
    let (statements, end) = try body(until: ["endfor", "else"])
    loops -= 1
    let otherwise = end == "else" ? try body(endedBy: "endfor") : []
    if end == "endfor" { try expectBlockEnd() }
    return .loop(
      TemplateLoopSyntax(
        target: target, sequence: sequence, filter: filter, body: statements, otherwise: otherwise,
        isRecursive: isRecursive, position: position))
  }

  private mutating func target(allowsAttribute: Bool) throws(TemplateError) -> TemplateTarget {
    try open()
    defer { depth -= 1 }
    var targets: [TemplateTarget] = []
    var isTuple = false
    while true {
      if case .name(let name) = token.kind, name != "in" {
        if ["true", "false", "none", "True", "False", "None"].contains(name) {
          throw fail("cannot assign to '\(name)'")
        }
        advance()
        if allowsAttribute, skip(symbol: ".") {
          namesReadInsert(name)
          targets.append(.attribute(of: name, try expectName()))
        } else {
          targets.append(.name(name))
        }
      } else if isSymbol("(") {
        advance()
        targets.append(try self.target(allowsAttribute: allowsAttribute))
        try expect(symbol: ")")
      } else if targets.isEmpty {
        throw fail("expected a name to assign to")
      } else {
        break
      }
      if !skip(symbol: ",") { break }
      isTuple = true
    }
    return isTuple ? .tuple(targets) : targets[0]
  }

  private mutating func set(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    let target = try target(allowsAttribute: true)
    if skip(symbol: "=") {
      let value = try tuple()
      try expectBlockEnd()
      return .set(target, value)
    }
    let filters = try filterChain(startsInside: false)
    return .setBlock(target, filters, try body(endedBy: "endset"), position)
  }

  private mutating func with(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    var assignments: [(target: TemplateTarget, value: TemplateExpression)] = []
    while token.kind != .blockEnd {
      if !assignments.isEmpty { try expect(symbol: ",") }
      guard case .name(let name) = token.kind else { throw fail("expected a name") }
      advance()
      try expect(symbol: "=")
      assignments.append((.name(name), try expression()))
    }
    return .scope(assignments, try body(endedBy: "endwith"), position)
  }

  private mutating func macro(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    let name = try expectName()
    return .macro(try callable(name, parameters: try signature(), end: "endmacro", position))
  }

  private mutating func call(_ position: TemplatePosition) throws(TemplateError) -> TemplateStatement {
    let parameters = isSymbol("(") ? try signature() : []
    let call = try expression()
    guard case .call = call.kind else { throw fail("expected a call") }
    return .call(call, try callable("caller", parameters: parameters, end: "endcall", position))
  }

  private mutating func signature() throws(TemplateError) -> [(name: String, fallback: TemplateExpression?)] {
    try expect(symbol: "(")
    var parameters: [(name: String, fallback: TemplateExpression?)] = []
    while !isSymbol(")") {
      if !parameters.isEmpty { try expect(symbol: ",") }
      let name = try expectName()
      if skip(symbol: "=") {
        parameters.append((name, try expression()))
      } else if parameters.last?.fallback != nil {
        throw fail("a parameter without a default must not follow one with a default")
      } else {
        parameters.append((name, nil))
      }
    }
    advance()
    return parameters
  }

  private mutating func callable(
    _ name: String, parameters: [(name: String, fallback: TemplateExpression?)], end: String,
    _ position: TemplatePosition
  ) throws(TemplateError) -> TemplateMacroSyntax {
    let outerLoops = loops
    loops = 0
    namesRead.append([])
    let statements = try body(endedBy: end)
    loops = outerLoops
    var read = namesRead.popLast() ?? []
    read.subtract(parameters.map(\.name.exact))
    return TemplateMacroSyntax(
      name: name, parameters: parameters, body: statements,
      implicit: read.intersection(["caller", "varargs", "kwargs"]), position: position)
  }

  mutating func namesReadInsert(_ name: String) {
    if !namesRead.isEmpty { namesRead[namesRead.count - 1].insert(name.exact) }
  }
}
