// JPEG through libjpeg-turbo with its defaults, which are Pillow's: accurate integer IDCT, fancy chroma upsampling. The marker
// segments (ITU-T T.81, B.1.1) are walked here first for size, components, EXIF and XMP, so that nothing is allocated unchecked.
import CJPEG

/// Baseline and progressive JPEG: grey, YCbCr or RGB, CMYK and YCCK.
enum JPEGCodec {
  /// A file with more scans than this is an attempt to keep the decoder busy; real ones have about ten.
  static let maxScans = 128

  /// What stands before the first scan.
  struct Header {
    var width = 0
    var height = 0
    var components = 0
    var exif: [UInt8] = []
    var xmp: ByteReader?

    /// Nil without a frame header before the first scan.
    init?(_ bytes: [UInt8]) {
      let reader = ByteReader(bytes)
      var offset = 2
      while let first = reader.byte(offset), let marker = reader.byte(offset + 1) {
        guard first == 0xFF, marker != 0xFF else {
          offset += 1  // fill bytes, and garbage that libjpeg too skips
          continue
        }
        offset += 2
        switch marker {
        case 0x00, 0x01, 0xD0...0xD8: continue  // markers without a segment
        case 0xD9: return nil
        case 0xDA:
          if width > 0 && height > 0 { return }
          return nil
        default: break
        }
        guard let length = reader.number(at: offset, width: 2), length >= 2,
          let segment = reader.part(from: offset + 2, length: length - 2)
        else { return nil }
        offset += length
        switch marker {
        case 0xC0...0xC3, 0xC5...0xC7, 0xC9...0xCB, 0xCD...0xCF:
          guard width == 0, let height = segment.number(at: 1, width: 2), let width = segment.number(at: 3, width: 2),
            let components = segment.byte(5), segment.byte(0) == 8
          else { return nil }
          (self.width, self.height, self.components) = (width, height, components)
        case 0xE1 where segment.has("Exif\0\0", at: 0):
          exif += segment.part(from: exif.isEmpty ? 0 : 6)?.copy ?? []
        case 0xE1 where segment.has("http://ns.adobe.com/xap/1.0/\0", at: 0):
          xmp = segment.part(from: 29)
        default: break
        }
      }
      return nil
    }
  }

  /// Nil when the file is damaged, cut short, or has neither 1, 3 nor 4 components.
  static func decode(_ bytes: [UInt8]) -> (RGBImage, Orientation)? {
    guard let header = Header(bytes), [1, 3, 4].contains(header.components), scans(in: bytes) <= maxScans else {
      return nil
    }
    let channels = header.components == 4 ? 4 : 3
    var pixels = [UInt8](repeating: 0, count: header.width * header.height * channels)
    let complete = pixels.withUnsafeMutableBufferPointer { target in
      bytes.withUnsafeBufferPointer { source in
        cjpeg_decode(
          source.baseAddress, source.count, UInt32(header.width), UInt32(header.height), Int32(header.components),
          target.baseAddress)
      }
    }
    guard complete == 1 else { return nil }
    if channels == 4 { Flattening.invertedCMYK(&pixels) }
    let orientation = Orientation(exif: ByteReader(header.exif), xmp: header.xmp)
    return (RGBImage(width: header.width, height: header.height, pixels: pixels), orientation)
  }

  /// Start-of-scan markers; entropy-coded data cannot hold one by accident.
  private static func scans(in bytes: [UInt8]) -> Int {
    bytes.withUnsafeBufferPointer { bytes in
      var count = 0
      var previous: UInt8 = 0
      for byte in bytes {
        if byte == 0xDA && previous == 0xFF { count += 1 }
        previous = byte
      }
      return count
    }
  }
}
