// A JSON document as a value. Objects keep the order of their members, because chat templates print tool schemas in
// their author's order, on which models were trained. Names and strings are compared by their bytes.

import Text

/// A JSON value (RFC 8259).
package enum JSONValue: Sendable, Equatable {
  case null
  case bool(Bool)
  /// A number without fraction and exponent that fits in 64 bits.
  case integer(Int64)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)

  /// Whether both are the same value. Strings are compared by their bytes, and 1 is not equal to 1.0.
  package static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let left), .bool(let right)): left == right
    case (.integer(let left), .integer(let right)): left == right
    case (.number(let left), .number(let right)): left == right
    case (.string(let left), .string(let right)): left.isEqual(exactly: right)
    case (.array(let left), .array(let right)): left == right
    case (.object(let left), .object(let right)): left == right
    default: false
    }
  }
}

/// The members of a JSON object in document order. Names are unique by their bytes.
package struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  package private(set) var names: [String] = []
  package private(set) var values: [JSONValue] = []
  /// The position of each name, built only above `indexedFrom` members; below that a scan is faster.
  private var index: [ExactString: Int] = [:]
  private static let indexedFrom = 12

  package init() {}

  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    for (name, value) in elements { self[name] = value }
  }

  package var count: Int { names.count }
  package var isEmpty: Bool { names.isEmpty }

  /// The members in document order.
  package var members: some Sequence<(name: String, value: JSONValue)> {
    zip(names, values).lazy.map { (name: $0.0, value: $0.1) }
  }

  /// The value of `name`. Setting it replaces a member in place or appends one; setting nil removes it.
  package subscript(name: String) -> JSONValue? {
    get { position(of: name).map { values[$0] } }
    set {
      switch (position(of: name), newValue) {
      case (let at?, let value?): values[at] = value
      case (nil, let value?): append(name, value)
      case (let at?, nil):
        names.remove(at: at)
        values.remove(at: at)
        index = [:]
        if names.count >= Self.indexedFrom { buildIndex() }
      case (nil, nil): break
      }
    }
  }

  /// Appends a member and returns true, or returns false if the name exists.
  package mutating func insert(_ name: String, _ value: JSONValue) -> Bool {
    if position(of: name) != nil { return false }
    append(name, value)
    return true
  }

  private mutating func append(_ name: String, _ value: JSONValue) {
    names.append(name)
    values.append(value)
    if names.count == Self.indexedFrom {
      buildIndex()
    } else if names.count > Self.indexedFrom {
      index[name.exact] = names.count - 1
    }
  }

  private mutating func buildIndex() {
    index.reserveCapacity(2 * names.count)
    for (position, name) in names.enumerated() { index[name.exact] = position }
  }

  private func position(of name: String) -> Int? {
    names.count < Self.indexedFrom ? names.firstIndex(exactly: name) : index[name.exact]
  }

  package static func == (a: JSONObject, b: JSONObject) -> Bool {
    a.count == b.count && zip(a.names, b.names).allSatisfy { $0.isEqual(exactly: $1) } && a.values == b.values
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByFloatLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByNilLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int64) { self = .integer(value) }
  package init(floatLiteral value: Double) { self = .number(value) }
  package init(booleanLiteral value: Bool) { self = .bool(value) }
  package init(nilLiteral: ()) { self = .null }
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    var object = JSONObject()
    for (name, value) in elements { object[name] = value }
    self = .object(object)
  }
}

extension JSONValue {
  /// The member `name` of an object; nil for any other value.
  package subscript(name: String) -> JSONValue? { object?[name] }

  package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
  package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
  package var string: String? { if case .string(let value) = self { value } else { nil } }
  package var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
  package var isNull: Bool { if case .null = self { true } else { false } }

  /// The value as an integer: an integer, or a number such as 3.0 that an `Int` represents exactly.
  package var int: Int? {
    switch self {
    case .integer(let value): Int(value)
    case .number(let value): Int(exactly: value)
    default: nil
    }
  }

  package var double: Double? {
    switch self {
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// The name of the value's JSON type, for error messages.
  package var typeName: String {
    switch self {
    case .null: "null"
    case .bool: "boolean"
    case .integer, .number: "number"
    case .string: "string"
    case .array: "array"
    case .object: "object"
    }
  }
}
