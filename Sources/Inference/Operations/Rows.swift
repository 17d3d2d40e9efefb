// A view of rows of f32 in memory that someone else owns.

/// `[…, columns]` of f32 with `stride` values from one row to the next; the count of rows is the caller's.
struct Rows: BitwiseCopyable {
  var base: UnsafeMutablePointer<Float>
  var stride: Int

  /// The same rows from row `index` on.
  func from(row index: Int) -> Rows { Rows(base: base + index * stride, stride: stride) }

  /// The same rows from column `index` on.
  func from(column index: Int) -> Rows { Rows(base: base + index, stride: stride) }

  /// The first `count` values, for rows without gaps.
  func values(_ count: Int) -> UnsafeBufferPointer<Float> { UnsafeBufferPointer(start: base, count: count) }
}
