// From the tower's space into the decoder's: layer norm, linear, exact GELU, linear; and the vector that ends a grid's row.
import CKernels
import ModelFiles

/// The projector's weights, and `newline[text hidden]`, which a model of base views has not.
struct ProjectorWeights: BitwiseCopyable {
  var norm: LayerNormWeights
  var linear1, linear2: ck_matrix
  var bias1, bias2: UnsafePointer<Float>
  var newline: UnsafePointer<Float>?
}

/// The projector's buffers for one view.
struct ProjectorScratch: BitwiseCopyable {
  var inner, out: Rows

  /// For `rows` places of `size` values between the layers and `width` after them.
  init(rows: Int, size: Int, width: Int, in arena: inout Arena) {
    inner = arena.rows(rows, size)
    out = arena.rows(rows, width)
  }
}

extension ProjectorWeights {
  /// Epsilon of the layer norm; not in any configuration.
  static let epsilon: Float = 1e-6

  /// Projects the tower's output, `vision.x[rows, vision hidden]`, into `s.out[rows, text hidden]`.
  func forward(_ operations: Operations, _ vision: SigLIP2Scratch, _ s: ProjectorScratch, rows: Int) {
    operations.layerNorm(vision.normed, vision.x, rows, norm, Int(linear1.columns), Self.epsilon)
    operations.multiply(s.inner, vision.normed, rows, linear1, bias: bias1)
    operations.geluErf(s.inner, rows * Int(linear1.rows))
    operations.multiply(s.out, s.inner, rows, linear2, bias: bias2)
  }

  /// Reads the projector behind a tower of `width` values, or counts what it takes.
  init(_ reader: inout WeightReader, _ configuration: RConfiguration, width: Int) throws(ModelFileError) {
    let root = "model.multi_modal_projector."
    let (size, text) = (configuration.projectorSize, configuration.text.hiddenSize)
    norm = try reader.layerNorm(root + "pre_norm", width: width)
    linear1 = try reader.matrix(root + "linear_1.weight", shape: [size, width])
    bias1 = try reader.vector(root + "linear_1.bias", shape: [size])
    linear2 = try reader.matrix(root + "linear_2.weight", shape: [text, size])
    bias2 = try reader.vector(root + "linear_2.bias", shape: [text])
    newline =
      configuration.visionAspectRatio == .baseView ? nil : try reader.vector("model.image_newline", shape: [text])
  }
}
