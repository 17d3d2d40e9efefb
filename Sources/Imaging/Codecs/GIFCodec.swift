// Decodes GIF with giflib, line by line: the first frame on its logical screen. As in Pillow, the screen grows to
// contain the frame, and the uncovered area is transparent, or colour 0 if there is no transparency.
import CGIF

/// Decodes the first frame of a GIF.
enum GIFCodec {
  /// Returns nil if the file is damaged, truncated or stopped by `watch`. `width` and `height` come from `GIFHeader`.
  static func decode(
    _ bytes: [UInt8], width: Int, height: Int, _ watch: DecodingWatch
  ) -> (RGBImage, Orientation)? {
    withFirstFrame(of: bytes, watch) { file, transparent -> (RGBImage, Orientation)? in
      let frame = file.pointee.Image
      guard extent(file) == (width, height), frame.Left >= 0, frame.Top >= 0, frame.Width > 0, frame.Height > 0 else {
        return nil
      }
      let palette = colours(frame.ColorMap ?? file.pointee.SColorMap, transparent: transparent)
      let background = palette[transparent ?? 0]
      var pixels = [UInt8](repeating: background.red, count: width * height * 3)
      if background.green != background.red || background.blue != background.red {
        for index in stride(from: 0, to: pixels.count, by: 3) {
          (pixels[index + 1], pixels[index + 2]) = (background.green, background.blue)
        }
      }
      var line = [UInt8](repeating: 0, count: Int(frame.Width))
      for row in rows(Int(frame.Height), interlaced: frame.Interlace) {
        guard DGifGetLine(file, &line, Int32(line.count)) == GIF_OK else { return nil }
        var write = ((Int(frame.Top) + row) * width + Int(frame.Left)) * 3
        for index in line {
          let colour = palette[Int(index)]
          (pixels[write], pixels[write + 1], pixels[write + 2]) = (colour.red, colour.green, colour.blue)
          write += 3
        }
      }
      return (RGBImage(width: width, height: height, pixels: pixels), .asStored)
    }
  }

  private typealias Colour = (red: UInt8, green: UInt8, blue: UInt8)

  /// Returns 256 colours: the map, then greys as in Pillow. The transparent colour is white.
  private static func colours(_ map: UnsafeMutablePointer<ColorMapObject>?, transparent: Int?) -> [Colour] {
    var palette: [Colour] = (0...255).map { (UInt8($0), UInt8($0), UInt8($0)) }
    if let map = map?.pointee, let colors = map.Colors {
      for index in 0..<min(256, max(0, Int(map.ColorCount))) {
        palette[index] = (colors[index].Red, colors[index].Green, colors[index].Blue)
      }
    }
    if let transparent { palette[transparent] = (255, 255, 255) }
    return palette
  }

  private static func extent(_ file: UnsafeMutablePointer<GifFileType>) -> (width: Int, height: Int) {
    let (screen, frame) = (file.pointee, file.pointee.Image)
    return (
      max(Int(screen.SWidth), Int(frame.Left) + Int(frame.Width)),
      max(Int(screen.SHeight), Int(frame.Top) + Int(frame.Height))
    )
  }

  /// Returns the order in which rows are stored: four passes if interlaced (GIF89a, appendix E).
  private static func rows(_ height: Int, interlaced: Bool) -> [Int] {
    guard interlaced else { return Array(0..<height) }
    return [(0, 8), (4, 8), (2, 4), (1, 2)].flatMap { stride(from: $0.0, to: height, by: $0.1) }
  }

  /// The bytes that giflib reads.
  private struct Source {
    var bytes: UnsafeBufferPointer<UInt8>
    var offset = 0
    let watch: DecodingWatch
  }

  /// Opens the file, reads up to the first frame's descriptor, and calls `body` with it and the index of the
  /// transparent colour.
  private static func withFirstFrame<Value>(
    of bytes: [UInt8], _ watch: DecodingWatch, _ body: (UnsafeMutablePointer<GifFileType>, Int?) -> Value?
  ) -> Value? {
    bytes.withUnsafeBufferPointer { buffer in
      var source = Source(bytes: buffer, watch: watch)
      return withUnsafeMutablePointer(to: &source) { source -> Value? in
        guard let file = DGifOpen(source, read, nil) else { return nil }
        defer { DGifCloseFile(file, nil) }
        guard let transparent = seekFirstFrame(file) else { return nil }
        return body(file, transparent.index)
      }
    }
  }

  /// Returns the next bytes to giflib, which reads one block of at most 255 bytes at a time. A block may take long to
  /// process: every code that clears the table costs 4,096 writes.
  private static let read: InputFunc = { file, target, count in
    guard let source = file?.pointee.UserData?.assumingMemoryBound(to: Source.self), let target, count > 0 else {
      return 0
    }
    let (bytes, offset) = (source.pointee.bytes, source.pointee.offset)
    let available = min(Int(count), bytes.count - offset)
    // Single bytes are lengths. The watch is checked before the block that follows.
    guard available > 0, count == 1 || !source.pointee.watch.shouldStop(), let base = bytes.baseAddress else {
      return 0
    }
    target.update(from: base + offset, count: available)
    source.pointee.offset += available
    return Int32(available)
  }

  /// Skips to the first image descriptor; nil if there is none. A graphic control extension on the way may set a
  /// transparent colour.
  private static func seekFirstFrame(_ file: UnsafeMutablePointer<GifFileType>) -> (index: Int?, Void)? {
    var transparent: Int?
    var record = UNDEFINED_RECORD_TYPE
    while DGifGetRecordType(file, &record) == GIF_OK {
      switch record {
      case IMAGE_DESC_RECORD_TYPE:
        return DGifGetImageDesc(file) == GIF_OK ? (transparent, ()) : nil
      case EXTENSION_RECORD_TYPE:
        var code: Int32 = 0
        var block: UnsafeMutablePointer<GifByteType>?
        guard DGifGetExtension(file, &code, &block) == GIF_OK else { return nil }
        // The block: its length, then flags, delay (2 bytes) and transparent index.
        if code == GRAPHICS_EXT_FUNC_CODE, let block, block[0] >= 4, block[1] & 1 != 0 { transparent = Int(block[4]) }
        while block != nil {
          guard DGifGetExtensionNext(file, &block) == GIF_OK else { return nil }
        }
      default:
        return nil
      }
    }
    return nil
  }
}
