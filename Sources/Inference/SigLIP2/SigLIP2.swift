// The SigLIP2 tower up to the layer that the model looks at, without the norm that would follow the last: patches, learned
// positions, pre-norm blocks of bidirectional attention. One view at a time, some blocks at a time: a view is seconds of work. Configuration, weights, forward, load.
import CKernels
import ModelFiles

/// The tower's shape with what follows from it.
struct SigLIP2Configuration: BitwiseCopyable {
  var hidden, layers, heads, intermediate, side, patch: Int
  var epsilon: Float

  init(_ vision: VisionConfiguration) {
    (hidden, layers, heads) = (vision.hiddenSize, vision.layerCount, vision.headCount)
    (intermediate, side, patch) = (vision.intermediateSize, vision.imageSize, vision.patchSize)
    epsilon = Float(vision.layerNormEpsilon)
  }

  var headDimension: Int { hidden / heads }
  /// Patches along an edge.
  var grid: Int { side / patch }
  /// Patches of a view, the rows of every buffer.
  var patches: Int { grid * grid }
  /// Values of one patch.
  var patchWidth: Int { 3 * patch * patch }
}

/// One block's weights; queries, keys and values are one product.
struct SigLIP2Layer: BitwiseCopyable {
  var norm1, norm2: LayerNormWeights
  var queryKeyValue: ck_linear
  var output, up, down: ck_matrix
  var queryKeyValueBias, outputBias, upBias, downBias: UnsafePointer<Float>
}

/// The tower's weights.
struct SigLIP2Weights {
  var patch: ck_matrix
  var patchBias: UnsafePointer<Float>
  /// `[patches, hidden]`.
  var positions: UnsafePointer<Float>
  var layers: [SigLIP2Layer]
}

/// The tower's buffers for one view.
struct SigLIP2Scratch: BitwiseCopyable {
  var patches, x, normed, fused, attended, up: Rows
  var kv: ck_kv
  var job: UnsafeMutablePointer<ck_attention_job>

  init(_ c: SigLIP2Configuration, in arena: inout Arena) {
    patches = arena.rows(c.patches, c.patchWidth)
    x = arena.rows(c.patches, c.hidden)
    normed = arena.rows(c.patches, c.hidden)
    fused = arena.rows(c.patches, 3 * c.hidden)
    attended = arena.rows(c.patches, c.hidden)
    up = arena.rows(c.patches, c.intermediate)
    let segments = (c.patches + Int(CK_KV_SEGMENT) - 1) / Int(CK_KV_SEGMENT), dimension = UInt32(c.headDimension)
    let keys = c.heads * ck_key_plane(.f32, dimension), values = c.heads * ck_value_plane(.f32, dimension)
    let cache = arena.bytes(segments * (keys + values))
    let places = arena.buffer(UnsafeMutableRawPointer.self, segments)
    // While buffers are only counted there is nothing to point to.
    if let cache {
      for index in 0..<segments { places[index] = cache + index * (keys + values) }
    }
    kv = ck_kv(
      segments: places, keys: 0, values: keys, heads: UInt32(c.heads), head_dim: dimension, type: .f32)
    job = arena.buffer(ck_attention_job.self, 1)
  }
}

/// The tower: its shape, weights, and what an 8-bit level of a channel becomes. Immutable.
struct SigLIP2 {
  let configuration: SigLIP2Configuration
  let weights: SigLIP2Weights
  /// `[3, 256]`.
  let levels: [Float]

  /// Puts the embeddings of one view, `[side, side, 3]`, into `s.x[patches, hidden]`.
  func embed(_ operations: Operations, _ s: SigLIP2Scratch, view: UnsafePointer<UInt8>, tap: ActivationTap?) {
    let c = configuration, n = c.patches
    operations.patches(s.patches, view, side: c.side, patch: c.patch, levels: levels)
    s.x.base.update(from: weights.positions, count: n * c.hidden)
    operations.multiply(s.x, s.patches, n, weights.patch, bias: weights.patchBias, accumulate: true)
    tap?("vision.embeddings", s.x.values(n * c.hidden))
  }

  /// Takes `s.x[patches, hidden]` through `blocks`.
  func forward(_ operations: Operations, _ s: SigLIP2Scratch, blocks: Range<Int>, tap: ActivationTap?) {
    let c = configuration, n = c.patches
    let keys = s.fused.from(column: c.hidden), values = s.fused.from(column: 2 * c.hidden)
    s.job.pointee = ck_attention_job(
      queries: s.fused.base, query_stride: s.fused.stride, out: s.attended.base, out_stride: s.attended.stride,
      kv: s.kv,
      rows: UInt32(n), heads: UInt32(c.heads), first_limit: UInt32(n), causal: false,
      scale: Float(1 / Double(c.headDimension).squareRoot()))
    for (index, layer) in zip(blocks, weights.layers[blocks]) {
      operations.layerNorm(s.normed, s.x, n, layer.norm1, c.hidden, c.epsilon)
      operations.multiply(s.fused, s.normed, n, layer.queryKeyValue, bias: layer.queryKeyValueBias)
      operations.store(s.kv, keys: keys, values: values, n, position: 0)
      operations.attend(s.job, 1)
      operations.multiply(s.x, s.attended, n, layer.output, bias: layer.outputBias, accumulate: true)
      operations.layerNorm(s.normed, s.x, n, layer.norm2, c.hidden, c.epsilon)
      operations.multiply(s.up, s.normed, n, layer.up, bias: layer.upBias)
      operations.geluTanh(s.up, n * c.intermediate)
      operations.multiply(s.x, s.up, n, layer.down, bias: layer.downBias, accumulate: true)
      tap?("vision.layer.\(index)", s.x.values(n * c.hidden))
    }
  }

  /// What an 8-bit level becomes, channel after channel: `(level · rescale - mean) / std` in f32.
  static func levels(_ preprocessor: PreprocessorConfiguration) -> [Float] {
    (0..<3).flatMap { channel in
      (0..<256).map { level in
        let value = Float(Double(level) * preprocessor.rescaleFactor)
        return (value - Float(preprocessor.mean[channel])) / Float(preprocessor.std[channel])
      }
    }
  }
}

extension SigLIP2Weights {
  /// Reads the tower, or counts what it takes.
  init(_ reader: inout WeightReader, _ vision: VisionConfiguration) throws(ModelFileError) {
    let root = "model.vision_tower.vision_model.", hidden = vision.hiddenSize, inner = vision.intermediateSize
    patch = try reader.matrix(
      root + "embeddings.patch_embedding.weight", shape: [hidden, 3, vision.patchSize, vision.patchSize])
    patchBias = try reader.vector(root + "embeddings.patch_embedding.bias", shape: [hidden])
    positions = try reader.vector(root + "embeddings.position_embedding.weight", shape: [vision.patchCount, hidden])
    layers = []
    for index in 0..<vision.layerCount {
      let layer = "\(root)encoder.layers.\(index)."
      let projections = ["q_proj", "k_proj", "v_proj"].map { "\(layer)self_attn.\($0)" }
      layers.append(
        SigLIP2Layer(
          norm1: try reader.layerNorm(layer + "layer_norm1", width: hidden),
          norm2: try reader.layerNorm(layer + "layer_norm2", width: hidden),
          queryKeyValue: try reader.linear(projections.map { ($0 + ".weight", [hidden, hidden]) }),
          output: try reader.matrix(layer + "self_attn.out_proj.weight", shape: [hidden, hidden]),
          up: try reader.matrix(layer + "mlp.fc1.weight", shape: [inner, hidden]),
          down: try reader.matrix(layer + "mlp.fc2.weight", shape: [hidden, inner]),
          queryKeyValueBias: try reader.vectors(projections.map { $0 + ".bias" }, width: hidden),
          outputBias: try reader.vector(layer + "self_attn.out_proj.bias", shape: [hidden]),
          upBias: try reader.vector(layer + "mlp.fc1.bias", shape: [inner]),
          downBias: try reader.vector(layer + "mlp.fc2.bias", shape: [hidden])))
    }
  }
}
