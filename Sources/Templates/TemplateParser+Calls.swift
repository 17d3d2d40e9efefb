// Parses calls, filters and tests, and rejects the names of unsupported ones.

import Text

extension TemplateParser {
  mutating func call(_ callee: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    switch callee.kind {
    case .name("lipsum"): throw fail("the function 'lipsum' is not supported: its result is random")
    case .attribute(_, let name) where TemplateStringMethod.unsupported.contains(name):
      throw fail("the method '\(name)' is not supported")
    default: break
    }
    let arguments = try arguments()
    return try node(.call(callee, arguments), position, over: max(callee.depth, arguments.depth))
  }

  private mutating func arguments() throws(TemplateError) -> TemplateCallArguments {
    try expect(symbol: "(")
    var arguments = TemplateCallArguments()
    var isFirst = true
    while !isSymbol(")") {
      if !isFirst { try expect(symbol: ",") }
      if isSymbol(")") { break }
      isFirst = false
      if skip(symbol: "**") {
        if arguments.namedSpread != nil { throw fail("a call may have only one '**'") }
        arguments.namedSpread = try expression()
      } else if arguments.namedSpread != nil {
        throw fail("an argument must not follow '**'")
      } else if skip(symbol: "*") {
        if arguments.spread != nil { throw fail("a call may have only one '*'") }
        arguments.spread = try expression()
      } else if case .name(let name) = token.kind, following.kind == .symbol("=") {
        advance()
        advance()
        if arguments.named.contains(where: { $0.name == name }) { throw fail("the argument '\(name)' is repeated") }
        arguments.named.append((name, try expression()))
      } else if arguments.spread != nil || !arguments.named.isEmpty {
        throw fail("a positional argument must not follow a named one")
      } else {
        arguments.positional.append(try expression())
      }
    }
    advance()
    return arguments
  }

  /// Parses repeated `| name(arguments)`. Inside a `filter` tag the first bar is omitted.
  mutating func filterChain(startsInside: Bool) throws(TemplateError) -> [TemplateFilterUse] {
    var filters: [TemplateFilterUse] = []
    while filters.isEmpty && startsInside || skip(symbol: "|") {
      let position = token.position
      let name = try expectName()
      let arguments = isSymbol("(") ? try arguments() : TemplateCallArguments()
      let filter = TemplateFilterUse(name: name, arguments: arguments, position: position)
      try known(filter)
      filters.append(filter)
    }
    return filters
  }

  /// Throws if the filter is not supported, also for names of filters and tests in the arguments of `map` and
  /// `select`.
  private func known(_ filter: TemplateFilterUse) throws(TemplateError) {
    try known(filter: filter.name, filter.position)
    let names = filter.arguments.positional
    let index = filter.name == "selectattr" || filter.name == "rejectattr" ? 1 : 0
    guard names.count > index, case .string(let name) = names[index].kind else { return }
    switch filter.name {
    case "map": try known(filter: name, names[index].position)
    case "select", "reject", "selectattr", "rejectattr": try known(test: name, names[index].position)
    default: break
    }
  }

  private func known(filter name: String, _ position: TemplatePosition) throws(TemplateError) {
    if let reason = TemplateFilter.unsupported[name] {
      throw TemplateError(.syntax, "the filter '\(name)' is not supported: \(reason)", position)
    }
    if TemplateFilter(exactly: name) == nil { throw TemplateError(.syntax, "no filter named '\(name)'", position) }
  }

  private func known(test name: String, _ position: TemplatePosition) throws(TemplateError) {
    if TemplateTest(exactly: name) == nil, !TemplateTest.operators.contains(name) {
      throw TemplateError(.syntax, "no test named '\(name)'", position)
    }
  }

  mutating func filtersAndTests(_ base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    var result = base
    while true {
      switch token.kind {
      case .symbol("|"):
        for filter in try filterChain(startsInside: false) {
          result = try node(
            .filter(result, filter), filter.position, over: max(result.depth, filter.arguments.depth))
        }
      case .symbol("("): result = try call(result)
      case .name("is"): result = try test(of: result)
      default: return result
      }
    }
  }

  mutating func test(of base: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    let position = token.position
    advance()
    let isNegated = skip(name: "not")
    let name = try expectName()
    if TemplateTest(exactly: name) == nil { throw TemplateError(.syntax, "no test named '\(name)'", position) }
    var operands = TemplateCallArguments()
    switch token.kind {
    case .symbol("("): operands = try arguments()
    case .name("else"), .name("or"), .name("and"): break
    case .name("is"): throw fail("tests with 'is' cannot be chained")
    case .name, .string, .integer, .float, .symbol("["), .symbol("{"):
      // As in Jinja2, any following name is an argument: `x is defined if y` takes `if` as one.
      operands.positional = [try postfix(try primary())]
    default: break
    }
    let result = try node(.test(base, name, operands), position, over: max(base.depth, operands.depth))
    return isNegated ? try node(.not(result), position, over: result.depth) : result
  }
}
