// GGUF's names of tensors and their canonical names, in both directions. They appear here and nowhere else.

import Text

/// The names of one kind of file.
package struct GGUFTensorNames: Sendable {
  /// Whole names.
  private let fixed: [(stored: String, canonical: String)]
  /// What comes before and after the number of a layer.
  private let layer: (stored: String, canonical: String)
  private let inLayer: [(stored: String, canonical: String)]

  /// Files of architecture `qwen3` or `llama`.
  package static let text = GGUFTensorNames(
    fixed: [
      ("token_embd.weight", "model.language_model.embed_tokens.weight"),
      ("output_norm.weight", "model.language_model.norm.weight"), ("output.weight", "lm_head.weight"),
    ],
    layer: ("blk.", decoderLayerPrefix),
    inLayer: [
      ("attn_norm", "input_layernorm"), ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"),
      ("attn_v", "self_attn.v_proj"), ("attn_output", "self_attn.o_proj"), ("attn_q_norm", "self_attn.q_norm"),
      ("attn_k_norm", "self_attn.k_norm"), ("ffn_norm", "post_attention_layernorm"), ("ffn_gate", "mlp.gate_proj"),
      ("ffn_up", "mlp.up_proj"), ("ffn_down", "mlp.down_proj"),
    ])

  /// Files of architecture `clip` with R-4B's projector, which has the tensors of LFM2's.
  package static let vision = GGUFTensorNames(
    fixed: [
      ("model.image_newline", "model.image_newline"), ("v.image_newline", "model.image_newline"),
      ("v.position_embd.weight", "model.vision_tower.vision_model.embeddings.position_embedding.weight"),
    ]
      + [
        ("v.patch_embd", "model.vision_tower.vision_model.embeddings.patch_embedding"),
        ("v.post_ln", "model.vision_tower.vision_model.post_layernorm"),
        ("mm.input_norm", "model.multi_modal_projector.pre_norm"),
        ("mm.1", "model.multi_modal_projector.linear_1"), ("mm.2", "model.multi_modal_projector.linear_2"),
      ].flatMap { name in [".weight", ".bias"].map { (name.0 + $0, name.1 + $0) } },
    layer: ("v.blk.", visionLayerPrefix),
    inLayer: [
      ("ln1", "layer_norm1"), ("ln2", "layer_norm2"), ("attn_q", "self_attn.q_proj"), ("attn_k", "self_attn.k_proj"),
      ("attn_v", "self_attn.v_proj"), ("attn_out", "self_attn.out_proj"), ("ffn_up", "mlp.fc1"),
      ("ffn_down", "mlp.fc2"),
    ])

  /// Returns the canonical name of the tensor that a file calls `stored`; nil for an unknown name.
  package func canonical(_ stored: String) -> String? {
    translate(stored, fixed, layer, inLayer)
  }

  /// Returns the name in a file of the tensor with this canonical name; nil when this kind of file does not have it.
  package func stored(_ canonical: String) -> String? {
    translate(
      canonical, fixed.map { ($0.canonical, $0.stored) }, (layer.canonical, layer.stored),
      inLayer.map { ($0.canonical, $0.stored) })
  }

  private func translate(
    _ name: String, _ fixed: [(String, String)], _ layer: (String, String), _ inLayer: [(String, String)]
  ) -> String? {
    if let whole = fixed.first(where: { $0.0 == name }) { return whole.1 }
    guard let index = layerIndex(of: name, after: layer.0) else { return nil }
    let rest = Substring(name.utf8.dropFirst(layer.0.utf8.count).drop { $0 != UInt8(ascii: ".") }.dropFirst())
    for suffix in [".weight", ".bias"] where rest.hasSuffix(suffix) {
      let leaf = Substring(rest.utf8.dropLast(suffix.utf8.count))
      guard let match = inLayer.first(where: { $0.0 == leaf }) else { return nil }
      return "\(layer.1)\(index).\(match.1)\(suffix)"
    }
    return nil
  }
}
