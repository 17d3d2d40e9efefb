// The byte order mark that some editors write at the start of UTF-8 files. RFC 8259 8.1 allows readers to skip it.

extension [UInt8] {
  /// The bytes without a UTF-8 byte order mark at the start.
  package var withoutByteOrderMark: [UInt8] { starts(with: [0xEF, 0xBB, 0xBF]) ? [UInt8](dropFirst(3)) : self }
}
