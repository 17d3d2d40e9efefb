// Puts the features of an image's views into token order: the base view, then the kept part of the tile grid, every row ended
// by the newline vector. Views arrive one by one and are copied to their places; only a grid that is shrunk waits for all.
import GenerationTypes

/// Packs `[views, side², width]` into `[tokenCount, width]` as an `ImageLayout` says.
package struct AnyresPacking {
  /// The packed rows; complete after `finish`.
  package private(set) var values: [Float]
  /// The kept grid before it is shrunk, `[kept rows · kept columns, width]`.
  private var map: [Float] = []
  private let layout: ImageLayout
  private let width: Int

  /// Checks that `layout` is one that `viewCount` views of `side²` patches can fill.
  package init(_ layout: ImageLayout, viewCount: Int, side: Int, width: Int) throws(InferenceError) {
    guard layout.patchesPerSide == side else {
      throw .invalidImage("\(layout.patchesPerSide) patches along an edge, the model has \(side)")
    }
    var count = side * side
    if let grid = layout.grid {
      let tiles = 1...64
      guard tiles.contains(grid.tileRows), tiles.contains(grid.tileColumns) else {
        throw .invalidImage("a grid of \(grid.tileRows) by \(grid.tileColumns) tiles, at most 64 by 64")
      }
      guard grid.tileRows * grid.tileColumns + 1 == viewCount else {
        throw .invalidImage("\(viewCount) views for a grid of \(grid.tileRows) by \(grid.tileColumns)")
      }
      guard Self.holds(grid.rows, grid.tileRows * side), Self.holds(grid.columns, grid.tileColumns * side) else {
        throw .invalidImage("rows \(grid.rows), columns \(grid.columns) are not in the grid")
      }
      let size = grid.shrunk ?? (grid.rows.count, grid.columns.count)
      if grid.shrunk != nil {
        guard size.rows >= 1, size.rows <= grid.rows.count, size.columns >= 1, size.columns <= grid.columns.count else {
          throw .invalidImage("a grid shrunk to \(size.rows) by \(size.columns)")
        }
      }
      count += size.rows * (size.columns + 1)
      if grid.shrunk != nil { map = [Float](repeating: 0, count: grid.rows.count * grid.columns.count * width) }
    } else {
      guard viewCount == 1 else { throw .invalidImage("\(viewCount) views without a grid") }
      if layout.newlineAfterBase { count += 1 }
    }
    guard layout.tokenCount == count else {
      throw .invalidImage("\(layout.tokenCount) places, the views come to \(count)")
    }
    values = [Float](repeating: 0, count: count * width)
    (self.layout, self.width) = (layout, width)
  }

  /// Whether a range lies in `0 ..< count`. It may be empty: of an image much longer than wide, unpadding can leave nothing.
  private static func holds(_ range: Range<Int>, _ count: Int) -> Bool {
    range.lowerBound >= 0 && range.upperBound <= count
  }

  /// Copies the features of one view, `[side², width]`, to their places.
  package mutating func place(view: Int, _ features: UnsafeBufferPointer<Float>) {
    let side = layout.patchesPerSide
    guard view > 0, let grid = layout.grid else {
      copy(features[...], to: &values, at: 0)
      return
    }
    let top = (view - 1) / grid.tileColumns * side, left = (view - 1) % grid.tileColumns * side
    let columns = (left..<left + side).clamped(to: grid.columns)
    if columns.isEmpty { return }
    for row in (top..<top + side).clamped(to: grid.rows) {
      let source = ((row - top) * side + columns.lowerBound - left) * width
      let run = features[source..<source + columns.count * width]
      let (down, across) = (row - grid.rows.lowerBound, columns.lowerBound - grid.columns.lowerBound)
      if grid.shrunk == nil {
        copy(run, to: &values, at: (side * side + down * (grid.columns.count + 1) + across) * width)
      } else {
        copy(run, to: &map, at: (down * grid.columns.count + across) * width)
      }
    }
  }

  /// Shrinks the grid where that is wanted, and ends its rows with `newline[width]`.
  package mutating func finish(newline: UnsafeBufferPointer<Float>) {
    let base = layout.patchesPerSide * layout.patchesPerSide
    guard let grid = layout.grid else {
      if layout.newlineAfterBase { copy(newline[...], to: &values, at: base * width) }
      return
    }
    let size = grid.shrunk ?? (grid.rows.count, grid.columns.count)
    if grid.shrunk != nil { shrink(grid, to: size, at: base) }
    for row in 0..<size.rows {
      copy(newline[...], to: &values, at: (base + row * (size.columns + 1) + size.columns) * width)
    }
  }

  /// Bilinear without anti-aliasing, corners not aligned: `torch.nn.functional.interpolate(…, mode="bilinear")`.
  private mutating func shrink(_ grid: ImageLayout.Grid, to size: (rows: Int, columns: Int), at base: Int) {
    let (rows, columns) = (grid.rows.count, grid.columns.count)
    for row in 0..<size.rows {
      let (y0, y1, fy) = Self.source(row, from: rows, to: size.rows)
      for column in 0..<size.columns {
        let (x0, x1, fx) = Self.source(column, from: columns, to: size.columns)
        let out = (base + row * (size.columns + 1) + column) * width
        let (a, b) = ((y0 * columns + x0) * width, (y0 * columns + x1) * width)
        let (c, d) = ((y1 * columns + x0) * width, (y1 * columns + x1) * width)
        for i in 0..<width {
          let upper = (1 - fx) * map[a + i] + fx * map[b + i], lower = (1 - fx) * map[c + i] + fx * map[d + i]
          values[out + i] = (1 - fy) * upper + fy * lower
        }
      }
    }
  }

  /// The two source places of an output place, and the weight of the second.
  private static func source(_ index: Int, from count: Int, to size: Int) -> (Int, Int, Float) {
    let place = max(0, (Float(index) + 0.5) * (Float(count) / Float(size)) - 0.5)
    let first = min(Int(place), count - 1)
    return (first, min(first + 1, count - 1), place - Float(first))
  }

  private func copy(_ run: Slice<UnsafeBufferPointer<Float>>, to out: inout [Float], at index: Int) {
    out.withUnsafeMutableBufferPointer { _ = $0[index...].update(fromContentsOf: run) }
  }
}
