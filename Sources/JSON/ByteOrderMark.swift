// The mark that some editors write at the start of a file in UTF-8. RFC 8259 8.1 lets a reader skip it.

extension [UInt8] {
  /// These bytes without a UTF-8 byte order mark at their start.
  package var withoutByteOrderMark: [UInt8] { starts(with: [0xEF, 0xBB, 0xBF]) ? [UInt8](dropFirst(3)) : self }
}
