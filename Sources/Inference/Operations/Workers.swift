// The operations of CKernels as Swift calls them. One thread at a time may use a pool.
import CKernels

/// An instruction set that the kernels are compiled for.
package enum KernelTable: CaseIterable, Sendable {
  case baseline, avx2, avxVNNI, avx512, avx512VNNI, neon, neonDot, neonI8MM

  var isa: ck_isa {
    switch self {
    case .baseline: .baseline
    case .avx2: .avx2
    case .avxVNNI: .avxVNNI
    case .avx512: .avx512
    case .avx512VNNI: .avx512VNNI
    case .neon: .neon
    case .neonDot: .neonDot
    case .neonI8MM: .neonI8MM
    }
  }

  /// Whether this machine runs it.
  package var isAvailable: Bool { ck_isa_available(isa) }
  /// The fastest that this machine runs.
  package static var best: KernelTable { allCases.first { $0.isa == ck_isa_best() } ?? .baseline }
}

/// Owns a pool of threads; `operations` is what a forward pass is given.
final class Workers {
  let operations: Operations
  private let handle: OpaquePointer

  /// Starts `threads` threads, or as many as this process may use.
  init(threads: Int?, kernels: KernelTable?) throws(InferenceError) {
    let table = kernels ?? .best
    guard table.isAvailable else { throw .workers("\(table) cannot run on this machine") }
    let count = threads ?? Int(ck_usable_cores())
    guard (1...1024).contains(count) else { throw .workers("\(count) threads, from 1 to 1024 can be had") }
    guard let handle = ck_workers_create(Int32(count), table.isa) else { throw .workers("\(count) threads") }
    self.handle = handle
    operations = Operations(workers: handle)
  }

  deinit { ck_workers_destroy(handle) }

  /// Makes room for the rounded inputs of products with quantised weights.
  func reserve(rows: Int, columns: Int) throws(InferenceError) {
    guard ck_workers_reserve(handle, UInt32(rows), UInt32(columns)) else {
      throw .outOfMemory(bytes: rows * columns, purpose: "the inputs of quantised products")
    }
  }

  var count: Int { Int(ck_workers_count(handle)) }
}

/// Calls into CKernels. Counts and widths were checked when the model was loaded and the batch taken.
struct Operations: BitwiseCopyable {
  let workers: OpaquePointer

  /// `out = x · wᵀ + bias` for `rows` rows, or added to `out`.
  func multiply(
    _ out: Rows, _ x: Rows, _ rows: Int, _ w: ck_linear, bias: UnsafePointer<Float>? = nil, accumulate: Bool = false
  ) {
    ck_matmul(workers, out.base, out.stride, x.base, x.stride, UInt32(rows), w, bias, accumulate)
  }

  /// The same with a single matrix.
  func multiply(
    _ out: Rows, _ x: Rows, _ rows: Int, _ w: ck_matrix, bias: UnsafePointer<Float>? = nil, accumulate: Bool = false
  ) {
    multiply(out, x, rows, ck_single(w), bias: bias, accumulate: accumulate)
  }

  /// `out = x / rms(x) · weight`, row by row.
  func rmsNorm(_ out: Rows, _ x: Rows, _ rows: Int, _ weight: UnsafePointer<Float>, _ columns: Int, _ epsilon: Float) {
    ck_rms_norm(workers, out.base, out.stride, x.base, x.stride, UInt32(rows), UInt32(columns), weight, epsilon)
  }

  /// `out = (x - mean) / deviation · weight + bias`, row by row.
  func layerNorm(_ out: Rows, _ x: Rows, _ rows: Int, _ norm: LayerNormWeights, _ columns: Int, _ epsilon: Float) {
    ck_layer_norm(
      workers, out.base, out.stride, x.base, x.stride, UInt32(rows), UInt32(columns), norm.weight, norm.bias, epsilon)
  }

  /// Normalises each head, unless there is no weight, and rotates it by its row's position, in place.
  func normRope(
    _ x: Rows, _ rows: Int, heads: Int, dimension: Int, weight: UnsafePointer<Float>?, epsilon: Float,
    positions: UnsafePointer<Int32>, rope: RopeTables
  ) {
    ck_norm_rope(
      workers, x.base, x.stride, UInt32(rows), UInt32(heads), UInt32(dimension), weight, epsilon, positions,
      rope.cosines, rope.sines, rope.interleaved)
  }

  /// Appends `rows` keys and values at `position`.
  func store(_ kv: ck_kv, keys: Rows, values: Rows, _ rows: Int, position: Int) {
    ck_store_kv(workers, kv, keys.base, values.base, keys.stride, UInt32(rows), UInt32(position))
  }

  /// Copies the first `count` positions of one segment.
  func copy(_ to: ck_kv, _ from: ck_kv, segment: Int, count: Int) {
    ck_copy_kv(workers, to, from, UInt32(segment), UInt32(count))
  }

  /// Attention for each job.
  func attend(_ jobs: UnsafePointer<ck_attention_job>, _ count: Int) { ck_attention(workers, jobs, UInt32(count)) }

  /// `out = silu(x[..<width]) · x[width...]`, row by row.
  func siluMultiply(_ out: Rows, _ x: Rows, _ rows: Int, width: Int) {
    ck_silu_mul(workers, out.base, out.stride, x.base, x.stride, UInt32(rows), UInt32(width))
  }

  /// GELU by tanh of `count` values, in place.
  func geluTanh(_ x: Rows, _ count: Int) { ck_gelu_tanh(workers, x.base, count) }

  /// GELU by erf of `count` values, in place.
  func geluErf(_ x: Rows, _ count: Int) { ck_gelu_erf(workers, x.base, count) }

  /// The normalised patches of one view.
  func patches(_ out: Rows, _ view: UnsafePointer<UInt8>, side: Int, patch: Int, levels: UnsafePointer<Float>) {
    ck_patches(workers, out.base, view, UInt32(side), UInt32(patch), levels)
  }
}

/// Scale and shift of a layer norm.
struct LayerNormWeights: BitwiseCopyable {
  var weight, bias: UnsafePointer<Float>
}

/// Cosines and sines by position, `[positions, head dimension / 2]` each, and which values of a head they rotate.
struct RopeTables: BitwiseCopyable {
  var cosines, sines: UnsafePointer<Float>
  /// Pairs are `(2i, 2i + 1)` as in GGUF's llama architecture, else `(i, i + head dimension / 2)`.
  var interleaved = false
}
