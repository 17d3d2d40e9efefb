// The SigLIP2 vision tower up to the layer that the model uses, without the final norm: patches, learned positions, and
// pre-norm blocks of bidirectional attention. It runs one view at a time and a few blocks at a time, because a view is
// seconds of work. Configuration, weights, forward, load.
import CKernels
import ModelFiles

/// The tower's dimensions and what follows from them.
struct SigLIP2Configuration: BitwiseCopyable {
  let hidden, layers, heads, intermediate: Int
  /// Pixels along an edge of a view, and of a patch.
  let side, patch: Int

  init(_ vision: VisionConfiguration) {
    hidden = vision.hiddenSize
    layers = vision.layerCount
    heads = vision.headCount
    intermediate = vision.intermediateSize
    side = vision.imageSize
    patch = vision.patchSize
  }

  var headDimension: Int { hidden / heads }
  /// Patches along an edge.
  var grid: Int { side / patch }
  /// Patches of a view, the rows of every buffer.
  var patches: Int { grid * grid }
  /// Values of one patch.
  var patchWidth: Int { 3 * patch * patch }
}

/// One block's weights. Queries, keys and values are one product.
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
    patches = arena.rows(c.patches, columns: c.patchWidth)
    x = arena.rows(c.patches, columns: c.hidden)
    normed = arena.rows(c.patches, columns: c.hidden)
    fused = arena.rows(c.patches, columns: 3 * c.hidden)
    attended = arena.rows(c.patches, columns: c.hidden)
    up = arena.rows(c.patches, columns: c.intermediate)
    let count = (c.patches + Int(CK_KV_SEGMENT) - 1) / Int(CK_KV_SEGMENT), dimension = UInt32(c.headDimension)
    let keys = c.heads * ck_key_plane(.f32, dimension), values = c.heads * ck_value_plane(.f32, dimension)
    let cache = arena.bytes(count * (keys + values))
    let segments = arena.buffer(UnsafeMutableRawPointer.self, count)
    // While the arena only counts, there is no cache to point to.
    if let cache {
      for index in 0..<count { segments[index] = cache + index * (keys + values) }
    }
    kv = ck_kv(segments: segments, keys: 0, values: keys, heads: UInt32(c.heads), head_dim: dimension, type: .f32)
    job = arena.buffer(ck_attention_job.self, 1)
  }
}

/// The tower: its dimensions, weights, and the f32 value of each 8-bit level of a channel. Immutable.
struct SigLIP2 {
  let configuration: SigLIP2Configuration
  let weights: SigLIP2Weights
  /// `[3, 256]`.
  let levels: [Float]

  /// Writes the embeddings of one view, `[side, side, 3]`, to `s.x[patches, hidden]`.
  func embed(_ operations: Operations, _ s: SigLIP2Scratch, view: UnsafePointer<UInt8>, tap: ActivationTap?) {
    let c = configuration
    operations.patches(of: view, side: c.side, patch: c.patch, levels: levels, into: s.patches)
    s.x.base.update(from: weights.positions, count: s.x.values.count)
    operations.multiply(s.patches, weights.patch, bias: weights.patchBias, addingTo: s.x)
    tap?("vision.embeddings", s.x.values)
  }

  /// Runs `blocks` over `s.x[patches, hidden]`.
  func forward(_ operations: Operations, _ s: SigLIP2Scratch, blocks: Range<Int>, tap: ActivationTap?) {
    let width = configuration.hidden
    let queries = s.fused.columns(0..<width)
    let keys = s.fused.columns(width..<2 * width), values = s.fused.columns(2 * width..<3 * width)
    s.job.pointee = ck_attention_job(
      queries: queries, cache: s.kv, firstLimit: queries.count, causal: false, into: s.attended)
    for (index, layer) in zip(blocks, weights.layers[blocks]) {
      operations.layerNorm(s.x, layer.norm1, into: s.normed)
      operations.multiply(s.normed, layer.queryKeyValue, bias: layer.queryKeyValueBias, into: s.fused)
      operations.store(keys: keys, values: values, in: s.kv, at: 0)
      operations.attend(s.job, count: 1)
      operations.multiply(s.attended, layer.output, bias: layer.outputBias, addingTo: s.x)
      operations.layerNorm(s.x, layer.norm2, into: s.normed)
      operations.multiply(s.normed, layer.up, bias: layer.upBias, into: s.up)
      operations.geluTanh(s.up)
      operations.multiply(s.up, layer.down, bias: layer.downBias, addingTo: s.x)
      tap?("vision.layer.\(index)", s.x.values)
    }
  }

  /// The f32 value of each 8-bit level, channel after channel: `(level · rescale - mean) / std`.
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
  /// Reads the tower, or counts its bytes.
  init(_ reader: inout WeightReader, _ vision: VisionConfiguration) throws(ModelFileError) {
    let root = "model.vision_tower.vision_model.", hidden = vision.hiddenSize, inner = vision.intermediateSize
    let epsilon = Float(vision.layerNormEpsilon)
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
          norm1: try reader.layerNorm(layer + "layer_norm1", width: hidden, epsilon: epsilon),
          norm2: try reader.layerNorm(layer + "layer_norm2", width: hidden, epsilon: epsilon),
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
