// In files that import Text, these operators and methods replace the standard library's: String and Substring compare
// by their bytes, if both sides are plain or optional strings. Generic code still uses the standard library's
// conformances, which normalise, so keys of sets and dictionaries must be `ExactString`. `ComparisonTests` finds
// violations.

extension StringProtocol {
  /// Whether both texts have the same bytes.
  package static func == <Other: StringProtocol>(a: Self, b: Other) -> Bool { a.isEqual(exactly: b) }
  /// Whether the texts differ in a byte.
  package static func != <Other: StringProtocol>(a: Self, b: Other) -> Bool { !a.isEqual(exactly: b) }
  /// Whether the bytes of this text begin with those of `prefix`.
  package func hasPrefix<Prefix: StringProtocol>(_ prefix: Prefix) -> Bool { hasPrefix(exactly: prefix) }
  /// Whether the bytes of this text end with those of `suffix`.
  package func hasSuffix<Suffix: StringProtocol>(_ suffix: Suffix) -> Bool { hasSuffix(exactly: suffix) }
}

extension String {
  /// Whether both texts have the same bytes.
  package static func == (a: String, b: String) -> Bool { a.isEqual(exactly: b) }
  /// Whether the texts differ in a byte.
  package static func != (a: String, b: String) -> Bool { !a.isEqual(exactly: b) }
  /// Whether `a` comes before `b` in the order of their bytes.
  package static func < (a: String, b: String) -> Bool { a.exact < b.exact }
  /// Matches a `case` of a `switch` by bytes.
  package static func ~= (pattern: String, text: String) -> Bool { pattern.isEqual(exactly: text) }
  /// Whether the bytes of this text begin with those of `prefix`.
  package func hasPrefix(_ prefix: String) -> Bool { hasPrefix(exactly: prefix) }
  /// Whether the bytes of this text end with those of `suffix`.
  package func hasSuffix(_ suffix: String) -> Bool { hasSuffix(exactly: suffix) }
}

extension Substring {
  /// Whether both texts have the same bytes.
  package static func == (a: Substring, b: Substring) -> Bool { a.isEqual(exactly: b) }
  /// Whether the texts differ in a byte.
  package static func != (a: Substring, b: Substring) -> Bool { !a.isEqual(exactly: b) }
  /// Matches a `case` of a `switch` by bytes.
  package static func ~= (pattern: Substring, text: Substring) -> Bool { pattern.isEqual(exactly: text) }
}

extension Optional where Wrapped == String {
  /// Whether both are nil, or both texts have the same bytes.
  package static func == (a: String?, b: String?) -> Bool {
    switch (a, b) {
    case (nil, nil): true
    case (let a?, let b?): a.isEqual(exactly: b)
    default: false
    }
  }
  /// Whether one is nil, or the texts differ in a byte.
  package static func != (a: String?, b: String?) -> Bool { !(a == b) }
  // For a plain side, such as a literal, the standard library's operator would match better than the two above.
  /// Whether there is a text with the bytes of `b`.
  package static func == (a: String?, b: String) -> Bool { a?.isEqual(exactly: b) ?? false }
  /// Whether there is a text with the bytes of `a`.
  package static func == (a: String, b: String?) -> Bool { b?.isEqual(exactly: a) ?? false }
  /// Whether there is no text with the bytes of `b`.
  package static func != (a: String?, b: String) -> Bool { !(a == b) }
  /// Whether there is no text with the bytes of `a`.
  package static func != (a: String, b: String?) -> Bool { !(a == b) }
  /// Matches a `case` of a `switch` over an optional text by bytes.
  package static func ~= (pattern: String, text: String?) -> Bool { text?.isEqual(exactly: pattern) ?? false }
}

extension Sequence where Element == String {
  /// Whether one of these strings has the bytes of `text`.
  package func contains(_ text: String) -> Bool { contains(exactly: text) }
}

extension Collection where Element == String {
  /// Returns the position of the first string with the bytes of `text`.
  package func firstIndex(of text: String) -> Index? { firstIndex(exactly: text) }
}

extension Array where Element == String {
  /// Whether both have the same strings, byte for byte.
  package static func == (a: [String], b: [String]) -> Bool {
    a.count == b.count && zip(a, b).allSatisfy { $0.isEqual(exactly: $1) }
  }
  /// Whether a string differs in a byte.
  package static func != (a: [String], b: [String]) -> Bool { !(a == b) }
  /// Returns these strings in the order of their bytes.
  package func sorted() -> [String] { sorted { $0.exact < $1.exact } }
}
