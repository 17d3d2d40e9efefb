// An image for the model: its views for the vision tower, and the positions of its features in the prompt.

/// The order of the features of one image in the prompt: the base view first, then the kept rows of the grid if there
/// is one, each followed by the learned `image_newline` vector.
package struct ImageLayout: Sendable, Equatable {
  /// The part of the tile grid that shows the image without padding.
  package struct Grid: Sendable, Equatable {
    /// The number of tiles down and across. The tiles follow the base view in row-major order.
    package var tileRows, tileColumns: Int
    /// The kept rows and columns of the feature map, `[patchesPerSide * tileRows, patchesPerSide * tileColumns]`.
    package var rows, columns: Range<Int>
    /// The size to which the kept map is shrunk bilinearly (`anyres_max_N`); nil keeps its size.
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
  /// The tile grid; nil for the base view only.
  package var grid: Grid?
  /// Whether one `image_newline` follows the base view if there is no grid (the economy form for many images).
  package var newlineAfterBase: Bool
  /// The number of positions in the prompt.
  package var tokenCount: Int

  package init(patchesPerSide: Int, grid: Grid?, newlineAfterBase: Bool = false, tokenCount: Int) {
    (self.patchesPerSide, self.grid) = (patchesPerSide, grid)
    (self.newlineAfterBase, self.tokenCount) = (newlineAfterBase, tokenCount)
  }
}

/// A SHA-256 of an image's pixels and preparation. Equal digests mean equal features.
package struct ContentDigest: Sendable, Hashable {
  package var words: [UInt64]
  package init(words: [UInt64]) { self.words = words }
}

/// An image cut into square views for the vision tower.
package struct PreparedImage: Sendable {
  /// RGB, 8 bit: `[viewCount, side, side, 3]`; view 0 is the whole image, stretched.
  package var views: [UInt8]
  package var viewCount: Int
  /// The number of pixels along the edge of a view.
  package var side: Int
  package var layout: ImageLayout
  /// The size of the image in pixels, after its EXIF orientation.
  package var width, height: Int
  /// The key of the features in caches; nil bypasses them.
  package var digest: ContentDigest?

  package init(views: [UInt8], viewCount: Int, side: Int, layout: ImageLayout, width: Int, height: Int) {
    (self.views, self.viewCount, self.side, self.layout) = (views, viewCount, side, layout)
    (self.width, self.height) = (width, height)
  }
}
