// The header of a safetensors file: eight bytes of little-endian length, then a JSON object from tensor name to dtype,
// shape and byte range in the data section. The rules are those of the reference crate: at most 100 MB of header, every
// range inside the data section, no overlap, no gap, and nothing after the last tensor.
import JSON
import Text

/// The tensors of one safetensors file, in the order of their ranges.
package struct SafetensorsHeader: Sendable {
  package struct Entry: Equatable, Sendable {
    package let name: String
    /// The stored type; it may be one that this module does not read.
    package let type: String
    package let shape: [Int]
    /// Bytes from the start of the data section.
    package let range: Range<Int>
  }

  package static let maximumByteCount = 100_000_000
  static let maximumDimensions = 8

  /// Far beyond any model; the bytes of a thousand such shards still fit 64 bits.
  static let maximumFileByteCount = 1 << 44

  package let entries: [Entry]
  /// Where the data section begins, in bytes from the start of the file.
  package let dataOffset: Int

  /// Reads and checks the header of `file`.
  init(of file: ModelFile) throws(ModelFileError) {
    guard file.byteCount >= 8 else {
      throw ModelFileError(
        file: file.path, expected: "eight bytes of header length", found: "a file of \(file.byteCount) bytes")
    }
    guard file.byteCount <= Self.maximumFileByteCount else {
      throw ModelFileError(
        file: file.path, expected: "at most \(Self.maximumFileByteCount) bytes", found: "\(file.byteCount)")
    }
    let start = try file.bytes(at: 0, count: 8)
    if start.elementsEqual("version ".utf8), file.byteCount < 1024 {
      throw ModelFileError(
        file: file.path, expected: "a safetensors file", found: "a Git LFS pointer (run `git lfs pull`)")
    }
    let length = start.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    let room = file.byteCount - 8
    guard length <= UInt64(min(room, Self.maximumByteCount)) else {
      throw ModelFileError(
        file: file.path, expected: "a header of at most \(min(room, Self.maximumByteCount)) bytes", found: "\(length)")
    }
    let count = Int(length)
    try self.init(
      parsing: try file.bytes(at: 8, count: count), dataByteCount: room - count, file: file.path)
  }

  /// Checks a header's JSON text against a data section of `dataByteCount` bytes. `file` is for errors.
  package init(parsing text: [UInt8], dataByteCount: Int, file: String) throws(ModelFileError) {
    let document: JSONValue
    do {
      document = try JSONValue(parsing: text, limits: JSONLimits(depth: 4, values: 2_000_000))
    } catch {
      throw ModelFileError(file: file, expected: "a header of JSON", found: shown(error))
    }
    guard let members = document.object else {
      throw ModelFileError(file: file, expected: "a header object", found: shown(document))
    }
    var entries: [Entry] = []
    for (name, value) in members.members where name != "__metadata__" {
      entries.append(try Self.entry(name, value, dataByteCount: dataByteCount, file: file))
    }
    entries.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    try Self.checkCoverage(entries, dataByteCount: dataByteCount, file: file)
    self.entries = entries
    dataOffset = 8 + text.count
  }

  private static func entry(_ name: String, _ value: JSONValue, dataByteCount: Int, file: String)
    throws(ModelFileError) -> Entry
  {
    func fault(_ expected: String, _ found: String) -> ModelFileError {
      ModelFileError(file: file, location: .tensor(name), expected: expected, found: found)
    }
    guard let type = value["dtype"]?.string else { throw fault("a dtype", shown(value["dtype"])) }
    guard let dimensions = value["shape"]?.array else { throw fault("a shape", shown(value["shape"])) }
    guard dimensions.count <= maximumDimensions else {
      throw fault("at most \(maximumDimensions) dimensions", "\(dimensions.count)")
    }
    var shape: [Int] = []
    var elements = 1
    for dimension in dimensions {
      guard let extent = dimension.int, extent >= 0 else {
        throw fault("integer dimensions of at least 0", shown(dimension))
      }
      shape.append(extent)
      let (product, overflow) = elements.multipliedReportingOverflow(by: extent)
      guard !overflow else { throw fault("a shape whose element count fits 64 bits", "\(shape)") }
      elements = product
    }
    guard let offsets = value["data_offsets"]?.array, offsets.count == 2, let begin = offsets[0].int,
      let end = offsets[1].int
    else { throw fault("data_offsets of two integers", shown(value["data_offsets"])) }
    guard begin >= 0, begin <= end, end <= dataByteCount else {
      throw fault("data_offsets within the \(dataByteCount) bytes of data", "[\(begin), \(end)]")
    }
    // An unsupported type is an error only where the tensor is needed; here only its range can be checked.
    if let known = ElementType(safetensors: type) {
      let (byteCount, overflow) = elements.multipliedReportingOverflow(by: known.blockByteCount)
      guard !overflow else { throw fault("a byte count that fits 64 bits", "\(type) \(shape)") }
      guard byteCount == end - begin else {
        throw fault("\(byteCount) bytes for \(type) \(shape)", "\(end - begin) in data_offsets")
      }
    }
    return Entry(name: name, type: type, shape: shape, range: begin..<end)
  }

  /// Throws unless every byte of the data section belongs to exactly one tensor. `entries` are sorted by range.
  private static func checkCoverage(_ entries: [Entry], dataByteCount: Int, file: String) throws(ModelFileError) {
    var covered = 0
    var previous = ""
    for entry in entries {
      let start = entry.range.lowerBound
      guard start == covered else {
        throw ModelFileError(
          file: file, location: .tensor(entry.name), expected: "data_offsets that begin at \(covered)",
          found: start < covered ? "\(start), an overlap with tensor \(quoted(previous))" : "\(start), a gap")
      }
      covered = entry.range.upperBound
      previous = entry.name
    }
    guard covered == dataByteCount else {
      throw ModelFileError(
        file: file, expected: "tensors that cover all \(dataByteCount) bytes of data", found: "tensors for \(covered)")
    }
  }
}
