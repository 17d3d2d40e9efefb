// Decodes PNG with libspng: every colour type and depth, interlaced or not. Gamma and profiles are ignored, as in
// Pillow; 16-bit samples keep their high byte.
import CSPNG
import Text

/// Decodes PNG, and the default image of an APNG.
enum PNGCodec {
  /// The limit on the size of one inflated ancillary chunk, and of all together, in bytes.
  private static let chunkLimit = 8 << 20
  private static let chunkCacheLimit = 16 << 20
  /// The limit on the characters of an EXIF profile that are read; the orientation is near its start.
  private static let metadataLimit = 1 << 20

  /// Returns the width and height from the header chunk.
  static func size(of bytes: [UInt8]) -> (Int, Int)? {
    let reader = ByteReader(bytes)
    guard reader.has("IHDR", at: 12), let width = reader.number(at: 16, width: 4),
      let height = reader.number(at: 20, width: 4)
    else { return nil }
    return (width, height)
  }

  /// Returns nil if the file is damaged, truncated or stopped by `watch`. `width` and `height` come from the header.
  static func decode(
    _ bytes: [UInt8], width: Int, height: Int, _ watch: DecodingWatch
  ) -> (RGBImage, Orientation)? {
    let bytes = PNGChunks.needed(of: bytes)
    guard let context = spng_ctx_new(0) else { return nil }
    defer { spng_ctx_free(context) }
    // The context reads `bytes` until it is freed, so everything happens in this closure.
    return bytes.withUnsafeBytes { source -> (RGBImage, Orientation)? in
      var header = spng_ihdr()
      var size = 0
      let format = Int32(SPNG_FMT_RGBA8.rawValue)
      guard spng_set_image_limits(context, UInt32(clamping: width), UInt32(clamping: height)) == 0,
        spng_set_chunk_limits(context, chunkLimit, chunkCacheLimit) == 0,
        spng_set_png_buffer(context, source.baseAddress, source.count) == 0,
        spng_get_ihdr(context, &header) == 0, header.width == width, header.height == height,
        spng_decoded_image_size(context, format, &size) == 0, size == width * height * 4
      else { return nil }
      let before = metadata(context)
      var pixels = [UInt8](repeating: 0, count: size)
      guard decodeRows(context, into: &pixels, rowBytes: width * 4, format, watch) else { return nil }
      Flattening.overWhite(&pixels)
      // Damage after the pixels loses the chunks there, but not the image. The context is unusable afterwards.
      let after = spng_decode_chunks(context) == 0 ? metadata(context) : before
      let orientation = Orientation(exif: after.exif ?? before.exif, xmp: after.xmp ?? before.xmp)
      return (RGBImage(width: width, height: height, pixels: pixels), orientation)
    }
  }

  /// Decodes row by row; the rows of an interlaced image arrive in seven passes.
  private static func decodeRows(
    _ context: OpaquePointer, into pixels: inout [UInt8], rowBytes: Int, _ format: Int32, _ watch: DecodingWatch
  ) -> Bool {
    let flags = Int32(SPNG_DECODE_TRNS.rawValue | SPNG_DECODE_PROGRESSIVE.rawValue)
    guard spng_decode_image(context, nil, 0, format, flags) == 0 else { return false }
    return pixels.withUnsafeMutableBytes { target in
      var row = spng_row_info()
      while !watch.shouldStop(), spng_get_row_info(context, &row) == 0 {
        let start = Int(row.row_num) * rowBytes
        guard let base = target.baseAddress, start + rowBytes <= target.count else { return false }
        let status = spng_decode_row(context, base + start, rowBytes)
        if status == Int32(SPNG_EOI.rawValue) { return true }
        if status != 0 { return false }
      }
      return false
    }
  }

  /// Returns EXIF, from an `eXIf` chunk or ImageMagick's hexadecimal text, and XMP, of the chunks read so far.
  private static func metadata(_ context: OpaquePointer) -> (exif: ByteReader?, xmp: ByteReader?) {
    var chunk = spng_exif()
    var exif: ByteReader?
    if spng_get_exif(context, &chunk) == 0, let data = chunk.data {
      exif = ByteReader(Array(UnsafeRawBufferPointer(start: data, count: chunk.length)))
    } else if let profile = text(PNGChunks.exifKeyword, of: context) {
      exif = ByteReader(hexadecimal(profile))
    }
    return (exif, text(PNGChunks.xmpKeyword, of: context).map(ByteReader.init))
  }

  /// Returns the first text chunk with this keyword, inflated.
  private static func text(_ keyword: String, of context: OpaquePointer) -> [UInt8]? {
    var count: UInt32 = 0
    guard spng_get_text(context, nil, &count) == 0, count > 0 else { return nil }
    var texts = [spng_text](repeating: spng_text(), count: Int(count))
    guard spng_get_text(context, &texts, &count) == 0 else { return nil }
    for text in texts.prefix(Int(count)) {
      guard let data = text.text, withUnsafeBytes(of: text.keyword, { $0.starts(with: (keyword + "\0").utf8) }) else {
        continue
      }
      return Array(UnsafeRawBufferPointer(start: data, count: text.length))
    }
    return nil
  }

  /// Returns the bytes of a raw profile: an empty line, its name, its length, then lines of hexadecimal digits.
  private static func hexadecimal(_ profile: [UInt8]) -> [UInt8] {
    var bytes: [UInt8] = []
    var (lines, high) = (0, UInt8?.none)
    for character in profile.prefix(metadataLimit) {
      if character == 0x0A { lines += 1 }
      guard lines >= 3 else { continue }
      guard let digit = Hexadecimal.value(of: character) else { continue }
      if let first = high { bytes.append(first << 4 | digit) }
      high = high == nil ? digit : nil
    }
    return bytes
  }
}
