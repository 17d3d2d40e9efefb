// Puts a checkpoint's tensors where the kernels want them. A model's load code runs twice over a reader: the first time it
// counts bytes, the second time it reads into one arena of that size.
import CKernels
import ModelFiles

/// Reads tensors into an arena; norms and biases as f32, matrices as stored.
struct WeightReader {
  private let checkpoint: Checkpoint
  private var arena: Arena
  private let reads: Bool
  private let progress: (Int) -> Void
  /// Values asked for.
  private(set) var parameterCount = 0

  /// A reader that counts.
  init(counting checkpoint: Checkpoint) {
    (self.checkpoint, arena, reads, progress) = (checkpoint, Arena(), false, { _ in })
  }

  /// A reader that fills `mapping`, calling `progress` with the bytes placed so far.
  init(_ checkpoint: Checkpoint, into mapping: Mapping, progress: @escaping (Int) -> Void) {
    (self.checkpoint, arena, reads, self.progress) = (checkpoint, Arena(mapping), true, progress)
  }

  /// Bytes that the tensors take in memory.
  var byteCount: Int { arena.byteCount }

  /// A tensor of `count` values as f32.
  mutating func vector(_ name: String, shape: [Int]) throws(ModelFileError) -> UnsafePointer<Float> {
    let tensor = try checkpoint.require(name, shape: shape)
    parameterCount += tensor.elementCount
    let out = arena.buffer(Float.self, tensor.elementCount)
    if reads { try widen(tensor, into: out) }
    return UnsafePointer(out)
  }

  /// Scale and shift of a layer norm over `width` values.
  mutating func layerNorm(_ name: String, width: Int) throws(ModelFileError) -> LayerNormWeights {
    LayerNormWeights(
      weight: try vector(name + ".weight", shape: [width]), bias: try vector(name + ".bias", shape: [width]))
  }

  /// The biases of several tensors, one after the other.
  mutating func vectors(_ names: [String], width: Int) throws(ModelFileError) -> UnsafePointer<Float> {
    let out = arena.buffer(Float.self, names.count * width)
    for (i, name) in names.enumerated() {
      let tensor = try checkpoint.require(name, shape: [width])
      parameterCount += width
      if reads { try widen(tensor, into: out + i * width) }
    }
    return UnsafePointer(out)
  }

  /// Matrices of the same width laid one below the other: `[sum of rows, columns]`. They keep their type when it is the same,
  /// else they become f32. A tensor of more dimensions is taken as rows of its outermost.
  mutating func matrix(_ parts: [(name: String, shape: [Int])]) throws(ModelFileError) -> ck_matrix {
    var tensors: [TensorInfo] = []
    for part in parts { tensors.append(try checkpoint.require(part.name, shape: part.shape)) }
    let rows = tensors.reduce(0) { $0 + $1.rowCount }
    let columns = tensors[0].elementCount / tensors[0].rowCount
    let type = tensors.allSatisfy { $0.type == tensors[0].type } ? tensors[0].type : .f32
    parameterCount += rows * columns
    let size = type.byteCount(of: rows * columns)
    let memory = arena.bytes(size)
    if reads, var out = memory {
      for tensor in tensors {
        let bytes = type.byteCount(of: tensor.elementCount)
        if tensor.type == type {
          try checkpoint.read(tensor, into: UnsafeMutableRawBufferPointer(start: out, count: bytes))
        } else {
          try widen(tensor, into: out.bindMemory(to: Float.self, capacity: tensor.elementCount))
        }
        out += bytes
        progress(arena.byteCount)
      }
    }
    return ck_matrix(
      data: UnsafeRawPointer(memory ?? Arena.nowhere), type: type.kernelType, rows: UInt32(rows),
      columns: UInt32(columns))
  }

  /// A matrix of one tensor.
  mutating func matrix(_ name: String, shape: [Int]) throws(ModelFileError) -> ck_matrix {
    try matrix([(name, shape)])
  }

  private func widen(_ tensor: TensorInfo, into out: UnsafeMutablePointer<Float>) throws(ModelFileError) {
    let raw = UnsafeMutableRawBufferPointer.allocate(byteCount: tensor.byteCount, alignment: Arena.alignment)
    defer { raw.deallocate() }
    try checkpoint.read(tensor, into: raw)
    guard let base = raw.baseAddress else { return }
    ck_widen(out, base, tensor.type.kernelType, tensor.elementCount)
  }
}

extension ElementType {
  /// The kernels' name for it.
  var kernelType: ck_type {
    switch self {
    case .f32: .f32
    case .f16: .f16
    case .bf16: .bf16
    case .q8_0: .q8_0
    case .q4_0: .q4_0
    case .q4_1: .q4_1
    case .q5_0: .q5_0
    case .q5_1: .q5_1
    case .q4K: .q4_K
    case .q5K: .q5_K
    case .q6K: .q6_K
    }
  }
}
