// Reads a GGUF header from front to back, in pieces, because its length is known only at its end. Memory for a value is
// allocated only after the file is known to contain its bytes.

/// A position in a header, and the bytes around it.
struct GGUFCursor {
  /// Far beyond any model's metadata: the longest vocabularies take some 20 MB.
  static let maximumHeaderByteCount = 64 << 20
  private static let pieceByteCount = 1 << 18

  let path: String
  private let source: ModelFile?
  /// Bytes from `start` on.
  private var buffer: [UInt8]
  private var start = 0
  private var at = 0
  /// The end of the file, or of the longest allowed header.
  private let end: Int
  private let isWholeFile: Bool

  /// A cursor over the beginning of `file`.
  init(_ file: ModelFile) {
    (path, source, buffer) = (file.path, file, [])
    end = min(file.byteCount, Self.maximumHeaderByteCount)
    isWholeFile = file.byteCount <= end
  }

  /// A cursor over `bytes`, all there is.
  init(_ bytes: [UInt8], path: String) {
    (self.path, source, buffer) = (path, nil, bytes)
    (end, isWholeFile) = (bytes.count, true)
  }

  /// Bytes from the start of the file.
  var position: Int { start + at }
  /// Bytes that the header may still have.
  var remaining: Int { end - position }

  /// Makes `count` bytes available in the buffer; throws with `what` when the file ends before them.
  private mutating func require(_ count: Int, _ what: StaticString, _ location: ModelFileError.Location)
    throws(ModelFileError)
  {
    if buffer.count - at >= count { return }
    guard count <= remaining else {
      throw ModelFileError(
        file: path, location: location, expected: "\(count) bytes of \(what) at byte \(position)",
        found: isWholeFile
          ? "only \(remaining) to the end of the file"
          : "only \(remaining) to the limit of \(Self.maximumHeaderByteCount) bytes for a header")
    }
    guard let source else { return }
    start += at
    at = 0
    buffer = try source.bytes(at: start, count: min(max(count, Self.pieceByteCount), end - start))
  }

  /// A little-endian number of `size` bytes, at most 8.
  mutating func number(_ size: Int, _ what: StaticString, _ location: ModelFileError.Location = .whole)
    throws(ModelFileError) -> UInt64
  {
    try require(size, what, location)
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(buffer[at + index]) << UInt64(8 * index) }
    at += size
    return value
  }

  mutating func uint32(_ what: StaticString, _ location: ModelFileError.Location = .whole) throws(ModelFileError)
    -> UInt32
  {
    UInt32(truncatingIfNeeded: try number(4, what, location))
  }

  /// Reads a count of items of at least `size` bytes each. It is at most `limit`, and at most what the rest of the
  /// header can hold.
  mutating func count(
    _ what: StaticString, each size: Int, limit: Int = .max, _ location: ModelFileError.Location = .whole
  ) throws(ModelFileError) -> Int {
    let value = try number(8, what, location)
    let most = min(remaining / size, limit)
    guard value <= UInt64(most) else {
      throw ModelFileError(
        file: path, location: location, expected: "a \(what) of at most \(most), because \(remaining) bytes are left",
        found: "\(value)")
    }
    return Int(value)
  }

  /// The next `count` bytes.
  mutating func bytes(_ count: Int, _ what: StaticString, _ location: ModelFileError.Location) throws(ModelFileError)
    -> ArraySlice<UInt8>
  {
    try require(count, what, location)
    at += count
    return buffer[at - count..<at]
  }

  /// A string's bytes, after their count; at most `limit` of them.
  mutating func string(_ what: StaticString, limit: Int = .max, _ location: ModelFileError.Location = .whole)
    throws(ModelFileError) -> ArraySlice<UInt8>
  {
    let length = try count(what, each: 1, limit: limit, location)
    return try bytes(length, what, location)
  }
}
