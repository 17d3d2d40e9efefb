// The values of expressions: Python's values as templates see them. Lists and mappings are immutable, as in the
// sandbox for which templates are written. Namespaces, cyclers and macros are references that live for one rendering.
import JSON
import Text

/// A value of a template expression.
enum TemplateValue {
  /// Jinja2's `Undefined`, with a description of what was looked up.
  case undefined(String)
  case none
  case bool(Bool)
  case integer(Int)
  case float(Double)
  case string(String)
  case sequence(TemplateSequence)
  case mapping(TemplateMapping)
  case namespace(TemplateNamespace)
  case macro(TemplateMacro)
  case loop(TemplateLoop)
  case cycler(TemplateCycler)
  case function(TemplateFunction)
  /// A method of a string or dictionary that has been looked up but not called.
  indirect case method(TemplateValue, String)
}

/// A list, a tuple or another ordered sequence.
final class TemplateSequence {
  enum Kind: Equatable {
    case list, tuple, keys, values, items
    /// The result of `map`, `select` and similar filters. It can be iterated once and has no length and no index.
    case iterator
    case range(start: Int, stop: Int, step: Int)
  }

  let kind: Kind
  let elements: [TemplateValue]
  /// The nesting depth, including this container.
  let depth: Int
  /// The names of a named tuple's elements.
  let names: [String]
  /// The number of elements taken from an iterator.
  private var taken = 0

  init(_ kind: Kind, _ elements: [TemplateValue], depth: Int, names: [String] = []) {
    self.kind = kind
    self.elements = elements
    self.depth = depth
    self.names = names
  }

  /// Returns at most `count` of the remaining elements. An iterator returns each element once.
  func take(_ count: Int = .max) -> [TemplateValue] {
    if kind != .iterator { return count == .max ? elements : Array(elements.prefix(count)) }
    let left = elements[taken...].prefix(count)
    taken += left.count
    return Array(left)
  }
}

/// A dictionary in insertion order.
final class TemplateMapping {
  /// A hashable form of a key in which keys that are equal in Python (1, 1.0, True) are equal.
  enum Key: Hashable {
    case undefined
    case none
    case number(Double)
    case text([UInt8])
    case tuple([Key])
  }

  /// The limit on elements and text bytes in a tuple used as a key. Hashing tuples that share parts could otherwise
  /// take exponential time.
  static let largestTupleKey = 4096

  private(set) var keys: [TemplateValue] = []
  private(set) var values: [TemplateValue] = []
  private var positions: [Key: Int] = [:]
  private(set) var depth = 1

  init() {}

  /// Adds or replaces a member; only called before the mapping is shared. Returns false if `key` is unhashable.
  func insert(_ key: TemplateValue, _ value: TemplateValue) -> Bool {
    guard let hashed = key.hashed else { return false }
    depth = max(depth, value.depth + 1, key.depth + 1)
    if let position = positions[hashed] {
      values[position] = value
    } else {
      positions[hashed] = keys.count
      keys.append(key)
      values.append(value)
    }
    return true
  }

  /// Returns the value of `key`; nil if there is none or the key is unhashable.
  func value(of key: TemplateValue) -> TemplateValue? {
    guard let hashed = key.hashed, let position = positions[hashed] else { return nil }
    return values[position]
  }

  func value(of name: String) -> TemplateValue? { positions[.text(Array(name.utf8))].map { values[$0] } }
}

/// `namespace(…)`: the only object whose attributes a template may set.
final class TemplateNamespace {
  var attributes: [(name: String, value: TemplateValue)]

  init(_ attributes: [(name: String, value: TemplateValue)]) { self.attributes = attributes }

  subscript(name: String) -> TemplateValue? {
    get { attributes.first { $0.name.utf8.elementsEqual(name.utf8) }?.value }
    set {
      guard let newValue else { return }
      if let at = attributes.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
        attributes[at].value = newValue
      } else {
        attributes.append((name, newValue))
      }
    }
  }
}

/// A macro with the scope in which it was defined.
final class TemplateMacro {
  let syntax: TemplateMacroSyntax
  let scope: TemplateScope

  init(_ syntax: TemplateMacroSyntax, _ scope: TemplateScope) { (self.syntax, self.scope) = (syntax, scope) }
}

/// Values by name.
struct TemplateVariables {
  private var values: [ExactString: TemplateValue] = [:]

  subscript(name: String) -> TemplateValue? {
    get { values[name.exact] }
    set { values[name.exact] = newValue }
  }
}

/// The names set in one block. Lookups continue in `parent`.
final class TemplateScope {
  var variables = TemplateVariables()
  let parent: TemplateScope?
  /// Whether a macro refers to this scope, so that the renderer must break the cycle.
  var isCaptured = false

  init(parent: TemplateScope?) { self.parent = parent }

  func value(of name: String) -> TemplateValue? {
    var scope: TemplateScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.parent
    }
    return nil
  }
}

/// The variable `loop`.
final class TemplateLoop {
  let elements: [TemplateValue]
  let depth: Int
  /// The number of calls of a recursive loop around this one.
  let level: Int
  /// The syntax and scope of a recursive loop, for calling it; nil for other loops.
  let recursion: (syntax: TemplateLoopSyntax, scope: TemplateScope)?
  var index = 0
  var lastChanged: [TemplateValue]?

  init(
    _ elements: [TemplateValue], depth: Int, level: Int,
    recursion: (syntax: TemplateLoopSyntax, scope: TemplateScope)?
  ) {
    self.elements = elements
    self.depth = depth
    self.level = level
    self.recursion = recursion
  }
}

/// `cycler(…)`: cycles through its items.
final class TemplateCycler {
  let items: [TemplateValue]
  let depth: Int
  var position = 0

  init(_ items: [TemplateValue], depth: Int) { (self.items, self.depth) = (items, depth) }
}

/// `joiner(…)`: returns nothing on its first call and its separator on every later one.
final class TemplateJoiner {
  let separator: TemplateValue
  var isUsed = false

  init(_ separator: TemplateValue) { self.separator = separator }
}

/// The functions that a template may call, including the methods of loops and cyclers.
enum TemplateFunction {
  case range, namespace, dict, cycler, joiner, raiseException, strftimeNow
  case join(TemplateJoiner)
  case cycle(TemplateLoop)
  case changed(TemplateLoop)
  case next(TemplateCycler)
  case reset(TemplateCycler)
}

extension TemplateValue {
  /// Converts a JSON value to its Python equivalent. The parser has limited its depth.
  init(_ json: JSONValue) {
    switch json {
    case .null: self = .none
    case .bool(let value): self = .bool(value)
    case .integer(let value): self = .integer(Int(value))
    case .number(let value): self = .float(value)
    case .string(let value): self = .string(value)
    case .array(let values):
      let elements = values.map { TemplateValue($0) }
      self = .sequence(TemplateSequence(.list, elements, depth: 1 + (elements.map(\.depth).max() ?? 0)))
    case .object(let object):
      let mapping = TemplateMapping()
      for (name, value) in object.members { _ = mapping.insert(.string(name), TemplateValue(value)) }
      self = .mapping(mapping)
    }
  }

  /// The nesting depth of this value.
  var depth: Int {
    switch self {
    case .sequence(let sequence): sequence.depth
    case .mapping(let mapping): mapping.depth
    case .loop(let loop), .function(.cycle(let loop)), .function(.changed(let loop)): loop.depth
    case .cycler(let cycler), .function(.next(let cycler)), .function(.reset(let cycler)): cycler.depth
    case .function(.join(let joiner)): joiner.separator.depth + 1
    case .method(let receiver, _): receiver.depth
    default: 0
    }
  }

  /// Python's truth value.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .bool(let value): value
    case .integer(let value): value != 0
    case .float(let value): value != 0
    case .string(let text): !text.isEmpty
    case .sequence(let sequence): sequence.kind == .iterator || !sequence.elements.isEmpty
    case .mapping(let mapping): !mapping.keys.isEmpty
    default: true
    }
  }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// The integer, where Python accepts an `int`; booleans are 0 and 1.
  var int: Int? {
    switch self {
    case .integer(let value): value
    case .bool(let value): value ? 1 : 0
    default: nil
    }
  }

  /// The number, where Python accepts a `float`.
  var double: Double? {
    if case .float(let value) = self { return value }
    return int.map(Double.init)
  }

  var text: String? { if case .string(let text) = self { text } else { nil } }

  /// The key of this value in mappings; nil if it is unhashable.
  var hashed: TemplateMapping.Key? {
    var budget = TemplateMapping.largestTupleKey
    return hashed(&budget)
  }

  private func hashed(_ budget: inout Int) -> TemplateMapping.Key? {
    switch self {
    case .undefined: return .undefined
    case .none: return TemplateMapping.Key.none
    case .bool, .integer, .float: return double.map { .number($0) }
    case .string(let text): return .text(Array(text.utf8))
    case .sequence(let sequence) where sequence.kind == .tuple:
      var keys: [TemplateMapping.Key] = []
      for element in sequence.elements {
        budget -= 1 + (element.text?.utf8.count ?? 0)
        guard budget > 0, let key = element.hashed(&budget) else { return nil }
        keys.append(key)
      }
      return .tuple(keys)
    default: return nil
    }
  }

  /// The name of the type in Python.
  var typeName: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "NoneType"
    case .bool: "bool"
    case .integer: "int"
    case .float: "float"
    case .string: "str"
    case .sequence(let sequence):
      switch sequence.kind {
      case .list: "list"
      case .tuple: "tuple"
      case .keys: "dict_keys"
      case .values: "dict_values"
      case .items: "dict_items"
      case .iterator: "generator"
      case .range: "range"
      }
    case .mapping: "dict"
    case .namespace: "Namespace"
    case .macro: "Macro"
    case .loop: "LoopContext"
    case .cycler: "Cycler"
    case .function, .method: "function"
    }
  }
}
