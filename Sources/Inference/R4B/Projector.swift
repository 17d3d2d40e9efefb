// Maps the tower's features into the decoder's space: layer norm, linear, exact GELU, linear. Also holds the vector
// that ends each row of a grid.
import CKernels
import ModelFiles

/// The projector's weights, and `newline[text hidden]`, which a model that only uses base views lacks.
struct ProjectorWeights: BitwiseCopyable {
  var norm: LayerNormWeights
  var linear1, linear2: ck_matrix
  var bias1, bias2: UnsafePointer<Float>
  var newline: UnsafePointer<Float>?
}

/// The projector's buffers for one view.
struct ProjectorScratch: BitwiseCopyable {
  var inner, out: Rows

  /// Buffers for `rows` patches with `inner` values between the layers and `width` after them.
  init(rows: Int, inner: Int, width: Int, in arena: inout Arena) {
    self.inner = arena.rows(rows, columns: inner)
    out = arena.rows(rows, columns: width)
  }
}

extension ProjectorWeights {
  /// Epsilon of the layer norm. No configuration file states it.
  private static let epsilon: Float = 1e-6

  /// Projects the tower's output, `vision.x[rows, vision hidden]`, into `s.out[rows, text hidden]`.
  func forward(_ operations: Operations, _ vision: SigLIP2Scratch, _ s: ProjectorScratch) {
    operations.layerNorm(vision.x, norm, into: vision.normed)
    operations.multiply(vision.normed, linear1, bias: bias1, into: s.inner)
    operations.geluErf(s.inner)
    operations.multiply(s.inner, linear2, bias: bias2, into: s.out)
  }

  /// Reads the projector behind a tower of `width` values, or counts its bytes.
  init(_ reader: inout WeightReader, _ configuration: RConfiguration, width: Int) throws(ModelFileError) {
    let root = "model.multi_modal_projector."
    let inner = configuration.projectorSize, text = configuration.text.hiddenSize
    norm = try reader.layerNorm(root + "pre_norm", width: width, epsilon: Self.epsilon)
    linear1 = try reader.matrix(root + "linear_1.weight", shape: [inner, width])
    bias1 = try reader.vector(root + "linear_1.bias", shape: [inner])
    linear2 = try reader.matrix(root + "linear_2.weight", shape: [text, inner])
    bias2 = try reader.vector(root + "linear_2.bias", shape: [text])
    newline =
      configuration.visionAspectRatio == .baseView ? nil : try reader.vector("model.image_newline", shape: [text])
  }
}
