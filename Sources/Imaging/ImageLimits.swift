// Limits on the size and cost of images.

/// Limits on an image, checked before any pixel is decoded.
package struct ImageLimits: Sendable, Equatable {
  /// The size of the encoded image in bytes.
  package var maxBytes: Int
  /// Width times height. Decoding takes up to 7 bytes per pixel, 8 for a lossless WebP and 9 for a progressive JPEG.
  package var maxPixels: Int
  /// The upper limit of `maxPixels`, so that products with the number of channels never overflow.
  static let greatestMaxPixels = 1 << 31
  /// The length of the longer edge in pixels.
  package var maxEdge: Int

  package init(maxBytes: Int = 32 << 20, maxPixels: Int = 64_000_000, maxEdge: Int = 32_768) {
    self.maxBytes = maxBytes
    self.maxPixels = maxPixels
    self.maxEdge = maxEdge
  }

  /// The number of pixels that all scans of a JPEG may cover, each scan counted as the whole image.
  ///
  /// Encoders write 10 scans (libjpeg's script for YCbCr), up to about 14 (mozjpeg) and 18 in CMYK. Twenty scans are
  /// allowed for the largest image, so that every ordinary image is accepted; smaller images may have more scans.
  var maxScanPixels: Int { max(20 * usablePixels, 1024 * Self.minimumScanPixels) }
  /// The number of pixels that a scan of a tiny image counts as, because its headers and tables take time too.
  static let minimumScanPixels = 16_384
  /// The memory in bytes for an image's pixels and a JPEG's coefficients. A progressive YCbCr image without
  /// subsampling takes 3 + 6 bytes per pixel.
  var maxDecodingBytes: Int { max(10 * usablePixels, 64 << 20) }
  /// The number of extension blocks (GIF) or marker segments (JPEG) that are read before the pixels.
  static let maxBlocks = 65_536

  private var usablePixels: Int { min(max(maxPixels, 1), Self.greatestMaxPixels) }

  /// Returns the processor time in seconds for decoding so many pixels: several times that of the slowest ordinary
  /// image.
  static func decodingSeconds(pixels: Int) -> Double { 1 + Double(pixels) * 180e-9 }
}
