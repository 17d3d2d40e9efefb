// A view of rows of f32 in memory that another object owns.

/// `[count, columns]` of f32 with `stride` values from one row to the next.
struct Rows: BitwiseCopyable {
  var base: UnsafeMutablePointer<Float>
  /// The number of rows.
  var count: Int
  var columns: Int
  var stride: Int

  /// A view of rows that follow each other without gaps.
  init(base: UnsafeMutablePointer<Float>, count: Int, columns: Int) {
    self.base = base
    self.count = count
    self.columns = columns
    stride = columns
  }

  /// The first `count` rows.
  func prefix(_ count: Int) -> Rows { rows(0..<count) }

  /// The rows in `range`.
  func rows(_ range: Range<Int>) -> Rows {
    var view = self
    view.base += range.lowerBound * stride
    view.count = range.count
    return view
  }

  /// The columns in `range` of every row.
  func columns(_ range: Range<Int>) -> Rows {
    var view = self
    view.base += range.lowerBound
    view.columns = range.count
    return view
  }

  /// The values of row `index`.
  subscript(index: Int) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: base + index * stride, count: columns)
  }

  /// All values. The rows must follow each other without gaps.
  var values: UnsafeBufferPointer<Float> {
    assert(stride == columns)
    return UnsafeBufferPointer(start: base, count: count * columns)
  }
}
