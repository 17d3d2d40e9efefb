// LLaVA-NeXT "anyres": the best canvas of square tiles for an image, the image's size on it, and the features that
// remain after removing the padding. Integers are computed from doubles in exactly the order of the reference
// (Hugging Face image_processing_utils), because one ulp can change a token count.
import Foundation

/// The sizes of anyres as pure functions.
package enum AnyResolution {
  /// A size in pixels or patches.
  package struct Size: Equatable, Sendable {
    package var height, width: Int
    package init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
  }

  /// Returns the canvas that keeps the most pixels of the image; among equals the one that wastes least, then the
  /// first.
  package static func canvas(height: Int, width: Int, among canvases: [Size]) -> Size? {
    var best: (size: Size, effective: Int, waste: Int)?
    for size in canvases {
      let scale = min(Double(size.width) / Double(width), Double(size.height) / Double(height))
      let effective = min(Int(Double(width) * scale) * Int(Double(height) * scale), width * height)
      let waste = size.height * size.width - effective
      if let best, (effective, -waste) <= (best.effective, -best.waste) { continue }
      best = (size, effective, waste)
    }
    return best?.size
  }

  /// Returns the image's size on the canvas. The aspect ratio is kept, and the shorter side is rounded up.
  static func fitted(height: Int, width: Int, into canvas: Size) -> Size {
    let scaleWidth = Double(canvas.width) / Double(width)
    let scaleHeight = Double(canvas.height) / Double(height)
    if scaleWidth < scaleHeight {
      return Size(height: min(Int((Double(height) * scaleWidth).rounded(.up)), canvas.height), width: canvas.width)
    }
    return Size(height: canvas.height, width: min(Int((Double(width) * scaleHeight).rounded(.up)), canvas.width))
  }

  /// Returns the rows and columns of a `[rows, columns]` feature map that show an image of this size. Padding is
  /// removed symmetrically, so that one row or column more than the image fills may remain.
  package static func unpadded(height: Int, width: Int, rows: Int, columns: Int) -> (
    rows: Range<Int>, columns: Range<Int>
  ) {
    let (h, w, r, c) = (Double(height), Double(width), Double(rows), Double(columns))
    if w / h > c / r {
      let padding = max(0, rows - truncating(h * (c / w))) / 2
      return (padding..<(rows - padding), 0..<columns)
    }
    let padding = max(0, columns - truncating(w * (r / h))) / 2
    return (0..<rows, padding..<(columns - padding))
  }

  /// Returns the size to which `anyres_max_N` shrinks a map of `rows` by `columns` patches, or nil if it is small
  /// enough.
  package static func shrunk(rows: Int, columns: Int, patchesPerSide: Int, maxViews: Int) -> (rows: Int, columns: Int)?
  {
    let ratio = (Double(rows * columns) / Double(maxViews * patchesPerSide * patchesPerSide)).squareRoot()
    return ratio > 1.1 ? (floorQuotient(rows, ratio), floorQuotient(columns, ratio)) : nil
  }

  /// Python's `int(round(value, 7))` for a non-negative value: rounded to seven decimals, then truncated.
  ///
  /// The result differs from the floor only if the distance to the next integer is less than half of 1e-7. That
  /// distance is exact in doubles, and half of 1e-7 is not a binary fraction, so there are no ties.
  package static func truncating(_ value: Double) -> Int {
    let above = value.rounded(.down) + 1
    return Int(above - value < 5e-8 ? above : above - 1)
  }

  /// Python's `int(value // divisor)`, computed with the exact remainder instead of a rounded quotient.
  private static func floorQuotient(_ value: Int, _ divisor: Double) -> Int {
    let value = Double(value)
    let quotient = (value - fmod(value, divisor)) / divisor
    let floor = quotient.rounded(.down)
    return Int(quotient - floor > 0.5 ? floor + 1 : floor)
  }
}
