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
