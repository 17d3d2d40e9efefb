// Converts four channels to three in place, with Pillow's integer arithmetic, so that results are bit-identical: RGBA
// composited over white (`Image.alpha_composite`), and CMYK to RGB (`Image.convert`).

/// Conversions of four-channel pixels to three channels.
enum Flattening {
  /// Composites `[count, 4]` RGBA over white to `[count, 3]`. The array keeps its storage.
  static func overWhite(_ pixels: inout [UInt8]) {
    flatten(&pixels) { red, green, blue, alpha in
      // alpha/255 of the colour plus the rest of white, with 7 extra bits, divided by 255 with rounding.
      let share = alpha &* 128
      let white = 255 &* (255 &* 128 &- share) &+ (128 &<< 7)
      @inline(__always) func blend(_ channel: UInt32) -> UInt8 {
        let sum = channel &* share &+ white
        return UInt8(truncatingIfNeeded: (((sum &>> 8) &+ sum) &>> 8) &>> 7)
      }
      return alpha == 0 ? (255, 255, 255) : (blend(red), blend(green), blend(blue))
    }
  }

  /// Converts `[count, 4]` RGBA with meaningless alpha to `[count, 3]`.
  static func droppingAlpha(_ pixels: inout [UInt8]) {
    flatten(&pixels) { red, green, blue, _ in
      (UInt8(truncatingIfNeeded: red), UInt8(truncatingIfNeeded: green), UInt8(truncatingIfNeeded: blue))
    }
  }

  /// Converts `[count, 4]` CMYK, inverted as in JPEG files (Adobe's convention), to `[count, 3]` RGB.
  static func invertedCMYK(_ pixels: inout [UInt8]) {
    flatten(&pixels) { cyan, magenta, yellow, light in
      @inline(__always) func channel(_ inverted: UInt32) -> UInt8 {
        let product = (255 &- inverted) &* light &+ 128
        return UInt8(truncatingIfNeeded: light &- (((product &>> 8) &+ product) &>> 8))
      }
      return (channel(cyan), channel(magenta), channel(yellow))
    }
  }

  @inline(__always)
  private static func flatten(
    _ pixels: inout [UInt8], _ convert: (UInt32, UInt32, UInt32, UInt32) -> (UInt8, UInt8, UInt8)
  ) {
    let count = pixels.count / 4
    pixels.withUnsafeMutableBufferPointer { buffer in
      for index in 0..<count {
        let read = index * 4
        let write = index * 3
        let (red, green, blue) = convert(
          UInt32(buffer[read]), UInt32(buffer[read + 1]), UInt32(buffer[read + 2]), UInt32(buffer[read + 3]))
        (buffer[write], buffer[write + 1], buffer[write + 2]) = (red, green, blue)
      }
    }
    pixels.removeLast(pixels.count - count * 3)
  }
}
