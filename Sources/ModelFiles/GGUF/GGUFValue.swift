// The values of GGUF's metadata. Numbers keep their stored type, so that a file can be written as it was read. Arrays
// stay packed, because a vocabulary has 150,000 strings and a hostile file may have millions.

/// The stored type of a metadata value; the raw value is GGUF's number.
package enum GGUFKind: UInt32, Sendable, CaseIterable {
  case uint8, int8, uint16, int16, uint32, int32, float32, bool, string, array, uint64, int64, float64

  /// Bytes of one value; 0 for strings and arrays, which have a length field.
  package var byteCount: Int {
    switch self {
    case .uint8, .int8, .bool: 1
    case .uint16, .int16: 2
    case .uint32, .int32, .float32: 4
    case .uint64, .int64, .float64: 8
    case .string, .array: 0
    }
  }
}

/// One number or boolean: its type and its little-endian bits.
package struct GGUFScalar: Sendable, Equatable {
  package let kind: GGUFKind
  /// Bits of the value, those above its size zero.
  let bits: UInt64

  /// The value as an `Int`; nil for floats, booleans and larger numbers.
  package var int: Int? {
    switch kind {
    case .uint8, .uint16, .uint32, .uint64: Int(exactly: bits)
    case .int8: Int(Int8(truncatingIfNeeded: bits))
    case .int16: Int(Int16(truncatingIfNeeded: bits))
    case .int32: Int(Int32(truncatingIfNeeded: bits))
    case .int64: Int(Int64(bitPattern: bits))
    default: nil
    }
  }

  /// The value as a number; nil for a boolean.
  package var double: Double? {
    switch kind {
    case .float32: Double(Float(bitPattern: UInt32(truncatingIfNeeded: bits)))
    case .float64: Double(bitPattern: bits)
    case .bool: nil
    default: int.map(Double.init) ?? Double(bits)
    }
  }

  package var bool: Bool? { kind == .bool ? bits != 0 : nil }
}

/// Scalars of one type, packed as in the file.
package struct GGUFNumbers: Sendable, Equatable {
  package let kind: GGUFKind
  let bytes: [UInt8]

  init(kind: GGUFKind, bytes: [UInt8]) { (self.kind, self.bytes) = (kind, bytes) }

  package init(_ values: [Int32]) {
    self.init(kind: .int32, bytes: values.flatMap { value in withUnsafeBytes(of: value.littleEndian) { [UInt8]($0) } })
  }

  package init(_ values: [Float]) {
    self.init(
      kind: .float32,
      bytes: values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian) { [UInt8]($0) } })
  }

  package var count: Int { bytes.count / kind.byteCount }

  package subscript(index: Int) -> GGUFScalar {
    let size = kind.byteCount
    var bits: UInt64 = 0
    for byte in bytes[index * size..<(index + 1) * size].reversed() { bits = bits << 8 | UInt64(byte) }
    return GGUFScalar(kind: kind, bits: bits)
  }
}

/// Byte strings, end to end.
package struct GGUFStrings: Sendable, Equatable {
  private(set) var bytes: [UInt8] = []
  private var ends: [UInt32] = []

  package init() {}

  package init(_ texts: some Sequence<String>) { for text in texts { append(text.utf8) } }

  package var count: Int { ends.count }

  package subscript(index: Int) -> ArraySlice<UInt8> {
    bytes[Int(index == 0 ? 0 : ends[index - 1])..<Int(ends[index])]
  }

  /// Whether `text` is one of the strings.
  package func contains(_ text: String) -> Bool { firstIndex(of: text) != nil }

  /// Returns the index of the first string that is `text`.
  package func firstIndex(of text: String) -> Int? {
    let wanted = Array(text.utf8)
    return (0..<count).first { self[$0].elementsEqual(wanted) }
  }

  mutating func reserve(_ count: Int) { ends.reserveCapacity(count) }

  /// Appends a string. All strings together are shorter than 4 GiB: those of a file are part of its header, which is
  /// bounded.
  package mutating func append(_ string: some Collection<UInt8>) {
    bytes += string
    ends.append(UInt32(bytes.count))
  }
}

/// One metadata value.
package enum GGUFValue: Sendable, Equatable {
  case scalar(GGUFScalar)
  /// UTF-8 according to the format; validated when it is read as text.
  case string([UInt8])
  case numbers(GGUFNumbers)
  case strings(GGUFStrings)

  package static func uint32(_ value: UInt32) -> GGUFValue { .scalar(GGUFScalar(kind: .uint32, bits: UInt64(value))) }
  package static func float32(_ value: Float) -> GGUFValue {
    .scalar(GGUFScalar(kind: .float32, bits: UInt64(value.bitPattern)))
  }
  package static func float64(_ value: Double) -> GGUFValue {
    .scalar(GGUFScalar(kind: .float64, bits: value.bitPattern))
  }
  package static func bool(_ value: Bool) -> GGUFValue { .scalar(GGUFScalar(kind: .bool, bits: value ? 1 : 0)) }
  package static func text(_ value: String) -> GGUFValue { .string(Array(value.utf8)) }

  package var int: Int? { if case .scalar(let scalar) = self { scalar.int } else { nil } }
  package var double: Double? { if case .scalar(let scalar) = self { scalar.double } else { nil } }
  package var bool: Bool? { if case .scalar(let scalar) = self { scalar.bool } else { nil } }
  /// The text of a string; nil when it is not UTF-8.
  package var text: String? {
    if case .string(let bytes) = self { String(validating: bytes, as: UTF8.self) } else { nil }
  }

  /// The value for errors: scalars and strings as they are, arrays by their length.
  var shown: String {
    switch self {
    case .scalar(let scalar):
      scalar.bool.map(String.init) ?? scalar.int.map(String.init) ?? scalar.double.map { "\($0)" } ?? "a number"
    case .string(let bytes): quoted(String(decoding: bytes.prefix(500), as: UTF8.self))
    case .numbers(let numbers): "an array of \(numbers.count) numbers"
    case .strings(let strings): "an array of \(strings.count) strings"
    }
  }
}
