// The weights of the norms and the constants that belong to them.

/// The scale of an RMS norm.
struct RMSNormWeights: BitwiseCopyable {
  /// `[columns]`.
  var weight: UnsafePointer<Float>
  /// Added to the mean square before the root.
  var epsilon: Float
}

/// Scale and shift of a layer norm.
struct LayerNormWeights: BitwiseCopyable {
  /// `[columns]` each.
  var weight, bias: UnsafePointer<Float>
  /// Added to the variance before the root.
  var epsilon: Float
}
