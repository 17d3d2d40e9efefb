// The Qwen3 decoder: pre-norm blocks of grouped-query attention with normalised queries and keys, rotary positions, and
// a SiLU-gated network. Llama is the same without the norms of queries and keys. Configuration, weights, forward, load.
import CKernels
import GenerationTypes
import ModelFiles

/// The decoder's dimensions and what follows from them.
struct Qwen3Configuration: BitwiseCopyable {
  let hidden, layers, heads, kvHeads, headDimension, intermediate, vocabulary: Int

  init(_ text: TextConfiguration) {
    hidden = text.hiddenSize
    layers = text.layerCount
    heads = text.headCount
    kvHeads = text.kvHeadCount
    headDimension = text.headDimension
    intermediate = text.intermediateSize
    vocabulary = text.vocabularySize
  }

  /// Columns of all query heads.
  var queryWidth: Int { heads * headDimension }
  /// Columns of all key heads, and of all value heads.
  var keyWidth: Int { kvHeads * headDimension }
  /// Columns of queries, keys and values side by side.
  var fusedWidth: Int { queryWidth + 2 * keyWidth }
}

/// One block's weights. Queries, keys and values are one product, and so are gate and up; their types may differ.
struct Qwen3Layer: BitwiseCopyable {
  var inputNorm, postNorm: RMSNormWeights
  var queryNorm, keyNorm: RMSNormWeights?
  var queryKeyValue, gateUp: ck_linear
  var output, down: ck_matrix
}

/// The decoder's weights. `head` is the embedding if the checkpoint has no output matrix of its own.
struct Qwen3Weights {
  var embedding, head: ck_matrix
  var layers: [Qwen3Layer]
  var norm: RMSNormWeights
}

/// The rows of a batch that belong to one sequence: they continue it at `position`.
struct SequenceRows: BitwiseCopyable {
  /// The segments of the sequence's KV cache.
  var segments: UnsafePointer<UnsafeMutableRawPointer>
  var position: Int
  /// The first row, and the number of rows.
  var row, count: Int

  var range: Range<Int> { row..<row + count }
}

/// The decoder's buffers for `rows` positions.
struct Qwen3Scratch: BitwiseCopyable {
  var x, normed, fused, attended, gateUp, gated: Rows
  var positions: UnsafeMutablePointer<Int32>
  var sequences: UnsafeMutablePointer<SequenceRows>
  var jobs: UnsafeMutablePointer<ck_attention_job>
  /// `[headRows, vocabulary]`.
  var logits: Rows
  /// The number of rows whose logits are computed together.
  static let headRows = 8

  init(_ c: Qwen3Configuration, rows: Int, in arena: inout Arena) {
    x = arena.rows(rows, columns: c.hidden)
    normed = arena.rows(rows, columns: c.hidden)
    fused = arena.rows(rows, columns: c.fusedWidth)
    attended = arena.rows(rows, columns: c.queryWidth)
    gateUp = arena.rows(rows, columns: 2 * c.intermediate)
    gated = arena.rows(rows, columns: c.intermediate)
    positions = arena.buffer(Int32.self, rows)
    sequences = arena.buffer(SequenceRows.self, rows)
    jobs = arena.buffer(ck_attention_job.self, rows)
    logits = arena.rows(Self.headRows, columns: c.vocabulary)
  }

  /// The same buffers for the first `rows` positions.
  func prefix(_ rows: Int) -> Qwen3Scratch {
    var s = self
    s.x = x.prefix(rows)
    s.normed = normed.prefix(rows)
    s.fused = fused.prefix(rows)
    s.attended = attended.prefix(rows)
    s.gateUp = gateUp.prefix(rows)
    s.gated = gated.prefix(rows)
    return s
  }
}

/// The decoder: its dimensions, weights and rotary tables. Immutable.
struct Qwen3 {
  let configuration: Qwen3Configuration
  let weights: Qwen3Weights
  let rope: RopeTables

  /// Writes the embedding of `token`, which must be within the vocabulary, to `out[hidden]`.
  func embed(_ token: TokenID, into out: UnsafeMutablePointer<Float>) {
    ck_matrix_row(out, weights.embedding, UInt32(token))
  }

  /// Runs every block over the rows of `s.x` and appends their keys and values to `sequences` sequences. `s` has as
  /// many rows as the batch.
  func forward(_ operations: Operations, _ s: Qwen3Scratch, sequences: Int, kv: KVShape, tap: ActivationTap?) {
    let c = configuration
    let queries = s.fused.columns(0..<c.queryWidth)
    let keys = s.fused.columns(c.queryWidth..<c.queryWidth + c.keyWidth)
    let values = s.fused.columns(c.queryWidth + c.keyWidth..<c.fusedWidth)
    for (index, layer) in weights.layers.enumerated() {
      operations.rmsNorm(s.x, layer.inputNorm, into: s.normed)
      operations.multiply(s.normed, layer.queryKeyValue, into: s.fused)
      operations.normRope(queries, heads: c.heads, layer.queryNorm, positions: s.positions, rope: rope)
      operations.normRope(keys, heads: c.kvHeads, layer.keyNorm, positions: s.positions, rope: rope)
      for i in 0..<sequences {
        let run = s.sequences[i], cache = kv.layer(index, at: run.segments)
        operations.store(keys: keys.rows(run.range), values: values.rows(run.range), in: cache, at: run.position)
        s.jobs[i] = ck_attention_job(
          queries: queries.rows(run.range), cache: cache, firstLimit: run.position + 1, causal: true,
          into: s.attended.rows(run.range))
      }
      operations.attend(s.jobs, count: sequences)
      operations.multiply(s.attended, layer.output, addingTo: s.x)
      operations.rmsNorm(s.x, layer.postNorm, into: s.normed)
      operations.multiply(s.normed, layer.gateUp, into: s.gateUp)
      operations.siluMultiply(s.gateUp, into: s.gated)
      operations.multiply(s.gated, layer.down, addingTo: s.x)
      tap?("text.layer.\(index)", s.x.values)
    }
  }

  /// Writes the logits of the first `rows` rows of `s.normed`, which the last norm changes in place, to `s.logits`.
  func head(_ operations: Operations, _ s: Qwen3Scratch, rows: Int) {
    let x = s.normed.prefix(rows)
    operations.rmsNorm(x, weights.norm, into: x)
    operations.multiply(x, weights.head, into: s.logits.prefix(rows))
  }
}

extension Qwen3Weights {
  /// Reads the decoder, or counts its bytes.
  init(_ reader: inout WeightReader, _ text: TextConfiguration) throws(ModelFileError) {
    let root = "model.language_model.", hidden = text.hiddenSize, epsilon = Float(text.rmsNormEpsilon)
    let queries = text.headCount * text.headDimension, keys = text.kvHeadCount * text.headDimension
    embedding = try reader.matrix(root + "embed_tokens.weight", shape: [text.vocabularySize, hidden])
    layers = []
    for index in 0..<text.layerCount {
      let layer = "\(root)layers.\(index)."
      func headNorm(_ name: String) throws(ModelFileError) -> RMSNormWeights? {
        guard text.headNorms else { return nil }
        return try reader.rmsNorm("\(layer)self_attn.\(name)", width: text.headDimension, epsilon: epsilon)
      }
      layers.append(
        Qwen3Layer(
          inputNorm: try reader.rmsNorm(layer + "input_layernorm", width: hidden, epsilon: epsilon),
          postNorm: try reader.rmsNorm(layer + "post_attention_layernorm", width: hidden, epsilon: epsilon),
          queryNorm: try headNorm("q_norm"), keyNorm: try headNorm("k_norm"),
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
    norm = try reader.rmsNorm(root + "norm", width: hidden, epsilon: epsilon)
    head = text.tied ? embedding : try reader.matrix("lm_head.weight", shape: [text.vocabularySize, hidden])
  }
}
