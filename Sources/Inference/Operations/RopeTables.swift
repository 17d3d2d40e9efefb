// What the kernels read of the rotary tables.

/// Cosines and sines by position, `[positions, head dimension / 2]` each, and which values of a head they rotate.
struct RopeTables: BitwiseCopyable {
  var cosines, sines: UnsafePointer<Float>
  /// Pairs are `(2i, 2i + 1)` as in GGUF's llama architecture, else `(i, i + head dimension / 2)`.
  var interleaved = false
}
