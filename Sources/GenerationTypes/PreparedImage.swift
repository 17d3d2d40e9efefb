// An image on its way to the decoder: where its features go, and the pixels that the vision tower takes.

/// Where the features of one image go in the token sequence: the base view first, then, when there is a grid, its kept
/// rows, each followed by the learned `image_newline` vector.
package struct ImageLayout: Sendable, Equatable {
  /// The part of the tile grid that shows the image and not its padding.
  package struct Grid: Sendable, Equatable {
    /// Tiles down and across; the tiles follow the base view in row-major order.
    package var tileRows, tileColumns: Int
    /// Rows and columns of the `[patchesPerSide * tileRows, patchesPerSide * tileColumns]` feature map that are kept.
    package var rows, columns: Range<Int>
    /// Size to which the kept map is bilinearly shrunk (`anyres_max_N`); nil keeps it.
    package var shrunk: (rows: Int, columns: Int)?

    package init(
      tileRows: Int, tileColumns: Int, rows: Range<Int>, columns: Range<Int>, shrunk: (rows: Int, columns: Int)? = nil
    ) {
      (self.tileRows, self.tileColumns) = (tileRows, tileColumns)
      (self.rows, self.columns, self.shrunk) = (rows, columns, shrunk)
    }

    package static func == (a: Grid, b: Grid) -> Bool {
      a.tileRows == b.tileRows && a.tileColumns == b.tileColumns && a.rows == b.rows && a.columns == b.columns
        && a.shrunk?.rows == b.shrunk?.rows && a.shrunk?.columns == b.shrunk?.columns
    }
  }
  package var patchesPerSide: Int
  /// nil: the base view alone.
  package var grid: Grid?
  /// Without a grid: whether one `image_newline` follows the base view (the economy form for many images).
  package var newlineAfterBase: Bool
  /// Places in the token sequence.
  package var tokenCount: Int

  package init(patchesPerSide: Int, grid: Grid?, newlineAfterBase: Bool = false, tokenCount: Int) {
    (self.patchesPerSide, self.grid) = (patchesPerSide, grid)
    (self.newlineAfterBase, self.tokenCount) = (newlineAfterBase, tokenCount)
  }
}

/// SHA-256 of an image's pixels and its preparation: equal digests stand for equal features.
package struct ContentDigest: Sendable, Hashable {
  package var words: [UInt64]
  package init(words: [UInt64]) { self.words = words }
}

/// An image cut into the square views that the vision tower takes.
package struct PreparedImage: Sendable {
  /// RGB, 8 bit: `[viewCount, side, side, 3]`; view 0 is the whole image, stretched.
  package var views: [UInt8]
  package var viewCount: Int
  /// Pixels along the edge of a view.
  package var side: Int
  package var layout: ImageLayout
  /// The image's own size in pixels, after its EXIF orientation.
  package var width, height: Int
  /// What the features are known by in caches; nil keeps the image out of them.
  package var digest: ContentDigest?

  package init(views: [UInt8], viewCount: Int, side: Int, layout: ImageLayout, width: Int, height: Int) {
    (self.views, self.viewCount, self.side, self.layout) = (views, viewCount, side, layout)
    (self.width, self.height) = (width, height)
  }
}
