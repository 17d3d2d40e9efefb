// Prepares an image as square views for the vision tower, with the layout of their features: a base view (the image
// stretched), then the tiles of its anyres canvas in row-major order. Pixels stay 8-bit; mean and standard deviation
// are applied when they are converted to floats.
import GenerationTypes

/// The preprocessor of one checkpoint. An immutable value; `prepare` may run on any thread.
package struct ImageProcessor: Sendable {
  /// The number of views that the model gets of an image.
  package enum Detail: Sendable {
    /// The base view and anyres tiles.
    case full
    /// Only the base view.
    case low
    /// The image padded to a square, as one view and one newline. Used for several images.
    case economy
  }

  private let side: Int
  private let patchesPerSide: Int
  private let canvases: [AnyResolution.Size]
  private let filter: ResampleFilter
  private let maxViews: Int?
  private let padding: [UInt8]

  /// Creates a preprocessor.
  ///
  /// - Parameters:
  ///   - side: The edge of a view in pixels.
  ///   - patchSize: The edge of a patch in pixels. The remainder of `side` is ignored.
  ///   - pinpoints: The canvas sizes in order of preference, each a multiple of `side`; empty means no tiles.
  ///   - resample: The filter for every resize.
  ///   - maxPatches: The N of `anyres_max_N`: more features than N views have are shrunk; nil for plain `anyres`.
  ///   - mean: `image_mean`, three channels in 0...1; the padding colour of the economy view.
  /// - Throws: `ImageError.invalidProcessor` if these are inconsistent.
  package init(
    side: Int, patchSize: Int, pinpoints: [(height: Int, width: Int)], resample: ResampleFilter, maxPatches: Int? = nil,
    mean: [Double] = [0.5, 0.5, 0.5]
  ) throws(ImageError) {
    guard (1...4096).contains(side) else {
      throw .invalidProcessor("the image size must be between 1 and 4096, got \(side)")
    }
    guard (1...side).contains(patchSize) else {
      throw .invalidProcessor("the patch size must be between 1 and \(side), got \(patchSize)")
    }
    for (height, width) in pinpoints {
      guard height > 0, width > 0, height % side == 0, width % side == 0 else {
        throw .invalidProcessor("the grid pinpoint [\(height), \(width)] must be a multiple of \(side)")
      }
      guard height / side <= 64, width / side <= 64, (height / side) * (width / side) <= 64 else {
        throw .invalidProcessor("the grid pinpoint [\(height), \(width)] must have at most 64 tiles")
      }
    }
    if let maxPatches, !(1...1024).contains(maxPatches) {
      throw .invalidProcessor("anyres_max_\(maxPatches) must have N between 1 and 1024")
    }
    guard mean.count == 3, mean.allSatisfy({ (0...1).contains($0) }) else {
      throw .invalidProcessor("the image mean must be three numbers between 0 and 1")
    }
    self.side = side
    patchesPerSide = side / patchSize
    filter = resample
    maxViews = maxPatches
    canvases = pinpoints.map { AnyResolution.Size(height: $0.height, width: $0.width) }
    padding = mean.map { UInt8(255 * $0) }
  }

  /// Returns the feature layout of an image of this size, without its pixels.
  package func layout(width: Int, height: Int, detail: Detail) -> ImageLayout {
    precondition(width > 0 && height > 0, "an image must have at least one pixel")
    let base = patchesPerSide * patchesPerSide
    switch detail {
    case .low:
      return ImageLayout(patchesPerSide: patchesPerSide, grid: nil, tokenCount: base)
    case .economy:
      return ImageLayout(patchesPerSide: patchesPerSide, grid: nil, newlineAfterBase: true, tokenCount: base + 1)
    case .full:
      guard let canvas = AnyResolution.canvas(height: height, width: width, among: canvases) else {
        return layout(width: width, height: height, detail: .low)
      }
      let (tileRows, tileColumns) = (canvas.height / side, canvas.width / side)
      let unpadded = AnyResolution.unpadded(
        height: height, width: width, rows: tileRows * patchesPerSide, columns: tileColumns * patchesPerSide)
      let shrunk = maxViews.flatMap {
        AnyResolution.shrunk(
          rows: unpadded.rows.count, columns: unpadded.columns.count, patchesPerSide: patchesPerSide, maxViews: $0)
      }
      let (rows, columns) = shrunk ?? (unpadded.rows.count, unpadded.columns.count)
      let grid = ImageLayout.Grid(
        tileRows: tileRows, tileColumns: tileColumns, rows: unpadded.rows, columns: unpadded.columns, shrunk: shrunk)
      return ImageLayout(patchesPerSide: patchesPerSide, grid: grid, tokenCount: base + rows * (columns + 1))
    }
  }

  /// Returns the views and their layout.
  package func prepare(_ image: RGBImage, detail: Detail) -> PreparedImage {
    let layout = layout(width: image.width, height: image.height, detail: detail)
    var views = detail == .economy ? squared(image) : resized(image, width: side, height: side).pixels
    var viewCount = 1
    if let grid = layout.grid {
      viewCount += grid.tileRows * grid.tileColumns
      views.reserveCapacity(viewCount * side * side * 3)
      appendTiles(of: image, rows: grid.tileRows, columns: grid.tileColumns, to: &views)
    }
    return PreparedImage(
      views: views, viewCount: viewCount, side: side, layout: layout, width: image.width, height: image.height)
  }

  private func resized(_ image: RGBImage, width: Int, height: Int) -> RGBImage {
    Resampler.resize(image, width: width, height: height, filter: filter)
  }

  /// Centres the image on a black canvas and appends the canvas as `rows` by `columns` tiles.
  private func appendTiles(of image: RGBImage, rows: Int, columns: Int, to views: inout [UInt8]) {
    let canvas = AnyResolution.Size(height: rows * side, width: columns * side)
    let size = AnyResolution.fitted(height: image.height, width: image.width, into: canvas)
    let content = resized(image, width: size.width, height: size.height)
    let (left, top) = ((canvas.width - size.width) / 2, (canvas.height - size.height) / 2)
    for tile in 0..<(rows * columns) {
      let x = (tile % columns) * side - left  // The tile's corner in the image.
      let y = (tile / columns) * side - top
      let start = max(0, -x)
      let end = min(side, size.width - x)
      for row in y..<(y + side) {
        guard (0..<size.height).contains(row), start < end else {
          views.append(contentsOf: repeatElement(0, count: side * 3))
          continue
        }
        let first = (row * size.width + x + start) * 3
        views.append(contentsOf: repeatElement(0, count: start * 3))
        views.append(contentsOf: content.pixels[first..<(first + (end - start) * 3)])
        views.append(contentsOf: repeatElement(0, count: (side - end) * 3))
      }
    }
  }

  /// Returns the image centred on a square of the mean colour, resized to one view `[side, side, 3]`.
  ///
  /// The square of a long thin image would be thousands of times larger than the image, so it is never allocated:
  /// rows of padding are resized once, and of the others only the output columns that overlap the image are computed.
  private func squared(_ image: RGBImage) -> [UInt8] {
    let edge = max(image.width, image.height)
    if image.width == image.height { return resized(image, width: side, height: side).pixels }
    let (left, top) = ((edge - image.width) / 2, (edge - image.height) / 2)
    if filter == .nearest || edge == side { return sampled(image, edge: edge, left: left, top: top) }
    let weights = ResampleWeights(source: edge, target: side, filter: filter)
    let (seeing, needed) = weights.outputs(seeing: left..<(left + image.width))
    let part = weights.part(seeing, from: needed.lowerBound)
    let paddingLine = Resampler.columns(padded(edge), rows: 1, width: edge, to: side, weights)
    var narrow: [UInt8] = []
    narrow.reserveCapacity(edge * side * 3)
    for _ in 0..<top { narrow += paddingLine }
    for first in stride(from: 0, to: image.height, by: 64) {
      let rows = first..<min(first + 64, image.height)
      let band = rows.flatMap { padded(image, row: $0, left: left - needed.lowerBound, width: needed.count) }
      let pixels = Resampler.columns(band, rows: rows.count, width: needed.count, to: seeing.count, part)
      for row in 0..<rows.count {
        narrow += paddingLine[..<(seeing.lowerBound * 3)]
        narrow += pixels[(row * seeing.count * 3)..<((row + 1) * seeing.count * 3)]
        narrow += paddingLine[(seeing.upperBound * 3)...]
      }
    }
    for _ in (top + image.height)..<edge { narrow += paddingLine }
    return Resampler.rows(narrow, rowBytes: side * 3, to: side, weights)
  }

  /// Returns `squared` with nearest-neighbour sampling, pixel by pixel.
  private func sampled(_ image: RGBImage, edge: Int, left: Int, top: Int) -> [UInt8] {
    let positions = edge == side ? Array(0..<side) : Resampler.nearestPositions(source: edge, target: side)
    return positions.flatMap { y in
      positions.flatMap { x in
        guard (top..<(top + image.height)).contains(y), (left..<(left + image.width)).contains(x) else {
          return padding[...]
        }
        let first = ((y - top) * image.width + x - left) * 3
        return image.pixels[first..<(first + 3)]
      }
    }
  }

  /// Returns `width` pixels of padding.
  private func padded(_ width: Int) -> [UInt8] { (0..<width).flatMap { _ in padding } }

  /// Returns one row of the image after `left` pixels of padding, in a row of `width` pixels.
  private func padded(_ image: RGBImage, row: Int, left: Int, width: Int) -> [UInt8] {
    let first = row * image.width * 3
    return padded(left) + image.pixels[first..<(first + image.width * 3)] + padded(width - left - image.width)
  }
}
