// The type for text from outside. Swift's String compares, hashes and sorts by canonical equivalence: it normalises
// both operands, which takes O(n²) for runs of combining marks and treats "é" and "e" + U+0301 as equal. Text from
// clients, model files and peers is therefore keyed and compared with this type.
// `Tests/ArchitectureTests/ComparisonTests.swift` finds violations.

/// A string that compares, hashes and sorts by its UTF-8 bytes, after a check of the length.
///
///     switch ExactString(name) { case "stop": … }
///     var positions: [ExactString: Int]
package struct ExactString: Sendable, Hashable, Comparable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The text.
  package let string: String

  package init(_ string: String) { self.string = string }
  package init(_ text: Substring) { string = String(text) }
  package init(stringLiteral value: String) { string = value }

  package static func == (a: ExactString, b: ExactString) -> Bool { a.string.isEqual(exactly: b.string) }

  package static func < (a: ExactString, b: ExactString) -> Bool {
    a.string.withUTF8Bytes { left in
      b.string.withUTF8Bytes { right in
        let order = compare(left, right, min(left.count, right.count))
        return order == 0 ? left.count < right.count : order < 0
      }
    }
  }

  package func hash(into hasher: inout Hasher) {
    string.withUTF8Bytes { bytes in
      hasher.combine(bytes.count)
      hasher.combine(bytes: UnsafeRawBufferPointer(bytes))
    }
  }

  package var description: String { string }
}

extension Dictionary where Key == ExactString {
  /// The value for the key with the bytes of `text`.
  package subscript(text: String) -> Value? {
    get { self[ExactString(text)] }
    set { self[ExactString(text)] = newValue }
  }
}

extension Set where Element == ExactString {
  /// Whether a member has the bytes of `text`.
  package func contains(_ text: String) -> Bool { contains(ExactString(text)) }
}
