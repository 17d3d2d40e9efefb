// The Qwen3 decoder: pre-norm blocks of grouped-query attention with normalised queries and keys, rotary positions, and a
// SiLU-gated network; llama is the same without the norms. Configuration, weights, forward, load.
import CKernels
import GenerationTypes
import ModelFiles

/// The decoder's shape with what follows from it.
struct Qwen3Configuration: BitwiseCopyable {
  var hidden, layers, heads, kvHeads, headDimension, intermediate, vocabulary: Int
  var epsilon: Float

  init(_ text: TextConfiguration) {
    (hidden, layers, heads, kvHeads) = (text.hiddenSize, text.layerCount, text.headCount, text.kvHeadCount)
    (headDimension, intermediate) = (text.headDimension, text.intermediateSize)
    (vocabulary, epsilon) = (text.vocabularySize, Float(text.rmsNormEpsilon))
  }

  /// Columns of all query heads.
  var queryWidth: Int { heads * headDimension }
  /// Columns of all key heads, and of all value heads.
  var keyWidth: Int { kvHeads * headDimension }
  /// Columns of queries, keys and values side by side.
  var fusedWidth: Int { queryWidth + 2 * keyWidth }
}

/// One block's weights. Queries, keys and values are one product, so are gate and up; their types may differ.
struct Qwen3Layer: BitwiseCopyable {
  var inputNorm, postNorm: UnsafePointer<Float>
  var queryNorm, keyNorm: UnsafePointer<Float>?
  var queryKeyValue, gateUp: ck_linear
  var output, down: ck_matrix
}

/// The decoder's weights; `head` is the embedding when the checkpoint has none.
struct Qwen3Weights {
  var embedding, head: ck_matrix
  var layers: [Qwen3Layer]
  var norm: UnsafePointer<Float>
}

/// Where the rows of a batch belong: `count` rows from `row` on continue a sequence at `position`.
struct SequenceRows: BitwiseCopyable {
  var places: UnsafePointer<UnsafeMutableRawPointer>
  var position, row, count: Int
}

/// The decoder's buffers for `rows` places.
struct Qwen3Scratch: BitwiseCopyable {
  var x, normed, fused, attended, gateUp, gated: Rows
  var positions: UnsafeMutablePointer<Int32>
  var sequences: UnsafeMutablePointer<SequenceRows>
  var jobs: UnsafeMutablePointer<ck_attention_job>
  /// `[headRows, vocabulary]`.
  var logits: Rows
  /// Rows whose logits are computed together.
  static let headRows = 8

  init(_ c: Qwen3Configuration, rows: Int, in arena: inout Arena) {
    x = arena.rows(rows, c.hidden)
    normed = arena.rows(rows, c.hidden)
    fused = arena.rows(rows, c.fusedWidth)
    attended = arena.rows(rows, c.queryWidth)
    gateUp = arena.rows(rows, 2 * c.intermediate)
    gated = arena.rows(rows, c.intermediate)
    positions = arena.buffer(Int32.self, rows)
    sequences = arena.buffer(SequenceRows.self, rows)
    jobs = arena.buffer(ck_attention_job.self, rows)
    logits = arena.rows(Self.headRows, c.vocabulary)
  }
}

/// The decoder: its shape, weights and rotary tables. Immutable.
struct Qwen3 {
  let configuration: Qwen3Configuration
  let weights: Qwen3Weights
  let rope: RopeTables

  /// Writes the embedding of `token`, which is within the vocabulary, to `out[hidden]`.
  func embed(_ token: TokenID, into out: UnsafeMutablePointer<Float>) {
    ck_matrix_row(out, weights.embedding, UInt32(token))
  }

  /// Runs every block over `rows` rows of `s.x`, appending their keys and values to `sequences` sequences.
  func forward(
    _ operations: Operations, _ s: Qwen3Scratch, rows: Int, sequences: Int, kv: KVShape, tap: ActivationTap?
  ) {
    let c = configuration
    let keys = s.fused.from(column: c.queryWidth), values = s.fused.from(column: c.queryWidth + c.keyWidth)
    let scale = Float(1 / Double(c.headDimension).squareRoot())
    for (index, layer) in weights.layers.enumerated() {
      operations.rmsNorm(s.normed, s.x, rows, layer.inputNorm, c.hidden, c.epsilon)
      operations.multiply(s.fused, s.normed, rows, layer.queryKeyValue)
      operations.normRope(
        s.fused, rows, heads: c.heads, dimension: c.headDimension, weight: layer.queryNorm, epsilon: c.epsilon,
        positions: s.positions, rope: rope)
      operations.normRope(
        keys, rows, heads: c.kvHeads, dimension: c.headDimension, weight: layer.keyNorm, epsilon: c.epsilon,
        positions: s.positions, rope: rope)
      for i in 0..<sequences {
        let run = s.sequences[i], cache = kv.layer(index, at: run.places)
        operations.store(
          cache, keys: keys.from(row: run.row), values: values.from(row: run.row), run.count, position: run.position)
        let queries = s.fused.from(row: run.row), out = s.attended.from(row: run.row)
        s.jobs[i] = ck_attention_job(
          queries: queries.base, query_stride: queries.stride, out: out.base, out_stride: out.stride, kv: cache,
          rows: UInt32(run.count), heads: UInt32(c.heads), first_limit: UInt32(run.position + 1), causal: true,
          scale: scale)
      }
      operations.attend(s.jobs, sequences)
      operations.multiply(s.x, s.attended, rows, layer.output, accumulate: true)
      operations.rmsNorm(s.normed, s.x, rows, layer.postNorm, c.hidden, c.epsilon)
      operations.multiply(s.gateUp, s.normed, rows, layer.gateUp)
      operations.siluMultiply(s.gated, s.gateUp, rows, width: c.intermediate)
      operations.multiply(s.x, s.gated, rows, layer.down, accumulate: true)
      tap?("text.layer.\(index)", s.x.values(rows * c.hidden))
    }
  }

  /// The logits of the first `rows` rows of `s.normed`, after the last norm in place, into `s.logits`.
  func head(_ operations: Operations, _ s: Qwen3Scratch, rows: Int) {
    operations.rmsNorm(s.normed, s.normed, rows, weights.norm, configuration.hidden, configuration.epsilon)
    operations.multiply(s.logits, s.normed, rows, weights.head)
  }
}

extension Qwen3Weights {
  /// Reads the decoder, or counts what it takes.
  init(_ reader: inout WeightReader, _ text: TextConfiguration) throws(ModelFileError) {
    let root = "model.language_model.", hidden = text.hiddenSize
    let queries = text.headCount * text.headDimension, keys = text.kvHeadCount * text.headDimension
    embedding = try reader.matrix(root + "embed_tokens.weight", shape: [text.vocabularySize, hidden])
    layers = []
    for index in 0..<text.layerCount {
      let layer = "\(root)layers.\(index)."
      func norm(_ name: String) throws(ModelFileError) -> UnsafePointer<Float>? {
        guard text.headNorms else { return nil }
        return try reader.vector("\(layer)self_attn.\(name).weight", shape: [text.headDimension])
      }
      layers.append(
        Qwen3Layer(
          inputNorm: try reader.vector(layer + "input_layernorm.weight", shape: [hidden]),
          postNorm: try reader.vector(layer + "post_attention_layernorm.weight", shape: [hidden]),
          queryNorm: try norm("q_norm"), keyNorm: try norm("k_norm"),
          queryKeyValue: try reader.linear([
            (layer + "self_attn.q_proj.weight", [queries, hidden]),
            (layer + "self_attn.k_proj.weight", [keys, hidden]),
            (layer + "self_attn.v_proj.weight", [keys, hidden]),
          ]),
          gateUp: try reader.linear([
            (layer + "mlp.gate_proj.weight", [text.intermediateSize, hidden]),
            (layer + "mlp.up_proj.weight", [text.intermediateSize, hidden]),
          ]),
          output: try reader.matrix(layer + "self_attn.o_proj.weight", shape: [hidden, queries]),
          down: try reader.matrix(layer + "mlp.down_proj.weight", shape: [hidden, text.intermediateSize])))
    }
    norm = try reader.vector(root + "norm.weight", shape: [hidden])
    head = text.tied ? embedding : try reader.matrix("lm_head.weight", shape: [text.vocabularySize, hidden])
  }
}
