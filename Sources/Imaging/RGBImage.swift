// The image as the rest of the house sees it: 8-bit RGB, upright, opaque; and the bounds it must keep.

import Text

/// A decoded image: upright, without alpha, 8 bits a channel.
package struct RGBImage: Sendable, Equatable {
  /// Pixels across and down, at least 1.
  package let width, height: Int
  /// `[height, width, 3]`, red first.
  package let pixels: [UInt8]

  /// Takes `width * height * 3` bytes; any other count is the caller's mistake.
  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0 && pixels.count == width * height * 3, "pixels must be [height, width, 3]")
    (self.width, self.height, self.pixels) = (width, height, pixels)
  }
}

/// A container that can be decoded, told by its first bytes.
package enum ImageFormat: String, Sendable, CaseIterable {
  case png = "PNG"
  case jpeg = "JPEG"
  case webp = "WebP"
  case gif = "GIF"

  /// Nil when the first bytes belong to none of the formats; the declared media type plays no part.
  package init?(sniffing bytes: [UInt8]) {
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A]) {
      self = .png
    } else if bytes.starts(with: [0xFF, 0xD8, 0xFF]) {
      self = .jpeg
    } else if bytes.starts(with: "GIF87a".utf8) || bytes.starts(with: "GIF89a".utf8) {
      self = .gif
    } else if bytes.count >= 12, bytes.starts(with: "RIFF".utf8), bytes[8..<12].elementsEqual("WEBP".utf8) {
      self = .webp
    } else {
      return nil
    }
  }
}

/// What an image may cost, checked before any pixel is decoded.
package struct ImageLimits: Sendable, Equatable {
  /// Encoded bytes.
  package var maxBytes: Int
  /// Width times height. Decoding takes up to 7 bytes a pixel, of a lossless WebP 8 and of a progressive JPEG 9.
  package var maxPixels: Int
  /// Whatever `maxPixels` says: products of a size and a few channels never overflow.
  static let greatestMaxPixels = 1 << 31
  /// The longer edge in pixels.
  package var maxEdge: Int

  package init(maxBytes: Int = 32 << 20, maxPixels: Int = 64_000_000, maxEdge: Int = 32_768) {
    (self.maxBytes, self.maxPixels, self.maxEdge) = (maxBytes, maxPixels, maxEdge)
  }

  /// Pixels that the scans of one JPEG may cover together, each scan counted with all pixels.
  ///
  /// Encoders write 10 scans (libjpeg's script for YCbCr), up to about 14 (mozjpeg) and 18 in CMYK. Twenty scans of the largest
  /// image pass, so that every ordinary image does; smaller ones may have more scans.
  var maxScanPixels: Int { max(20 * usablePixels, 1024 * Self.leastScanPixels) }
  /// A scan of a tiny image counts as this many pixels: its headers and tables take time too.
  static let leastScanPixels = 16_384
  /// Bytes that the pixels of one image and a JPEG's coefficients may take: a progressive YCbCr image without subsampling
  /// takes 3 + 6 a pixel.
  var maxDecodingBytes: Int { max(10 * usablePixels, 64 << 20) }
  /// Extension blocks of a GIF, or marker segments of a JPEG, that are walked before the pixels.
  static let maxBlocks = 65_536

  private var usablePixels: Int { min(max(maxPixels, 1), Self.greatestMaxPixels) }

  /// Seconds of processor time that the decode of so many pixels may take: several times what the slowest ordinary image takes.
  static func decodingSeconds(pixels: Int) -> Double { 1 + Double(pixels) * 180e-9 }
}
