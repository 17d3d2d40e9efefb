// A decoded image.

/// A decoded image: upright, opaque, 8 bits per channel.
package struct RGBImage: Sendable, Equatable {
  /// The size in pixels, at least 1.
  package let width, height: Int
  /// The pixels as `[height, width, 3]`, red first.
  package let pixels: [UInt8]

  /// Creates an image from `width * height * 3` bytes, which is a precondition.
  package init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0 && pixels.count == width * height * 3, "pixels must be [height, width, 3]")
    self.width = width
    self.height = height
    self.pixels = pixels
  }
}
