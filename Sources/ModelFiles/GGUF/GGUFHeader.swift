// The header of a GGUF file, versions 2 and 3, little-endian: magic, version, counts, metadata, then name, shape, type
// and offset of every tensor. The data follow at the next multiple of the alignment. Every count is checked against the
// bytes that are left before memory is allocated for it, and every tensor's range against the file's length.

import Text

/// One tensor as the header describes it.
package struct GGUFTensor: Sendable, Equatable {
  package let name: String
  package let type: GGUFTensorType
  /// Outermost dimension first, the reverse of the file's order.
  package let shape: [Int]
  /// Where the values begin, in bytes from the start of the file.
  package let offset: Int
  /// Bytes of all values; nil for an unsupported type. The range lies in the file.
  package let byteCount: Int?
}

/// A parsed header.
package struct GGUFHeader: Sendable {
  package let version: Int
  package let metadata: GGUFMetadata
  /// In the order of the header.
  package let tensors: [GGUFTensor]
  /// A power of two; every tensor begins at a multiple of it from the start of the data.
  package let alignment: Int

  static let maximumKeys = 1 << 16
  static let maximumTensors = 1 << 16
  static let maximumNameByteCount = 1024
  static let maximumDimensions = 4
  static let defaultAlignment = 32

  /// Reads and checks the header of `file`.
  init(of file: ModelFile) throws(ModelFileError) {
    guard file.byteCount <= SafetensorsHeader.maximumFileByteCount else {
      throw ModelFileError(
        file: file.path, expected: "at most \(SafetensorsHeader.maximumFileByteCount) bytes", found: "\(file.byteCount)"
      )
    }
    var cursor = GGUFCursor(file)
    try self.init(reading: &cursor, fileByteCount: file.byteCount)
  }

  /// Checks a header of which `bytes` hold all, of a file of `fileByteCount` bytes. `file` is for errors.
  package init(parsing bytes: [UInt8], fileByteCount: Int, file: String) throws(ModelFileError) {
    var cursor = GGUFCursor(bytes, path: file)
    try self.init(reading: &cursor, fileByteCount: fileByteCount)
  }

  private init(reading cursor: inout GGUFCursor, fileByteCount: Int) throws(ModelFileError) {
    version = try Self.version(&cursor)
    let tensorCount = try cursor.count("tensor count", each: 24, limit: Self.maximumTensors)
    let keyCount = try cursor.count("key count", each: 13, limit: Self.maximumKeys)
    var metadata = GGUFMetadata(file: cursor.path)
    for _ in 0..<keyCount { try Self.readKey(&cursor, into: &metadata) }
    self.metadata = metadata
    alignment = try Self.alignment(of: metadata)
    var entries: [Entry] = []
    entries.reserveCapacity(tensorCount)
    for _ in 0..<tensorCount { entries.append(try Self.entry(&cursor, alignment)) }
    let dataOffset = (cursor.position + alignment - 1) / alignment * alignment
    tensors = try Self.locate(entries, at: dataOffset, fileByteCount: fileByteCount, file: cursor.path)
  }

  private static func version(_ cursor: inout GGUFCursor) throws(ModelFileError) -> Int {
    let magic = try cursor.bytes(4, "magic", .whole)
    guard magic.elementsEqual("GGUF".utf8) else {
      let found = magic.elementsEqual("vers".utf8) ? "a Git LFS pointer (run `git lfs pull`)" : "other bytes"
      throw ModelFileError(file: cursor.path, expected: "a GGUF file, which begins with \"GGUF\"", found: found)
    }
    let version = try cursor.uint32("version")
    guard version == 2 || version == 3 else {
      throw ModelFileError(
        file: cursor.path, expected: "GGUF version 2 or 3, little-endian",
        found: version.byteSwapped <= 3 ? "a big-endian file" : "version \(version)")
    }
    return Int(version)
  }

  // MARK: - Metadata

  private static func readKey(_ cursor: inout GGUFCursor, into metadata: inout GGUFMetadata) throws(ModelFileError) {
    let key = try name(&cursor, "key")
    let location = ModelFileError.Location.key(shownKey(key))
    guard metadata[key] == nil else {
      throw ModelFileError(file: cursor.path, location: location, expected: "each key once", found: "a second value")
    }
    let code = try cursor.uint32("value type", location)
    guard let kind = GGUFKind(rawValue: code) else {
      throw ModelFileError(
        file: cursor.path, location: location, expected: "a value type from 0 to 12", found: "\(code)")
    }
    metadata[key] = try value(kind, &cursor, location)
  }

  private static func value(_ kind: GGUFKind, _ cursor: inout GGUFCursor, _ location: ModelFileError.Location)
    throws(ModelFileError) -> GGUFValue
  {
    switch kind {
    case .string: return .string(Array(try cursor.string("string", location)))
    case .array:
      let code = try cursor.uint32("element type", location)
      guard let element = GGUFKind(rawValue: code), element != .array else {
        throw ModelFileError(
          file: cursor.path, location: location, expected: "an array of numbers, booleans or strings",
          found: "element type \(code)")
      }
      return try array(of: element, &cursor, location)
    case .bool:
      let value = try cursor.number(1, "value", location)
      guard value <= 1 else {
        throw ModelFileError(file: cursor.path, location: location, expected: "0 or 1 for a boolean", found: "\(value)")
      }
      return .bool(value == 1)
    default: return .scalar(GGUFScalar(kind: kind, bits: try cursor.number(kind.byteCount, "value", location)))
    }
  }

  private static func array(of kind: GGUFKind, _ cursor: inout GGUFCursor, _ location: ModelFileError.Location)
    throws(ModelFileError) -> GGUFValue
  {
    guard kind == .string else {
      let count = try cursor.count("array length", each: kind.byteCount, location)
      return .numbers(
        GGUFNumbers(kind: kind, bytes: Array(try cursor.bytes(count * kind.byteCount, "array", location))))
    }
    let count = try cursor.count("array length", each: 8, location)
    var strings = GGUFStrings()
    strings.reserve(count)
    for _ in 0..<count { strings.append(try cursor.string("string", location)) }
    return .strings(strings)
  }

  private static func name(_ cursor: inout GGUFCursor, _ what: StaticString) throws(ModelFileError) -> String {
    let bytes = try cursor.string(what, limit: maximumNameByteCount)
    guard !bytes.isEmpty, let name = String(validating: bytes, as: UTF8.self) else {
      throw ModelFileError(
        file: cursor.path, expected: "a \(what) of UTF-8 before byte \(cursor.position)",
        found: bytes.isEmpty ? "an empty one" : quoted(String(decoding: bytes, as: UTF8.self)))
    }
    return name
  }

  private static func alignment(of metadata: GGUFMetadata) throws(ModelFileError) -> Int {
    let key = "general.alignment"
    let alignment = try metadata.integer(key, in: 8...1 << 20) ?? defaultAlignment
    guard alignment & (alignment - 1) == 0 else { throw metadata.fault(key, expected: "a power of two") }
    return alignment
  }

  // MARK: - Tensors

  /// A tensor before its location in the file is known.
  private struct Entry {
    let name: String
    let type: GGUFTensorType
    let shape: [Int]
    /// From the start of the data.
    let offset: UInt64
    let byteCount: Int?
  }

  private static func entry(_ cursor: inout GGUFCursor, _ alignment: Int) throws(ModelFileError) -> Entry {
    let name = try name(&cursor, "tensor name")
    let location = ModelFileError.Location.tensor(name)
    let path = cursor.path
    func fault(_ expected: String, _ found: String) -> ModelFileError {
      ModelFileError(file: path, location: location, expected: expected, found: found)
    }
    let dimensions = try cursor.uint32("dimension count", location)
    guard dimensions <= maximumDimensions else {
      throw fault("at most \(maximumDimensions) dimensions", "\(dimensions)")
    }
    var shape: [Int] = []
    var elements = 1
    for _ in 0..<dimensions {
      let extent = try cursor.number(8, "dimension", location)
      guard let extent = Int(exactly: extent), extent >= 1 else {
        throw fault("dimensions from 1 to \(Int.max)", "\(extent)")
      }
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw fault("a shape whose element count fits 64 bits", "\(shape + [extent])") }
      shape.append(extent)
      elements = product
    }
    let type = GGUFTensorType(code: try cursor.uint32("type", location))
    let offset = try cursor.number(8, "offset", location)
    guard offset % UInt64(alignment) == 0 else {
      throw fault("an offset that is a multiple of \(alignment)", "\(offset)")
    }
    guard let element = type.element else {
      return Entry(name: name, type: type, shape: shape.reversed(), offset: offset, byteCount: nil)
    }
    let columns = shape.first ?? 1
    guard columns % element.blockElements == 0 else {
      throw fault("rows of a multiple of \(element.blockElements) values, the block size of \(type.name)", "\(columns)")
    }
    let (bytes, overflow) = (elements / element.blockElements).multipliedReportingOverflow(by: element.blockByteCount)
    guard !overflow else { throw fault("a byte count that fits 64 bits", "\(type.name) \(shape)") }
    return Entry(name: name, type: type, shape: shape.reversed(), offset: offset, byteCount: bytes)
  }

  /// Locates every tensor in the file; throws when one overlaps another or the end of the file. The size of an
  /// unsupported type is unknown: it is an error where the tensor is needed; here only its beginning is checked.
  private static func locate(_ entries: [Entry], at dataOffset: Int, fileByteCount: Int, file: String)
    throws(ModelFileError) -> [GGUFTensor]
  {
    let dataByteCount = max(0, fileByteCount - dataOffset)
    var tensors: [GGUFTensor] = []
    tensors.reserveCapacity(entries.count)
    var names: Set<ExactString> = []
    for entry in entries {
      func fault(_ expected: String, _ found: String) -> ModelFileError {
        ModelFileError(file: file, location: .tensor(entry.name), expected: expected, found: found)
      }
      guard names.insert(entry.name.exact).inserted else { throw fault("each tensor name once", "a duplicate") }
      let size = entry.byteCount ?? 0
      guard size <= dataByteCount, entry.offset <= UInt64(dataByteCount - size) else {
        throw fault(
          "\(size) bytes for \(entry.type.name) \(entry.shape) within the \(dataByteCount) bytes of data",
          "offset \(entry.offset)")
      }
      tensors.append(
        GGUFTensor(
          name: entry.name, type: entry.type, shape: entry.shape, offset: dataOffset + Int(entry.offset),
          byteCount: entry.byteCount))
    }
    var covered = dataOffset
    var previous = ""
    for tensor in tensors.sorted(by: { ($0.offset, $0.byteCount ?? 0) < ($1.offset, $1.byteCount ?? 0) }) {
      guard tensor.offset >= covered else {
        throw ModelFileError(
          file: file, location: .tensor(tensor.name), expected: "a range of its own",
          found: "an overlap with tensor \(quoted(previous))")
      }
      covered = tensor.offset + (tensor.byteCount ?? 0)
      previous = tensor.name
    }
    return tensors
  }
}
