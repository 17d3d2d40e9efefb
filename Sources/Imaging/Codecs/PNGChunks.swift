// Removes the chunks of a PNG that are not needed. The decoder inflates profiles and texts and keeps every chunk that
// it knows, so that thousands of small chunks could take minutes. Of 13 kinds of metadata only the orientation is
// read.

/// Selects chunks of a PNG (ISO/IEC 15948, 5.3).
enum PNGChunks {
  /// The keyword of ImageMagick's text chunk with EXIF in hexadecimal digits.
  static let exifKeyword = "Raw profile type exif"
  /// The keyword of the text chunk with an XMP packet.
  static let xmpKeyword = "XML:com.adobe.xmp"

  /// Chunks that may contain an orientation. The first of each kind is kept.
  private enum Metadata { case exif, exifText, xmpText }

  /// Returns the file with only the critical chunks, transparency, and the first EXIF and text chunks that may
  /// contain an orientation.
  ///
  /// Everything after an incomplete chunk is copied unchanged: the decoder decides about damage.
  static func needed(of bytes: [UInt8]) -> [UInt8] {
    let reader = ByteReader(bytes)
    var copied: [UInt8] = []
    var start = 0  // The start of the next bytes to copy.
    var offset = 8
    var found: Set<Metadata> = []
    while let length = reader.number(at: offset, width: 4), let end = end(of: offset, length: length, in: bytes.count) {
      if !isNeeded(reader, at: offset, length: length, &found) {
        copied += bytes[start..<offset]
        start = end
      }
      offset = end
    }
    return start == 0 ? bytes : copied + bytes[start...]
  }

  /// Returns the offset after a chunk's length, type, data and checksum.
  private static func end(of offset: Int, length: Int, in count: Int) -> Int? {
    offset + 12 + length <= count ? offset + 12 + length : nil
  }

  private static func isNeeded(_ reader: ByteReader, at offset: Int, length: Int, _ found: inout Set<Metadata>) -> Bool
  {
    guard let type = reader.number(at: offset + 4, width: 4) else { return true }
    switch type {
    case _ where type & 0x2000_0000 == 0: return true  // Bit 5 of the first letter marks an ancillary chunk.
    case 0x7452_4E53: return true  // tRNS
    case 0x6558_4966: return found.insert(.exif).inserted
    case 0x7445_5874, 0x7A54_5874, 0x6954_5874: break  // tEXt, zTXt, iTXt
    default: return false
    }
    let data = reader.part(from: offset + 8, length: length)
    if data?.has("Raw profile type exif\0", at: 0) == true { return found.insert(.exifText).inserted }
    if data?.has("XML:com.adobe.xmp\0", at: 0) == true { return found.insert(.xmpText).inserted }
    return false
  }
}
