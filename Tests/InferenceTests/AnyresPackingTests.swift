// The order of an image's features, and the images that are rejected.
import GenerationTypes
import Inference
import Testing

@Suite struct AnyresPackingTests {
  @Test func `a shrunk grid equals torch's bilinear interpolation`() throws {
    let expected = try Expected.read().shrink
    #expect(expected.count == 3)
    for shrink in expected {
      let side = max(shrink.rows, shrink.columns)
      let grid = ImageLayout.Grid(
        tileRows: 1, tileColumns: 1, rows: 0..<shrink.rows, columns: 0..<shrink.columns,
        shrunk: (shrink.toRows, shrink.toColumns))
      let count = side * side + shrink.toRows * (shrink.toColumns + 1)
      var packing = try AnyresPacking(
        ImageLayout(patchesPerSide: side, grid: grid, tokenCount: count), viewCount: 2, side: side, width: 3)
      var tile = [Float](repeating: 99, count: side * side * 3)
      for row in 0..<shrink.rows {
        for i in 0..<shrink.columns * 3 { tile[row * side * 3 + i] = shrink.map[row * shrink.columns * 3 + i] }
      }
      let base = [Float](repeating: 1, count: side * side * 3), newline: [Float] = [7, 8, 9]
      base.withUnsafeBufferPointer { packing.write($0, ofView: 0) }
      tile.withUnsafeBufferPointer { packing.write($0, ofView: 1) }
      newline.withUnsafeBufferPointer { packing.finish(newline: $0) }
      #expect(Array(packing.values[..<base.count]) == base)
      for row in 0..<shrink.toRows {
        let begin = (side * side + row * (shrink.toColumns + 1)) * 3, width = shrink.toColumns * 3
        for i in 0..<width { #expect(abs(packing.values[begin + i] - shrink.out[row * width + i]) < 3e-6) }
        #expect(Array(packing.values[begin + width..<begin + width + 3]) == newline)
      }
    }
  }

  @Test func `tiles form one map without padding`() throws {
    // 2 × 2 patches per view, 2 × 3 tiles. Each value states its position in the map.
    let grid = ImageLayout.Grid(tileRows: 2, tileColumns: 3, rows: 1..<3, columns: 1..<6)
    var packing = try AnyresPacking(
      ImageLayout(patchesPerSide: 2, grid: grid, tokenCount: 4 + 2 * 6), viewCount: 7, side: 2, width: 1)
    var views: [[Float]] = [[-1, -2, -3, -4]]
    for tile in 0..<6 {
      let (top, left) = (tile / 3 * 2, tile % 3 * 2)
      views.append([(0, 0), (0, 1), (1, 0), (1, 1)].map { Float((top + $0.0) * 10 + left + $0.1) })
    }
    for (view, values) in views.enumerated() { values.withUnsafeBufferPointer { packing.write($0, ofView: view) } }
    [Float(100)].withUnsafeBufferPointer { packing.finish(newline: $0) }
    #expect(packing.values == [-1, -2, -3, -4, 11, 12, 13, 14, 15, 100, 21, 22, 23, 24, 25, 100])
  }

  @Test func `an image without a grid is the base view and one newline`() throws {
    var packing = try AnyresPacking(
      ImageLayout(patchesPerSide: 1, grid: nil, newlineAfterBase: true, tokenCount: 2), viewCount: 1, side: 1, width: 2)
    [Float(1), 2].withUnsafeBufferPointer { packing.write($0, ofView: 0) }
    [Float(3), 4].withUnsafeBufferPointer { packing.finish(newline: $0) }
    #expect(packing.values == [1, 2, 3, 4])
  }

  private func isRejected(_ grid: ImageLayout.Grid?, tokens: Int, views: Int, side: Int) -> Bool {
    let layout = ImageLayout(patchesPerSide: side, grid: grid, tokenCount: tokens)
    do {
      _ = try AnyresPacking(layout, viewCount: views, side: 2, width: 1)
      return false
    } catch { return true }
  }

  @Test func `layouts that the views do not fill are rejected`() {
    func grid(_ down: Int, _ across: Int, _ rows: Range<Int>, shrunk: (Int, Int)? = nil) -> ImageLayout.Grid {
      ImageLayout.Grid(tileRows: down, tileColumns: across, rows: rows, columns: 0..<2, shrunk: shrunk)
    }
    let accepted: [(ImageLayout.Grid?, tokens: Int, views: Int, side: Int)] = [
      (nil, 4, 1, 2), (grid(1, 1, 0..<2), 10, 2, 2),
      (grid(1, 1, 1..<1), 4, 2, 2),  // an image so long that unpadding leaves no row
    ]
    let rejected: [(ImageLayout.Grid?, tokens: Int, views: Int, side: Int)] = [
      (nil, 5, 1, 2), (nil, 4, 2, 2), (nil, 4, 1, 3), (grid(1, 1, 0..<3), 13, 2, 2),
      (grid(1, 1, 0..<0, shrunk: (1, 1)), 6, 2, 2), (grid(0, 1, 0..<2), 10, 1, 2),
      (grid(1 << 40, 1 << 40, 0..<2), 10, 2, 2),
      (grid(1, 1, 0..<2, shrunk: (3, 1)), 10, 2, 2), (grid(1, 1, -1..<1), 10, 2, 2),
    ]
    for (layouts, expected) in [(accepted, false), (rejected, true)] {
      for (grid, tokens, views, side) in layouts {
        let result = isRejected(grid, tokens: tokens, views: views, side: side)
        #expect(result == expected, "\(tokens) positions, \(views) views, \(side) patches")
      }
    }
  }

  @Test func `images that do not fit the model are rejected`() throws {
    let runner = try RRunner(model: try Expected.model("one-layer"), threads: 1)
    let layout = ImageLayout(patchesPerSide: 2, grid: nil, tokenCount: 4)
    func image(_ bytes: Int, _ views: Int, _ side: Int) -> PreparedImage {
      PreparedImage(
        views: [UInt8](repeating: 0, count: bytes), viewCount: views, side: side, layout: layout, width: 1, height: 1)
    }
    let features = try runner.encode(image(28 * 28 * 3, 1, 28))
    #expect(features.rows == 4 && features.values.count == 4 * 64)
    for (bytes, views, side) in [
      (28 * 28 * 3, 1, 30), (28 * 28 * 3 - 1, 1, 28), (28 * 28 * 3, 2, 28), (0, 0, 28), (0, .max, 28),
    ] {
      #expect(throws: InferenceError.self) { try runner.encode(image(bytes, views, side)) }
    }
  }
}
