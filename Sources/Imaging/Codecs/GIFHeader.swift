// Reads the blocks of a GIF up to its first frame (GIF89a, 18 to 26) without a decoder: reading the size must be
// cheap, and a file may contain millions of extension blocks.

/// The size of the screen, grown to contain the first frame, as in Pillow.
struct GIFHeader {
  let width, height: Int

  /// Returns nil if the first frame's descriptor is missing or damaged.
  init?(_ bytes: [UInt8]) throws(ImageError) {
    let reader = ByteReader(bytes)
    func number(_ offset: Int) -> Int? { reader.number(at: offset, width: 2, littleEndian: true) }
    guard let screenWidth = number(6), let screenHeight = number(8), let flags = reader.byte(10) else { return nil }
    var offset = 13 + (flags & 0x80 == 0 ? 0 : 3 << ((flags & 7) + 1))
    var blocks = 0
    while let introducer = reader.byte(offset) {
      switch introducer {
      case 0x2C:
        guard let left = number(offset + 1), let top = number(offset + 3), let frameWidth = number(offset + 5),
          let frameHeight = number(offset + 7)
        else { return nil }
        (width, height) = (max(screenWidth, left + frameWidth), max(screenHeight, top + frameHeight))
        return
      case 0x21:
        offset += 2
        // Skips sub-blocks, each preceded by its length, up to an empty one.
        while let length = reader.byte(offset) {
          blocks += 1
          if blocks > ImageLimits.maxBlocks { throw .tooManyBlocks(.gif, limit: ImageLimits.maxBlocks) }
          offset += 1 + length
          if length == 0 { break }
        }
      default: return nil
      }
    }
    return nil
  }
}
