// Random inputs, the same in every run. Speed does not depend on them.
import GenerationTypes

/// A linear congruential generator.
struct NumberSource {
  private var state: UInt64 = 0x5DEE_CE66_D1CE_4E5B

  /// Returns `count` token ids below `limit`.
  mutating func tokens(_ count: Int, below limit: Int) -> [TokenID] {
    (0..<count).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return TokenID((state >> 33) % UInt64(limit))
    }
  }
}

extension PreparedImage {
  /// An image of noise in `count` views: the base view, followed by a column of tiles if there are more.
  package static func noise(views count: Int, side: Int, patchesPerSide: Int) -> PreparedImage {
    let tiles = count - 1
    let grid = ImageLayout.Grid(
      tileRows: tiles, tileColumns: 1, rows: 0..<tiles * patchesPerSide, columns: 0..<patchesPerSide)
    let layout = ImageLayout(
      patchesPerSide: patchesPerSide, grid: tiles > 0 ? grid : nil,
      tokenCount: patchesPerSide * (patchesPerSide + tiles * (patchesPerSide + 1)))
    var source = NumberSource()
    let bytes = source.tokens(count * side * side * 3, below: 256).map { UInt8(truncatingIfNeeded: $0) }
    return PreparedImage(
      views: bytes, viewCount: count, side: side, layout: layout, width: side, height: side * max(1, tiles))
  }
}
