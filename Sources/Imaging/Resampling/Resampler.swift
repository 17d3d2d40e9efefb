// Pillow's `Image.resize` of an RGB image, byte for byte: one pass per changed dimension, with an 8-bit image between
// them. Rows are resized first, except (since Pillow 13) if the height shrinks by more than twice the factor of the
// width; the order affects rounding. Downscaling widens the filter, which antialiases.

/// Resizes images.
///
/// A pass takes windows * pixels multiplications in Int32. With 22 bits of weight, 8 of pixel and overshoot below a
/// quarter, sums fit in 32 bits, so they wrap without checks.
package enum Resampler {
  /// Returns `image` resized to `width` by `height`.
  package static func resize(_ image: RGBImage, width: Int, height: Int, filter: ResampleFilter) -> RGBImage {
    precondition(width > 0 && height > 0, "an image must have at least one pixel")
    if filter == .nearest { return nearest(image, width: width, height: height) }
    let lost = image.height - height
    if lost > 0 && lost > (image.width - width) * 2 {
      return resizeWidth(resizeHeight(image, to: height, filter), to: width, filter)
    }
    return resizeHeight(resizeWidth(image, to: width, filter), to: height, filter)
  }

  private static func resizeWidth(_ image: RGBImage, to width: Int, _ filter: ResampleFilter) -> RGBImage {
    if width == image.width { return image }
    let weights = ResampleWeights(source: image.width, target: width, filter: filter)
    let pixels = columns(image.pixels, rows: image.height, width: image.width, to: width, weights)
    return RGBImage(width: width, height: image.height, pixels: pixels)
  }

  private static func resizeHeight(_ image: RGBImage, to height: Int, _ filter: ResampleFilter) -> RGBImage {
    if height == image.height { return image }
    let weights = ResampleWeights(source: image.height, target: height, filter: filter)
    let pixels = rows(image.pixels, rowBytes: image.width * 3, to: height, weights)
    return RGBImage(width: image.width, height: height, pixels: pixels)
  }

  /// Resizes `[rows, width, 3]` to `[rows, newWidth, 3]`.
  static func columns(_ pixels: [UInt8], rows: Int, width: Int, to newWidth: Int, _ weights: ResampleWeights) -> [UInt8]
  {
    let size = rows * newWidth * 3
    return pixels.withUnsafeBufferPointer { source in
      weights.values.withUnsafeBufferPointer { values in
        weights.windows.withUnsafeBufferPointer { windows in
          [UInt8](unsafeUninitializedCapacity: size) { target, count in
            var write = 0
            for row in 0..<rows {
              let line = row * width * 3
              for x in 0..<newWidth {
                var read = line + windows[x].first * 3
                let first = x * weights.stride
                var (red, green, blue) = (rounding, rounding, rounding)
                for k in first..<(first + windows[x].count) {
                  let weight = values[k]
                  red &+= Int32(source[read]) &* weight
                  green &+= Int32(source[read &+ 1]) &* weight
                  blue &+= Int32(source[read &+ 2]) &* weight
                  read &+= 3
                }
                target[write] = clipped(red)
                target[write &+ 1] = clipped(green)
                target[write &+ 2] = clipped(blue)
                write &+= 3
              }
            }
            count = size
          }
        }
      }
    }
  }

  /// Resizes `[any, rowBytes]` to `[newHeight, rowBytes]`.
  static func rows(_ pixels: [UInt8], rowBytes: Int, to newHeight: Int, _ weights: ResampleWeights) -> [UInt8] {
    let size = newHeight * rowBytes
    var sums = [Int32](repeating: 0, count: rowBytes)
    return pixels.withUnsafeBufferPointer { source in
      sums.withUnsafeMutableBufferPointer { sums in
        [UInt8](unsafeUninitializedCapacity: size) { target, count in
          for y in 0..<newHeight {
            let window = weights.windows[y]
            sums.update(repeating: rounding)
            for k in 0..<window.count {
              let weight = weights.values[y * weights.stride + k]
              let line = (window.first + k) * rowBytes
              for x in 0..<rowBytes { sums[x] &+= Int32(source[line &+ x]) &* weight }
            }
            let line = y * rowBytes
            for x in 0..<rowBytes { target[line &+ x] = clipped(sums[x]) }
          }
          count = size
        }
      }
    }
  }

  /// One half in the weights' fixed-point format.
  private static let rounding: Int32 = 1 << (ResampleWeights.precision - 1)

  @inline(__always)
  private static func clipped(_ sum: Int32) -> UInt8 {
    UInt8(truncatingIfNeeded: min(max(sum &>> ResampleWeights.precision, 0), 255))
  }

  /// Returns the input pixel for each output pixel of one axis. Like Pillow, adds up positions step by step.
  static func nearestPositions(source: Int, target: Int) -> [Int] {
    let step = Double(source) / Double(target)
    var position = step * 0.5
    return (0..<target).map { _ in
      defer { position += step }
      return min(Int(position), source - 1)
    }
  }

  private static func nearest(_ image: RGBImage, width: Int, height: Int) -> RGBImage {
    if width == image.width && height == image.height { return image }
    let xs = nearestPositions(source: image.width, target: width).map { $0 * 3 }
    var pixels = [UInt8]()
    pixels.reserveCapacity(width * height * 3)
    for y in nearestPositions(source: image.height, target: height) {
      let line = y * image.width * 3
      for x in xs { pixels.append(contentsOf: image.pixels[(line + x)..<(line + x + 3)]) }
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
