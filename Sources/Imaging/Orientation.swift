// The orientation of a photo: the EXIF tag (TIFF 6.0 image file directory, tag 0x0112), or `tiff:Orientation` in an
// XMP packet, and the rotation that makes the image upright. Damaged metadata means "as stored", never an error.

/// The eight EXIF orientations, named by the operation that makes the stored pixels upright.
enum Orientation: Int {
  case asStored = 1
  case mirrored, turnedHalf, flipped, transposed, turnedRight, transversed, turnedLeft

  /// Reads EXIF (with or without its `Exif\0\0` prefix), or XMP if EXIF does not contain the tag.
  init(exif: ByteReader?, xmp: ByteReader?) {
    let value = exif.flatMap(Orientation.tag) ?? xmp.flatMap(Orientation.property)
    self = value.flatMap(Orientation.init(rawValue:)) ?? .asStored
  }

  /// Returns tag 0x0112 of the first directory if it is a single unsigned number.
  private static func tag(exif: ByteReader) -> Int? {
    var tiff = exif
    while tiff.has("Exif\0\0", at: 0), let rest = tiff.part(from: 6) { tiff = rest }
    let littleEndian = tiff.has("II", at: 0)
    guard littleEndian || tiff.has("MM", at: 0) else { return nil }
    func number(_ offset: Int, _ width: Int) -> Int? {
      tiff.number(at: offset, width: width, littleEndian: littleEndian)
    }
    guard number(2, 2) == 42, let directory = number(4, 4), let entries = number(directory, 2) else { return nil }
    for index in 0..<entries {
      let entry = directory + 2 + index * 12
      guard let tag = number(entry, 2), let type = number(entry + 2, 2), let count = number(entry + 4, 4) else {
        return nil
      }
      guard tag == 0x0112 else { continue }
      switch (type, count) {
      case (3, 1): return number(entry + 8, 2)
      case (4, 1): return number(entry + 8, 4)
      default: return 0  // Present but invalid, so XMP is not used.
      }
    }
    return nil
  }

  /// Returns `tiff:Orientation="6"` or `<tiff:Orientation>6<` from the first megabyte of the packet.
  private static func property(xmp: ByteReader) -> Int? {
    var rest = xmp.part(from: 0, length: min(xmp.count, 1 << 20)) ?? xmp
    while let index = rest.firstIndex(of: "tiff:Orientation"), let after = rest.part(from: index + 16) {
      let digit = after.has("=\"", at: 0) ? after.byte(2) : after.has(">", at: 0) ? after.byte(1) : nil
      if let digit, (0x30...0x39).contains(digit) { return digit - 0x30 }
      rest = after
    }
    return nil
  }

  /// Returns the upright image.
  func upright(_ image: RGBImage) -> RGBImage {
    guard self != .asStored else { return image }
    let (width, height) = (image.width, image.height)
    // The stored pixel of upright (x, y) is at index `origin + x * right + y * down`.
    let (origin, right, down, turned) =
      switch self {
      case .asStored: (0, 1, width, false)
      case .mirrored: (width - 1, -1, width, false)
      case .turnedHalf: (width * height - 1, -1, -width, false)
      case .flipped: ((height - 1) * width, 1, -width, false)
      case .transposed: (0, width, 1, true)
      case .turnedRight: ((height - 1) * width, -width, 1, true)
      case .transversed: (width * height - 1, -width, -1, true)
      case .turnedLeft: (width - 1, width, -1, true)
      }
    let (newWidth, newHeight) = turned ? (height, width) : (width, height)
    let pixels = image.pixels.withUnsafeBufferPointer { source in
      [UInt8](unsafeUninitializedCapacity: source.count) { target, count in
        var write = 0
        for y in 0..<newHeight {
          var read = (origin + y * down) * 3
          for _ in 0..<newWidth {
            target[write] = source[read]
            target[write + 1] = source[read + 1]
            target[write + 2] = source[read + 2]
            write += 3
            read += right * 3
          }
        }
        count = write
      }
    }
    return RGBImage(width: newWidth, height: newHeight, pixels: pixels)
  }
}
