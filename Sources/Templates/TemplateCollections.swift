// Sequences and mappings of template values.

import Text

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
