// Executes a template's statements. One renderer serves one rendering on one thread: it owns the output, the scopes
// and the meter of steps, depth and memory. Scopes and namespaces may refer to themselves through macros; the
// renderer tracks them and breaks the cycles at the end, so that nothing leaks.
import JSON
import Text

final class TemplateRenderer {
  let limits: TemplateLimits
  private let context: JSONObject
  /// The context members that have been converted to values.
  private var converted = TemplateVariables()
  private var meter: TemplateMeter
  private var depth = 0
  private var outputBytes = 0
  var output = ""
  /// The position of the expression being evaluated, for errors.
  var position = TemplatePosition()
  private var namespaces: [TemplateNamespace] = []
  private var capturedScopes: [TemplateScope] = []
  private var changedLoops: [TemplateLoop] = []

  private enum Flow { case next, `break`, `continue` }

  init(context: JSONObject, limits: TemplateLimits) {
    (self.context, self.limits) = (context, limits)
    meter = TemplateMeter(limits)
  }

  /// Renders `statements`.
  static func render(
    _ statements: [TemplateStatement], _ context: JSONObject, _ limits: TemplateLimits
  ) throws(TemplateError) -> String {
    let renderer = TemplateRenderer(context: context, limits: limits)
    defer { renderer.dismantle() }
    _ = try renderer.run(statements, TemplateScope(parent: nil))
    return renderer.output
  }

  private func dismantle() {
    for namespace in namespaces { namespace.attributes = [] }
    for scope in capturedScopes { scope.variables = TemplateVariables() }
    for loop in changedLoops { loop.lastChanged = nil }
  }

  func fail(_ reason: String) -> TemplateError { TemplateError(.evaluation, reason, position) }

  /// Charges one step and the reading of `bytes`.
  func charge(_ bytes: Int = 0, _ work: TemplateMeter.Work = .scan) throws(TemplateError) {
    if let reason = meter.charge(bytes, work) { throw TemplateError(.limit, reason, position) }
  }

  /// Charges a string or list of `bytes` to be created.
  func allocate(_ bytes: Int, _ work: TemplateMeter.Work = .copy) throws(TemplateError) {
    if let reason = meter.allocate(bytes, work) { throw TemplateError(.limit, reason, position) }
  }

  func enter() throws(TemplateError) {
    depth += 1
    if depth > limits.depth {
      throw TemplateError(.limit, "an evaluation may be nested at most \(limits.depth) deep", position)
    }
  }

  func leave() { depth -= 1 }

  private func write(_ text: String) throws(TemplateError) {
    outputBytes += text.utf8.count
    if outputBytes > limits.output {
      throw TemplateError(.limit, "the output must have at most \(limits.output) bytes", position)
    }
    try charge(text.utf8.count, .copy)
    output += text
  }

  func register(_ namespace: TemplateNamespace) { namespaces.append(namespace) }
  func register(_ loop: TemplateLoop) { changedLoops.append(loop) }

  /// Returns the variable `name`: from the template, then the conversation, then the global functions.
  func variable(_ name: String, _ scope: TemplateScope) -> TemplateValue {
    if let value = scope.value(of: name) ?? converted[name] { return value }
    if let json = context[name] {
      let value = TemplateValue(json)
      converted[name] = value
      return value
    }
    switch name {
    case "range": return .function(.range)
    case "namespace": return .function(.namespace)
    case "dict": return .function(.dict)
    case "cycler": return .function(.cycler)
    case "joiner": return .function(.joiner)
    case "raise_exception": return .function(.raiseException)
    case "strftime_now": return .function(.strftimeNow)
    default: return .undefined("'\(name)' is undefined")
    }
  }

  private func run(_ statements: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError) -> Flow {
    try enter()
    defer { leave() }
    for statement in statements {
      try charge()
      let flow = try run(statement, scope)
      if flow != .next { return flow }
    }
    return .next
  }

  private func run(_ statement: TemplateStatement, _ scope: TemplateScope) throws(TemplateError) -> Flow {
    switch statement {
    case .text(let text): try write(text)
    case .print(let expression): try write(try string(try evaluate(expression, scope)))
    case .condition(let branches, let otherwise):
      for branch in branches where try evaluate(branch.test, scope).isTrue { return try run(branch.body, scope) }
      return try run(otherwise, scope)
    case .loop(let loop): return try run(loop, over: try evaluate(loop.sequence, scope), scope)
    case .set(let target, let expression): try assign(try evaluate(expression, scope), to: target, scope)
    case .setBlock(let target, let filters, let body, let tagPosition):
      let text = try capture(body, TemplateScope(parent: scope))
      try assign(try apply(filters, to: .string(text), scope, tagPosition), to: target, scope)
    case .macro(let syntax): scope.variables[syntax.name] = .macro(macro(syntax, scope))
    case .call(let call, let syntax): try write(try string(try self.call(call, caller: macro(syntax, scope), scope)))
    case .filter(let filters, let body, let tagPosition):
      let text = try capture(body, TemplateScope(parent: scope))
      try write(try string(try apply(filters, to: .string(text), scope, tagPosition)))
    case .scope(let assignments, let body, _):
      let inner = TemplateScope(parent: scope)
      for assignment in assignments {
        try assign(try evaluate(assignment.value, scope), to: assignment.target, inner)
      }
      return try run(body, inner)
    case .break: return .break
    case .continue: return .continue
    }
    return .next
  }

  private func macro(_ syntax: TemplateMacroSyntax, _ scope: TemplateScope) -> TemplateMacro {
    markCaptured(scope)
    return TemplateMacro(syntax, scope)
  }

  /// Registers scopes that may be referenced after they have ended.
  private func markCaptured(_ scope: TemplateScope) {
    var captured: TemplateScope? = scope
    while let current = captured, !current.isCaptured {
      current.isCaptured = true
      capturedScopes.append(current)
      captured = current.parent
    }
  }

  /// Returns the text that a body prints, without adding it to the output.
  func capture(_ body: [TemplateStatement], _ scope: TemplateScope) throws(TemplateError) -> String {
    let outer = output
    output = ""
    defer { output = outer }
    _ = try run(body, scope)
    try allocate(output.utf8.count)
    return output
  }

  private func apply(
    _ filters: [TemplateFilterUse], to value: TemplateValue, _ scope: TemplateScope, _ tagPosition: TemplatePosition
  ) throws(TemplateError) -> TemplateValue {
    var value = value
    for filter in filters {
      position = filter.position
      value = try apply(filter, to: value, scope)
    }
    return value
  }

  private func run(
    _ loop: TemplateLoopSyntax, over sequence: TemplateValue, _ scope: TemplateScope, level: Int = 0
  ) throws(TemplateError) -> Flow {
    position = loop.position
    var elements = try self.elements(of: sequence)
    if let filter = loop.filter {
      var selected: [TemplateValue] = []
      for element in elements {
        let inner = TemplateScope(parent: scope)
        try assign(element, to: loop.target, inner)
        if try evaluate(filter, inner).isTrue { selected.append(element) }
      }
      try allocate(selected.count * 16)
      elements = selected
    }
    if elements.isEmpty { return try run(loop.otherwise, TemplateScope(parent: scope)) }
    if loop.isRecursive { markCaptured(scope) }
    let state = TemplateLoop(
      elements, depth: try containerDepth(over: elements), level: level,
      recursion: loop.isRecursive ? (loop, scope) : nil)
    for index in elements.indices {
      state.index = index
      let inner = TemplateScope(parent: scope)
      position = loop.position
      try charge()
      try assign(elements[index], to: loop.target, inner)
      inner.variables["loop"] = .loop(state)
      if try run(loop.body, inner) == .break { break }
    }
    return .next
  }

  /// `loop(value)` in a recursive loop: returns what the loop prints for the elements of `value`.
  func call(_ loop: TemplateLoop, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    guard let (syntax, scope) = loop.recursion else {
      throw fail("the loop must have the 'recursive' marker to be called recursively")
    }
    let value = try bind(arguments, ["iterable"], required: 1)[0] ?? .none
    let outer = output
    output = ""
    defer { output = outer }
    _ = try run(syntax, over: value, scope, level: loop.level + 1)
    try allocate(output.utf8.count)
    return .string(output)
  }

  private func assign(
    _ value: TemplateValue, to target: TemplateTarget, _ scope: TemplateScope
  ) throws(TemplateError) {
    switch target {
    case .name(let name): scope.variables[name] = value
    case .attribute(let name, let attribute):
      guard case .namespace(let namespace) = variable(name, scope) else {
        throw fail("cannot assign attribute on non-namespace object")
      }
      try charge(namespace.attributes.count * 16)
      namespace[attribute] = value
    case .tuple(let targets):
      let elements = try self.elements(of: value)
      if elements.count != targets.count {
        throw fail("\(elements.count) values cannot be unpacked into \(targets.count) names")
      }
      for (element, target) in zip(elements, targets) { try assign(element, to: target, scope) }
    }
  }
}

extension TemplateRenderer {
  /// Calls a macro. Parameters come from positional arguments, then named ones, then defaults, else they are
  /// undefined.
  func call(
    _ macro: TemplateMacro, _ arguments: TemplateArguments, caller: TemplateValue?
  ) throws(TemplateError) -> TemplateValue {
    let syntax = macro.syntax
    let scope = TemplateScope(parent: macro.scope)
    var named = arguments.named
    if let caller { named.append(("caller", caller)) }
    let extra = arguments.positional.count - syntax.parameters.count
    if extra > 0, !syntax.implicit.contains("varargs") {
      throw fail("macro '\(syntax.name)' takes not more than \(syntax.parameters.count) arguments")
    }
    for (index, parameter) in syntax.parameters.enumerated() {
      let given = named.firstIndex { $0.name.isIdentical(to: parameter.name) }
      if index < arguments.positional.count {
        if given != nil { throw fail("macro '\(syntax.name)' got two values for '\(parameter.name)'") }
        scope.variables[parameter.name] = arguments.positional[index]
      } else if let given {
        scope.variables[parameter.name] = named.remove(at: given).value
      }
    }
    // Defaults are evaluated once the parameters before them are known.
    for parameter in syntax.parameters where scope.variables[parameter.name] == nil {
      scope.variables[parameter.name] = .undefined("parameter '\(parameter.name)' was not provided")
      if let fallback = parameter.fallback { scope.variables[parameter.name] = try evaluate(fallback, scope) }
    }
    if syntax.implicit.contains("caller") {
      let given = named.firstIndex { $0.name.isIdentical(to: "caller") }
      scope.variables["caller"] = given.map { named.remove(at: $0).value } ?? .undefined("no caller defined")
    }
    if syntax.implicit.contains("kwargs") {
      let mapping = TemplateMapping()
      for (name, value) in named { _ = mapping.insert(.string(name), value) }
      scope.variables["kwargs"] = .mapping(mapping)
    } else if let surplus = named.first {
      throw fail("macro '\(syntax.name)' takes no keyword argument '\(surplus.name.shown)'")
    }
    if syntax.implicit.contains("varargs") {
      let surplus = extra > 0 ? Array(arguments.positional.suffix(extra)) : []
      scope.variables["varargs"] = try sequence(.tuple, surplus)
    }
    return .string(try capture(syntax.body, scope))
  }
}
