// Reads a GGUF header from front to back, in pieces, as its length is known only at its end. Nothing is allocated before the
// bytes it stands for are known to be in the file.

/// A place in a header, and the bytes around it.
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
  /// Where the file ends, or where a header has become too long.
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

  /// Makes `count` bytes available in the buffer, or says what could not be read.
  private mutating func require(_ count: Int, _ what: StaticString, _ place: ModelFileError.Place)
    throws(ModelFileError)
  {
    if buffer.count - at >= count { return }
    guard count <= remaining else {
      throw ModelFileError(
        file: path, place: place, expected: "\(count) bytes of \(what) at byte \(position)",
        found: isWholeFile
          ? "\(remaining) to the end of the file"
          : "\(remaining) to the limit of \(Self.maximumHeaderByteCount) bytes for a header")
    }
    guard let source else { return }
    start += at
    at = 0
    buffer = try source.bytes(at: start, count: min(max(count, Self.pieceByteCount), end - start))
  }

  /// A little-endian number of `size` bytes, at most 8.
  mutating func number(_ size: Int, _ what: StaticString, _ place: ModelFileError.Place = .whole)
    throws(ModelFileError) -> UInt64
  {
    try require(size, what, place)
    var value: UInt64 = 0
    for index in 0..<size { value |= UInt64(buffer[at + index]) << UInt64(8 * index) }
    at += size
    return value
  }

  mutating func uint32(_ what: StaticString, _ place: ModelFileError.Place = .whole) throws(ModelFileError) -> UInt32 {
    UInt32(truncatingIfNeeded: try number(4, what, place))
  }

  /// A count of things that take at least `size` bytes each, and so are at most as many as the header can hold, and at most `limit`.
  mutating func count(
    _ what: StaticString, each size: Int, limit: Int = .max, _ place: ModelFileError.Place = .whole
  ) throws(ModelFileError) -> Int {
    let value = try number(8, what, place)
    let most = min(remaining / size, limit)
    guard value <= UInt64(most) else {
      throw ModelFileError(
        file: path, place: place, expected: "a \(what) of at most \(most), as the file has \(remaining) bytes left",
        found: "\(value)")
    }
    return Int(value)
  }

  /// The next `count` bytes.
  mutating func bytes(_ count: Int, _ what: StaticString, _ place: ModelFileError.Place) throws(ModelFileError)
    -> ArraySlice<UInt8>
  {
    try require(count, what, place)
    at += count
    return buffer[at - count..<at]
  }

  /// A string's bytes, after their count; at most `limit` of them.
  mutating func string(_ what: StaticString, limit: Int = .max, _ place: ModelFileError.Place = .whole)
    throws(ModelFileError) -> ArraySlice<UInt8>
  {
    let length = try count(what, each: 1, limit: limit, place)
    return try bytes(length, what, place)
  }
}
