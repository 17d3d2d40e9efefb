// Lays out a checkpoint's tensors as the kernels need them. A model's load code runs twice over a reader: the first run
// counts bytes, the second assigns addresses in one arena of that size. `fill` then reads everything, on all cores.
import CKernels
import ModelFiles
import Synchronization

/// Assigns tensors to an arena and fills it: norms and biases as f32, matrices in the type of `plan`.
struct WeightReader {
  /// The type that a matrix has in memory.
  typealias Plan = (TensorInfo) -> ElementType

  private let checkpoint: Checkpoint
  private let plan: Plan
  private var arena: Arena
  private let isCounting: Bool
  private var placements: [WeightPlacement] = []
  /// The number of values of all tensors.
  private(set) var parameterCount = 0
  /// Bytes of matrices in memory, by type.
  private(set) var matrixBytes: [ElementType: Int] = [:]

  /// Creates a reader that fills `mapping`, or without one only counts.
  init(_ checkpoint: Checkpoint, plan: @escaping Plan, into mapping: Mapping? = nil) {
    self.checkpoint = checkpoint
    self.plan = plan
    arena = mapping.map { Arena($0) } ?? Arena()
    isCounting = mapping == nil
  }

  /// Bytes of the tensors in memory.
  var byteCount: Int { arena.byteCount }

  /// A tensor as f32.
  mutating func vector(_ name: String, shape: [Int]) throws(ModelFileError) -> UnsafePointer<Float> {
    let tensor = try checkpoint.require(name, shape: shape)
    let out = arena.buffer(Float.self, tensor.elementCount)
    add(tensor, as: .f32, at: out)
    return UnsafePointer(out)
  }

  /// The scale of an RMS norm over `width` values.
  mutating func rmsNorm(_ name: String, width: Int, epsilon: Float) throws(ModelFileError) -> RMSNormWeights {
    RMSNormWeights(weight: try vector(name + ".weight", shape: [width]), epsilon: epsilon)
  }

  /// Scale and shift of a layer norm over `width` values.
  mutating func layerNorm(_ name: String, width: Int, epsilon: Float) throws(ModelFileError) -> LayerNormWeights {
    LayerNormWeights(
      weight: try vector(name + ".weight", shape: [width]), bias: try vector(name + ".bias", shape: [width]),
      epsilon: epsilon)
  }

  /// The biases of several tensors, one after the other.
  mutating func vectors(_ names: [String], width: Int) throws(ModelFileError) -> UnsafePointer<Float> {
    let out = arena.buffer(Float.self, names.count * width)
    for (i, name) in names.enumerated() {
      add(try checkpoint.require(name, shape: [width]), as: .f32, at: out + i * width)
    }
    return UnsafePointer(out)
  }

  /// A matrix. The outermost dimension of a tensor with more dimensions becomes its rows.
  mutating func matrix(_ name: String, shape: [Int]) throws(ModelFileError) -> ck_matrix {
    let tensor = try checkpoint.require(name, shape: shape)
    let type = plan(tensor), rows = tensor.rowCount, columns = rows == 0 ? 0 : tensor.elementCount / rows
    let size = WeightPlacement.byteCount(type, rows: rows, columns: columns)
    let memory = arena.bytes(size) ?? Arena.nowhere
    add(tensor, as: type, at: memory)
    matrixBytes[type, default: 0] += size
    return ck_matrix(
      data: UnsafeRawPointer(memory), type: type.kernelType, rows: UInt32(rows), columns: UInt32(columns))
  }

  /// Up to three matrices of the same width with their outputs side by side.
  mutating func linear(_ parts: [(name: String, shape: [Int])]) throws(ModelFileError) -> ck_linear {
    var linear = ck_single(try matrix(parts[0].name, shape: parts[0].shape))
    if parts.count > 1 { linear.parts.1 = try matrix(parts[1].name, shape: parts[1].shape) }
    if parts.count > 2 { linear.parts.2 = try matrix(parts[2].name, shape: parts[2].shape) }
    linear.count = UInt32(parts.count)
    return linear
  }

  private mutating func add(_ tensor: TensorInfo, as type: ElementType, at destination: UnsafeMutableRawPointer) {
    parameterCount += tensor.elementCount
    if !isCounting { placements.append(WeightPlacement(tensor: tensor, type: type, destination: destination)) }
  }

  /// Reads every tensor to its address. Each core takes the next piece when it has finished one. Calls `progress` at
  /// every percent with the fraction read, from one core at a time.
  func fill(progress: (Double) -> Void) throws(ModelFileError) {
    let pieces = placements.flatMap { placement in placement.pieces.map { (placement, $0) } }
    let sizes = pieces.reduce(LaneBuffers.Sizes()) { $0.union($1.0.bufferBytes($1.1.count)) }
    let next = Atomic(0)
    let state = Mutex<(done: Int, failure: ModelFileError?)>((0, nil))
    Lanes.run(min(Lanes.count, pieces.count)) { _ in
      let buffers = LaneBuffers(sizes)
      while true {
        let index = next.add(1, ordering: .relaxed).oldValue
        guard index < pieces.count, state.withLock({ $0.failure == nil }) else { return }
        let (placement, rows) = pieces[index]
        do throws(ModelFileError) { try placement.read(rows, of: checkpoint, through: buffers) } catch {
          state.withLock { $0.failure = $0.failure ?? error }
        }
        state.withLock {
          $0.done += 1
          if $0.done * 100 / pieces.count > ($0.done - 1) * 100 / pieces.count {
            progress(Double($0.done) / Double(pieces.count))
          }
        }
      }
    }
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }
}

extension ElementType {
  /// The kernels' name of this type.
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
