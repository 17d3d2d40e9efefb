// The operations of CKernels as Swift calls them. The caller has checked counts and widths when it loaded the model and
// validated the batch; debug builds assert them again.
import CKernels

/// Calls into CKernels on one worker pool. One thread at a time may use it.
struct Operations: BitwiseCopyable {
  let workers: OpaquePointer

  /// `out = x · wᵀ + bias`.
  func multiply(_ x: Rows, _ w: ck_linear, bias: UnsafePointer<Float>? = nil, into out: Rows) {
    multiply(x, w, bias, out, accumulate: false)
  }

  /// `out = x · wᵀ + bias` with a single matrix.
  func multiply(_ x: Rows, _ w: ck_matrix, bias: UnsafePointer<Float>? = nil, into out: Rows) {
    multiply(x, ck_single(w), bias, out, accumulate: false)
  }

  /// `out += x · wᵀ + bias` with a single matrix.
  func multiply(_ x: Rows, _ w: ck_matrix, bias: UnsafePointer<Float>? = nil, addingTo out: Rows) {
    multiply(x, ck_single(w), bias, out, accumulate: true)
  }

  private func multiply(_ x: Rows, _ w: ck_linear, _ bias: UnsafePointer<Float>?, _ out: Rows, accumulate: Bool) {
    assert(x.count == out.count && x.columns == Int(w.parts.0.columns))
    ck_matmul(workers, out.base, out.stride, x.base, x.stride, UInt32(x.count), w, bias, accumulate)
  }

  /// `out = x / rms(x) · weight`, row by row; `out` may be `x`.
  func rmsNorm(_ x: Rows, _ weights: RMSNormWeights, into out: Rows) {
    assert(x.count == out.count && x.columns == out.columns)
    ck_rms_norm(
      workers, out.base, out.stride, x.base, x.stride, UInt32(x.count), UInt32(x.columns), weights.weight,
      weights.epsilon)
  }

  /// `out = (x - mean) / deviation · weight + bias`, row by row.
  func layerNorm(_ x: Rows, _ weights: LayerNormWeights, into out: Rows) {
    assert(x.count == out.count && x.columns == out.columns)
    ck_layer_norm(
      workers, out.base, out.stride, x.base, x.stride, UInt32(x.count), UInt32(x.columns), weights.weight,
      weights.bias, weights.epsilon)
  }

  /// Normalises each of `heads` heads side by side, unless there are no weights, and rotates it by its row's position,
  /// in place.
  func normRope(
    _ x: Rows, heads: Int, _ weights: RMSNormWeights?, positions: UnsafePointer<Int32>, rope: RopeTables
  ) {
    ck_norm_rope(
      workers, x.base, x.stride, UInt32(x.count), UInt32(heads), UInt32(x.columns / heads), weights?.weight,
      weights?.epsilon ?? 0, positions, rope.cosines, rope.sines, rope.interleaved)
  }

  /// Stores keys and values in one layer of a cache, from `position` on.
  func store(keys: Rows, values: Rows, in cache: ck_kv, at position: Int) {
    assert(keys.count == values.count && keys.stride == values.stride)
    ck_store_kv(workers, cache, keys.base, values.base, keys.stride, UInt32(keys.count), UInt32(position))
  }

  /// Copies the first `count` positions of one segment of a layer.
  func copy(_ from: ck_kv, to: ck_kv, segment: Int, count: Int) {
    ck_copy_kv(workers, to, from, UInt32(segment), UInt32(count))
  }

  /// Computes attention for each of `count` jobs.
  func attend(_ jobs: UnsafePointer<ck_attention_job>, count: Int) { ck_attention(workers, jobs, UInt32(count)) }

  /// `out = silu(gate) · up`, where each row of `x` holds gate and up side by side.
  func siluMultiply(_ x: Rows, into out: Rows) {
    assert(x.count == out.count && x.columns == 2 * out.columns)
    ck_silu_mul(workers, out.base, out.stride, x.base, x.stride, UInt32(x.count), UInt32(out.columns))
  }

  /// GELU by tanh, in place. The rows must follow each other without gaps.
  func geluTanh(_ x: Rows) { ck_gelu_tanh(workers, x.base, x.values.count) }

  /// GELU by erf, in place. The rows must follow each other without gaps.
  func geluErf(_ x: Rows) { ck_gelu_erf(workers, x.base, x.values.count) }

  /// Writes the normalised patches of an 8-bit RGB view `[side, side, 3]`, one patch per row.
  func patches(of view: UnsafePointer<UInt8>, side: Int, patch: Int, levels: UnsafePointer<Float>, into out: Rows) {
    ck_patches(workers, out.base, view, UInt32(side), UInt32(patch), levels)
  }
}

extension ck_attention_job {
  /// Attention of `queries`, heads side by side, over the positions of one layer's cache. Row 0 sees the positions
  /// `0 ..< firstLimit`; when `causal`, each following row sees one more.
  init(queries: Rows, cache: ck_kv, firstLimit: Int, causal: Bool, into out: Rows) {
    self.init(
      queries: queries.base, query_stride: queries.stride, out: out.base, out_stride: out.stride, kv: cache,
      rows: UInt32(queries.count), heads: UInt32(queries.columns) / cache.head_dim, first_limit: UInt32(firstLimit),
      causal: causal, scale: Float(1 / Double(cache.head_dim).squareRoot()))
  }
}
