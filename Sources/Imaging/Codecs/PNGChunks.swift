// A PNG without the chunks that the image does not need. The decoder inflates profiles and texts and keeps every chunk that it
// knows, so thousands of small chunks could cost minutes; of 13 kinds of metadata only the orientation's are read.

/// Selection of the chunks of a PNG (ISO/IEC 15948, 5.3).
enum PNGChunks {
  /// ImageMagick's text with EXIF in hexadecimal digits.
  static let exifKeyword = "Raw profile type exif"
  /// The text with an XMP packet.
  static let xmpKeyword = "XML:com.adobe.xmp"

  /// What may hold an orientation; the first of each kind is kept.
  private enum Metadata { case exif, exifText, xmpText }

  /// The same file with the critical chunks, transparency, and the first EXIF and text chunks that may hold an orientation.
  ///
  /// What follows a chunk that the file does not hold in full stays as it is: the decoder decides about damage.
  static func needed(of bytes: [UInt8]) -> [UInt8] {
    let reader = ByteReader(bytes)
    var kept: [UInt8] = []
    var start = 0  // of the bytes that are to be kept next
    var offset = 8
    var seen: Set<Metadata> = []
    while let length = reader.number(at: offset, width: 4), let end = end(of: offset, length: length, in: bytes.count) {
      if !isNeeded(reader, at: offset, length: length, &seen) {
        kept += bytes[start..<offset]
        start = end
      }
      offset = end
    }
    return start == 0 ? bytes : kept + bytes[start...]
  }

  /// The offset behind a chunk's length, type, data and checksum.
  private static func end(of offset: Int, length: Int, in count: Int) -> Int? {
    offset + 12 + length <= count ? offset + 12 + length : nil
  }

  private static func isNeeded(_ reader: ByteReader, at offset: Int, length: Int, _ seen: inout Set<Metadata>) -> Bool {
    guard let type = reader.number(at: offset + 4, width: 4) else { return true }
    switch type {
    case _ where type & 0x2000_0000 == 0: return true  // bit 5 of the first letter tells an ancillary chunk
    case 0x7452_4E53: return true  // tRNS
    case 0x6558_4966: return seen.insert(.exif).inserted
    case 0x7445_5874, 0x7A54_5874, 0x6954_5874: break  // tEXt, zTXt, iTXt
    default: return false
    }
    let data = reader.part(from: offset + 8, length: length)
    if data?.has("Raw profile type exif\0", at: 0) == true { return seen.insert(.exifText).inserted }
    if data?.has("XML:com.adobe.xmp\0", at: 0) == true { return seen.insert(.xmpText).inserted }
    return false
  }
}
