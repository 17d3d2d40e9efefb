// Packs the features of an image's views in token order: the base view, then the kept part of the tile grid, each row
// followed by the newline vector. Views arrive one by one and are copied to their positions. Only a grid that is shrunk
// needs all views first.
import GenerationTypes

/// Packs `[views, side², width]` into `[tokenCount, width]` as an `ImageLayout` says.
package struct AnyresPacking {
  /// The packed rows; complete after `finish`.
  package private(set) var values: [Float]
  /// The kept grid before it is shrunk, `[kept rows · kept columns, width]`; otherwise empty.
  private var map: [Float] = []
  private let layout: ImageLayout
  private let width: Int

  /// Throws if `viewCount` views of `side²` patches do not fill `layout`.
  package init(_ layout: ImageLayout, viewCount: Int, side: Int, width: Int) throws(InferenceError) {
    guard layout.patchesPerSide == side else {
      throw .invalidImage("views must have \(side) patches along an edge, got \(layout.patchesPerSide)")
    }
    var count = side * side
    if let grid = layout.grid {
      let tiles = 1...64
      guard tiles.contains(grid.tileRows), tiles.contains(grid.tileColumns) else {
        throw .invalidImage("a grid must have 1 to 64 tiles a side, got \(grid.tileRows) × \(grid.tileColumns)")
      }
      guard grid.tileRows * grid.tileColumns + 1 == viewCount else {
        throw .invalidImage(
          "a grid of \(grid.tileRows) × \(grid.tileColumns) tiles needs"
            + " \(grid.tileRows * grid.tileColumns + 1) views, got \(viewCount)")
      }
      guard Self.holds(grid.rows, grid.tileRows * side), Self.holds(grid.columns, grid.tileColumns * side) else {
        throw .invalidImage("rows \(grid.rows) or columns \(grid.columns) exceed the grid")
      }
      let size = grid.shrunk ?? (grid.rows.count, grid.columns.count)
      if grid.shrunk != nil {
        guard size.rows >= 1, size.rows <= grid.rows.count, size.columns >= 1, size.columns <= grid.columns.count else {
          throw .invalidImage(
            "a grid of \(grid.rows.count) × \(grid.columns.count) cannot shrink to \(size.rows) × \(size.columns)")
        }
      }
      count += size.rows * (size.columns + 1)
      if grid.shrunk != nil { map = [Float](repeating: 0, count: grid.rows.count * grid.columns.count * width) }
    } else {
      guard viewCount == 1 else { throw .invalidImage("an image without a grid needs 1 view, got \(viewCount)") }
      if layout.newlineAfterBase { count += 1 }
    }
    guard layout.tokenCount == count else {
      throw .invalidImage("the views fill \(count) positions, the layout has \(layout.tokenCount)")
    }
    values = [Float](repeating: 0, count: count * width)
    self.layout = layout
    self.width = width
  }

  /// Whether a range lies in `0 ..< count`. It may be empty: unpadding can leave nothing of an image much longer than
  /// wide.
  private static func holds(_ range: Range<Int>, _ count: Int) -> Bool {
    range.lowerBound >= 0 && range.upperBound <= count
  }

  /// Copies the features of one view, `[side², width]`, to their positions.
  package mutating func write(_ features: UnsafeBufferPointer<Float>, ofView view: Int) {
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
      let down = row - grid.rows.lowerBound, across = columns.lowerBound - grid.columns.lowerBound
      if grid.shrunk == nil {
        copy(run, to: &values, at: (side * side + down * (grid.columns.count + 1) + across) * width)
      } else {
        copy(run, to: &map, at: (down * grid.columns.count + across) * width)
      }
    }
  }

  /// Shrinks the grid if the layout says so, and ends its rows with `newline[width]`.
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
    let rows = grid.rows.count, columns = grid.columns.count
    for row in 0..<size.rows {
      let (y0, y1, fy) = Self.source(row, from: rows, to: size.rows)
      for column in 0..<size.columns {
        let (x0, x1, fx) = Self.source(column, from: columns, to: size.columns)
        let out = (base + row * (size.columns + 1) + column) * width
        let a = (y0 * columns + x0) * width, b = (y0 * columns + x1) * width
        let c = (y1 * columns + x0) * width, d = (y1 * columns + x1) * width
        for i in 0..<width {
          let upper = (1 - fx) * map[a + i] + fx * map[b + i], lower = (1 - fx) * map[c + i] + fx * map[d + i]
          values[out + i] = (1 - fy) * upper + fy * lower
        }
      }
    }
  }

  /// The two source positions of an output position, and the weight of the second.
  private static func source(_ index: Int, from count: Int, to size: Int) -> (Int, Int, Float) {
    let position = max(0, (Float(index) + 0.5) * (Float(count) / Float(size)) - 0.5)
    let first = min(Int(position), count - 1)
    return (first, min(first + 1, count - 1), position - Float(first))
  }

  private func copy(_ run: Slice<UnsafeBufferPointer<Float>>, to out: inout [Float], at index: Int) {
    out.withUnsafeMutableBufferPointer { _ = $0[index...].update(fromContentsOf: run) }
  }
}
