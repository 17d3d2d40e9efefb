// Evaluates expressions: names, items, attributes, calls and logical operators.

import Text

/// The evaluated arguments of a call.
struct TemplateArguments {
  var positional: [TemplateValue] = []
  var named: [(name: String, value: TemplateValue)] = []
}

extension TemplateRenderer {
  func evaluate(_ expression: TemplateExpression, _ scope: TemplateScope) throws(TemplateError) -> TemplateValue {
    try enter()
    defer { leave() }
    position = expression.position
    try charge()
    switch expression.kind {
    case .none: return .none
    case .bool(let value): return .bool(value)
    case .integer(let value): return .integer(value)
    case .float(let value): return .float(value)
    case .string(let text): return .string(text)
    case .name(let name): return variable(name, scope)
    case .list(let items): return try sequence(.list, try evaluate(all: items, scope))
    case .tuple(let items): return try sequence(.tuple, try evaluate(all: items, scope))
    case .dictionary(let pairs): return try dictionary(pairs, scope)
    case .attribute(let base, let name): return try attribute(name, of: try evaluate(base, scope))
    case .item(let base, let index): return try item(base, index, scope)
    case .slice(let base, let from, let to, let step): return try slice(base, from, to, step, scope)
    case .call: return try call(expression, caller: nil, scope)
    case .filter(let base, let filter):
      let value = try evaluate(base, scope)
      position = filter.position
      return try apply(filter, to: value, scope)
    case .test(let base, let name, let operands): return .bool(try test(base, name, operands, scope))
    case .not(let operand): return .bool(!(try evaluate(operand, scope).isTrue))
    case .negative(let operand): return try negated(try evaluate(operand, scope))
    case .positive(let operand): return try number(try evaluate(operand, scope))
    case .and(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? try evaluate(right, scope) : value
    case .or(let left, let right):
      let value = try evaluate(left, scope)
      return value.isTrue ? value : try evaluate(right, scope)
    case .binary(let left, let symbol, let right): return try binary(left, symbol, right, scope, expression.position)
    case .concatenation(let items): return try concatenation(items, scope)
    case .comparison(let left, let operands): return try comparison(left, operands, scope)
    case .conditional(let test, let then, let otherwise):
      if try evaluate(test, scope).isTrue { return try evaluate(then, scope) }
      guard let otherwise else { return .undefined("the inline if-expression evaluated to false") }
      return try evaluate(otherwise, scope)
    }
  }

  private func evaluate(
    all items: [TemplateExpression], _ scope: TemplateScope
  ) throws(TemplateError) -> [TemplateValue] {
    var values: [TemplateValue] = []
    values.reserveCapacity(items.count)
    for item in items { values.append(try evaluate(item, scope)) }
    return values
  }

  /// Returns the depth of a container of `elements`. Throws if it exceeds the limit.
  func containerDepth(over elements: [TemplateValue]) throws(TemplateError) -> Int {
    var depth = 0
    for element in elements { depth = max(depth, element.depth) }
    if depth >= limits.depth {
      throw TemplateError(.limit, "values may be nested at most \(limits.depth) deep", position)
    }
    return depth + 1
  }

  /// Creates a sequence and charges for it.
  func sequence(
    _ kind: TemplateSequence.Kind, _ elements: [TemplateValue], names: [String] = []
  ) throws(TemplateError) -> TemplateValue {
    try allocate(elements.count * MemoryLayout<TemplateValue>.stride + 64)
    return .sequence(TemplateSequence(kind, elements, depth: try containerDepth(over: elements), names: names))
  }

  private func dictionary(
    _ pairs: [(key: TemplateExpression, value: TemplateExpression)], _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    var members: [(TemplateValue, TemplateValue)] = []
    for pair in pairs { members.append((try evaluate(pair.key, scope), try evaluate(pair.value, scope))) }
    return try mapping(members)
  }

  /// Returns the cost of hashing `key` in bytes scanned.
  func keyBytes(_ key: TemplateValue) -> Int { key.text.map { $0.utf8.count << 3 } ?? (key.depth > 0 ? 16 << 10 : 0) }

  /// Creates a mapping and charges for it.
  func mapping(_ members: [(TemplateValue, TemplateValue)]) throws(TemplateError) -> TemplateValue {
    try allocate(members.count * 128 + 128)
    let mapping = TemplateMapping()
    for (key, value) in members {
      try charge(keyBytes(key))
      if !mapping.insert(key, value) { throw fail("unhashable type: '\(key.typeName)'") }
    }
    if mapping.depth > limits.depth {
      throw TemplateError(.limit, "values may be nested at most \(limits.depth) deep", position)
    }
    return .mapping(mapping)
  }

  private func concatenation(_ items: [TemplateExpression], _ scope: TemplateScope) throws(TemplateError)
    -> TemplateValue
  {
    var text = ""
    for item in items {
      let piece = try string(try evaluate(item, scope))
      try allocate(piece.utf8.count)
      text += piece
    }
    return .string(text)
  }

  private func comparison(
    _ left: TemplateExpression, _ operands: [(symbol: String, operand: TemplateExpression)], _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    var left = try evaluate(left, scope)
    for (symbol, operand) in operands {
      let right = try evaluate(operand, scope)
      position = operand.position
      if !(try compare(left, symbol, right)) { return .bool(false) }
      left = right
    }
    return .bool(true)
  }

  /// Returns the elements over which a loop iterates.
  func elements(of value: TemplateValue) throws(TemplateError) -> [TemplateValue] {
    switch value {
    case .undefined: return []
    case .sequence(let sequence): return sequence.take()
    case .mapping(let mapping): return mapping.keys
    case .string(let text):
      try charge(text.utf8.count, .scalars)
      try allocate(text.utf8.count * MemoryLayout<TemplateValue>.stride)
      return text.unicodeScalars.map { .string(String($0)) }
    case .loop(let loop):
      // In Jinja2, iterating over `loop` itself continues it. Templates do not use this.
      throw fail("'\(TemplateValue.loop(loop).typeName)' is not iterable")
    default: throw fail("'\(value.typeName)' object is not iterable")
    }
  }

  private func item(
    _ base: TemplateExpression, _ index: TemplateExpression, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    let base = try evaluate(base, scope)
    return try item(try evaluate(index, scope), of: base)
  }

  /// Evaluates `base[index]`. A string that is not a key is tried as an attribute, as in Jinja2.
  func item(_ index: TemplateValue, of base: TemplateValue) throws(TemplateError) -> TemplateValue {
    switch base {
    case .undefined(let hint): throw fail(hint)
    case .mapping(let mapping):
      try charge(keyBytes(index))
      if let value = mapping.value(of: index) { return value }
    case .sequence(let sequence):
      if let value = element(index, sequence) { return value }
    case .string(let text):
      if let at = index.int {
        try charge(text.utf8.count)
        let view = text.unicodeScalars
        let start = at < 0 ? view.endIndex : view.startIndex
        let end = at < 0 ? view.startIndex : view.endIndex
        if let found = view.index(start, offsetBy: at, limitedBy: end), found < view.endIndex {
          return .string(String(view[found]))
        }
      }
    default: break
    }
    if let name = index.text, let value = member(name, of: base) { return value }
    return .undefined(
      "'\(base.typeName) object' has no element \(index.text?.shown ?? index.int.map(String.init) ?? "")")
  }

  private func element(_ index: TemplateValue, _ sequence: TemplateSequence) -> TemplateValue? {
    switch sequence.kind {
    case .list, .tuple, .range: break
    default: return nil
    }
    guard let at = index.int else { return nil }
    let index = at < 0 ? at + sequence.elements.count : at
    return sequence.elements.indices.contains(index) ? sequence.elements[index] : nil
  }

  private func slice(
    _ base: TemplateExpression, _ from: TemplateExpression?, _ to: TemplateExpression?, _ step: TemplateExpression?,
    _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    let saved = position
    let base = try evaluate(base, scope)
    var bounds: [Int?] = []
    for part in [from, to, step] {
      guard let part else { bounds.append(nil); continue }
      let value = try evaluate(part, scope)
      if case .none = value { bounds.append(nil); continue }
      guard let bound = value.int else { return .undefined("slice indices must be integers") }
      bounds.append(bound)
    }
    position = saved
    let stride = bounds[2] ?? 1
    if stride == 0 { throw fail("slice step cannot be zero") }
    switch base {
    case .undefined(let hint): throw fail(hint)
    case .string(let text):
      try charge(text.utf8.count, .scalars)
      try allocate(text.utf8.count * 5)
      let scalars = Array(text.unicodeScalars)
      let indices = sliceIndices(count: scalars.count, from: bounds[0], to: bounds[1], step: stride)
      return .string(String(scalars: indices.lazy.map { scalars[$0] }))
    case .sequence(let sequence):
      try allocate(sequence.elements.count * MemoryLayout<TemplateValue>.stride)
      let indices = sliceIndices(count: sequence.elements.count, from: bounds[0], to: bounds[1], step: stride)
      let elements = indices.map { sequence.elements[$0] }
      switch sequence.kind {
      case .list, .tuple: return try self.sequence(sequence.kind, elements)
      case .range(let start, _, let step):
        let stop = indices.reduce(into: 0) { count, _ in count += 1 }
        let first = elements.first?.int ?? start
        return try self.sequence(
          .range(start: first, stop: first &+ stop &* step &* stride, step: step &* stride), elements)
      default: break
      }
    default: break
    }
    return .undefined("'\(base.typeName)' object cannot be sliced")
  }

  /// Evaluates `base.name`: a Python attribute first, then an item.
  func attribute(_ name: String, of base: TemplateValue) throws(TemplateError) -> TemplateValue {
    if case .undefined(let hint) = base { throw fail(hint) }
    if let value = member(name, of: base) { return value }
    if case .mapping(let mapping) = base, let value = mapping.value(of: name) { return value }
    return .undefined("'\(base.typeName) object' has no attribute '\(name.shown)'")
  }

  private func member(_ name: String, of base: TemplateValue) -> TemplateValue? {
    if case .namespace(let namespace) = base { return namespace[name] }
    // The name may come from a conversation. No method has a long name.
    if name.utf8.count > TemplateFilter.longestName { return nil }
    switch base {
    case .string: return TemplateStringMethod(exactly: name) == nil ? nil : .method(base, name)
    case .mapping:
      if TemplateMapping.mutatingMethods.contains(name) { return .undefined("access to '\(name)' is unsafe") }
      return ["items", "keys", "values", "get", "copy"].contains(name) ? .method(base, name) : nil
    case .sequence(let sequence):
      return member(name, of: sequence)
    case .loop(let loop): return member(name, of: loop)
    case .cycler(let cycler):
      switch name {
      case "next": return .function(.next(cycler))
      case "reset": return .function(.reset(cycler))
      case "current": return cycler.items[cycler.position]
      default: return nil
      }
    case .macro(let macro): return name == "name" ? .string(macro.syntax.name) : nil
    default: return nil
    }
  }

  private func member(_ name: String, of sequence: TemplateSequence) -> TemplateValue? {
    if let index = sequence.names.firstIndex(where: { $0.isIdentical(to: name) }) { return sequence.elements[index] }
    switch sequence.kind {
    case .list:
      if TemplateSequence.mutatingMethods.contains(name) { return .undefined("access to '\(name)' is unsafe") }
      return ["count", "index", "copy"].contains(name) ? .method(.sequence(sequence), name) : nil
    case .tuple: return ["count", "index"].contains(name) ? .method(.sequence(sequence), name) : nil
    case .range(let start, let stop, let step):
      switch name {
      case "count", "index": return .method(.sequence(sequence), name)
      case "start": return .integer(start)
      case "stop": return .integer(stop)
      case "step": return .integer(step)
      default: return nil
      }
    default: return nil
    }
  }

  private func member(_ name: String, of loop: TemplateLoop) -> TemplateValue? {
    let (count, index) = (loop.elements.count, loop.index)
    switch name {
    case "index": return .integer(index + 1)
    case "index0": return .integer(index)
    case "revindex": return .integer(count - index)
    case "revindex0": return .integer(count - index - 1)
    case "first": return .bool(index == 0)
    case "last": return .bool(index == count - 1)
    case "length": return .integer(count)
    case "depth": return .integer(loop.level + 1)
    case "depth0": return .integer(loop.level)
    case "previtem": return index > 0 ? loop.elements[index - 1] : .undefined("there is no previous item")
    case "nextitem": return index + 1 < count ? loop.elements[index + 1] : .undefined("there is no next item")
    case "cycle": return .function(.cycle(loop))
    case "changed": return .function(.changed(loop))
    default: return nil
    }
  }

  func arguments(_ syntax: TemplateCallArguments, _ scope: TemplateScope) throws(TemplateError) -> TemplateArguments {
    var arguments = TemplateArguments(positional: try evaluate(all: syntax.positional, scope))
    for argument in syntax.named { arguments.named.append((argument.name, try evaluate(argument.value, scope))) }
    if let spread = syntax.spread { arguments.positional += try elements(of: try evaluate(spread, scope)) }
    if let spread = syntax.namedSpread {
      guard case .mapping(let mapping) = try evaluate(spread, scope) else {
        throw fail("argument after ** must be a mapping")
      }
      for (key, value) in zip(mapping.keys, mapping.values) {
        try charge(arguments.named.count * 16)
        guard let name = key.text, !arguments.named.contains(where: { $0.name.isIdentical(to: name) }) else {
          throw fail("keywords must be strings and unique")
        }
        arguments.named.append((name, value))
      }
    }
    try allocate((arguments.positional.count + arguments.named.count) * 32)
    return arguments
  }

  /// Evaluates a call, with the block of a `{% call %}` as `caller`.
  func call(
    _ expression: TemplateExpression, caller: TemplateMacro?, _ scope: TemplateScope
  ) throws(TemplateError) -> TemplateValue {
    guard case .call(let callee, let syntax) = expression.kind else { throw fail("expected a call") }
    let function = try evaluate(callee, scope)
    let arguments = try arguments(syntax, scope)
    position = expression.position
    if case .macro(let macro) = function {
      return try call(macro, arguments, caller: caller.map { .macro($0) })
    }
    if caller != nil { throw fail("only a macro accepts a call block") }
    switch function {
    case .undefined(let hint): throw fail(hint)
    case .function(let function): return try call(function, arguments)
    case .method(let receiver, let name): return try call(method: name, of: receiver, arguments)
    case .loop(let loop): return try call(loop, arguments)
    default: throw fail("'\(function.typeName)' object is not callable")
    }
  }
}

extension TemplateSequence {
  /// Methods that would modify a list. In the sandbox they are undefined.
  static let mutatingMethods: Set<ExactString> = [
    "append", "clear", "extend", "insert", "pop", "remove", "reverse", "sort",
  ]
}

extension TemplateMapping {
  /// Methods that would modify a dictionary. In the sandbox they are undefined.
  static let mutatingMethods: Set<ExactString> = ["pop", "popitem", "clear", "update", "setdefault"]
}
