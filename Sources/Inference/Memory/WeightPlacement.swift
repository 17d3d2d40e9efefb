// Reads one tensor from its file into memory, piece by piece through the buffers of the lane that takes the piece, so
// that no weight is in memory twice. A piece is copied as stored, widened to f32, or packed for the kernels, after
// rounding when the model is quantised while loading.
import CKernels
import ModelFiles

/// A tensor with its address and type in memory. The caller owns the memory, which holds `byteCount` bytes.
struct WeightPlacement {
  let tensor: TensorInfo
  /// The type in memory.
  let type: ElementType
  let destination: UnsafeMutableRawPointer

  /// The size of the outermost dimension. A vector is one row, because blocks run along it.
  var rows: Int { tensor.shape.count > 1 ? tensor.rowCount : 1 }
  /// The number of values of one row.
  var columns: Int { rows == 0 ? 0 : tensor.elementCount / rows }
  /// `columns` rounded up to whole blocks of `type`.
  var paddedColumns: Int { (columns + type.blockElements - 1) / type.blockElements * type.blockElements }
  /// Bytes of one row as stored.
  private var storedRow: Int { rows == 0 ? 0 : tensor.byteCount / rows }

  /// Bytes in memory of `rows` by `columns` values.
  static func byteCount(_ type: ElementType, rows: Int, columns: Int) -> Int {
    type.isQuantized
      ? ck_packed_bytes(type.kernelType, UInt32(rows), UInt32(columns)) : type.byteCount(of: rows * columns)
  }

  /// Source bytes of a piece. A buffer of that size stays in a core's second-level cache between reading and packing.
  private static let pieceBytes = 256 << 10

  /// Row ranges that can be read independently, in order: whole groups of packed rows.
  var pieces: [Range<Int>] {
    let group = Int(CK_PACK_ROWS)
    let step = max(1, Self.pieceBytes / max(1, storedRow * group)) * group
    return stride(from: 0, to: rows, by: step).map { $0..<min($0 + step, rows) }
  }

  /// Bytes of the buffers that `read` needs for `rows` rows.
  func bufferBytes(_ rows: Int) -> LaneBuffers.Sizes {
    let copies = tensor.type == type && !type.isQuantized
    let rounds = tensor.type != type && type.isQuantized
    return LaneBuffers.Sizes(
      stored: copies ? 0 : rows * storedRow, values: rounds ? paddedColumns * MemoryLayout<Float>.stride : 0,
      blocks: rounds ? rows * type.byteCount(of: paddedColumns) : 0)
  }

  /// Reads rows `range`, one of `pieces`, to their address.
  func read(_ range: Range<Int>, of checkpoint: Checkpoint, through buffers: borrowing LaneBuffers)
    throws(ModelFileError)
  {
    let whole = tensor.shape.count > 1 ? range : nil
    if tensor.type == type, !type.isQuantized {
      let bytes = UnsafeMutableRawBufferPointer(
        start: destination + range.lowerBound * storedRow, count: range.count * storedRow)
      return try checkpoint.read(tensor, rows: whole, into: bytes)
    }
    let stored = UnsafeMutableRawBufferPointer(start: buffers.stored, count: range.count * storedRow)
    try checkpoint.read(tensor, rows: whole, into: stored)
    guard type.isQuantized else {
      let values = destination.assumingMemoryBound(to: Float.self) + range.lowerBound * columns
      return ck_widen(values, buffers.stored, tensor.type.kernelType, range.count * columns)
    }
    let groups = range.lowerBound / Int(CK_PACK_ROWS)
    let out = destination + groups * ck_packed_bytes(type.kernelType, UInt32(CK_PACK_ROWS), UInt32(columns))
    let blocks = tensor.type == type ? buffers.stored : try round(range, buffers)
    ck_pack(out, blocks, type.kernelType, UInt32(range.count), UInt32(paddedColumns))
  }

  /// Rounds the stored rows to `type`; returns them in GGUF's layout, padded to whole blocks with zeros.
  private func round(_ range: Range<Int>, _ buffers: borrowing LaneBuffers)
    throws(ModelFileError) -> UnsafeMutableRawPointer
  {
    let values = buffers.values.assumingMemoryBound(to: Float.self), blockRow = type.byteCount(of: paddedColumns)
    for i in columns..<paddedColumns { values[i] = 0 }
    for row in 0..<range.count {
      ck_widen(values, buffers.stored + row * storedRow, tensor.type.kernelType, columns)
      guard ck_quantize(buffers.blocks + row * blockRow, values, type.kernelType, paddedColumns) else {
        throw ModelFileError(
          file: tensor.file, location: .tensor(tensor.storedName),
          expected: "finite values in the range of \(type.rawValue), in row \(range.lowerBound + row)",
          found: "a value outside it")
      }
    }
    return buffers.blocks
  }
}

/// The buffers of one lane, reused for every piece.
struct LaneBuffers: ~Copyable {
  /// Bytes of each buffer.
  struct Sizes {
    var stored = 0, values = 0, blocks = 0

    /// The larger of both, buffer by buffer.
    func union(_ other: Sizes) -> Sizes {
      Sizes(
        stored: max(stored, other.stored), values: max(values, other.values), blocks: max(blocks, other.blocks))
    }
  }

  /// Rows as stored; one row as f32; rows rounded.
  let stored, values, blocks: UnsafeMutableRawPointer

  init(_ sizes: Sizes) {
    stored = .allocate(byteCount: sizes.stored, alignment: Arena.alignment)
    values = .allocate(byteCount: sizes.values, alignment: Arena.alignment)
    blocks = .allocate(byteCount: sizes.blocks, alignment: Arena.alignment)
  }

  deinit { for buffer in [stored, values, blocks] { buffer.deallocate() } }
}
