// The tensors that a configuration requires, with their shapes.

import Text

extension RConfiguration {
  /// A tensor that a checkpoint must hold.
  package struct RequiredTensor: Sendable, Equatable {
    package let name: String
    package let shape: [Int]
  }

  /// Every tensor that running the model reads. The tower's final norm and pooling head are not among them.
  package var requiredTensors: [RequiredTensor] {
    guard let vision else { return textTensors }
    return textTensors + Self.tensors(of: vision) + projectorTensors(after: vision)
  }

  private var textTensors: [RequiredTensor] {
    let hidden = text.hiddenSize
    let queries = text.headCount * text.headDimension
    let keys = text.kvHeadCount * text.headDimension
    let root = "model.language_model."
    var tensors = [RequiredTensor(name: root + "embed_tokens.weight", shape: [text.vocabularySize, hidden])]
    for layer in 0..<text.layerCount {
      var shapes: [(String, [Int])] = [
        ("input_layernorm", [hidden]), ("self_attn.q_proj", [queries, hidden]), ("self_attn.k_proj", [keys, hidden]),
        ("self_attn.v_proj", [keys, hidden]), ("self_attn.o_proj", [hidden, queries]),
        ("post_attention_layernorm", [hidden]), ("mlp.gate_proj", [text.intermediateSize, hidden]),
        ("mlp.up_proj", [text.intermediateSize, hidden]), ("mlp.down_proj", [hidden, text.intermediateSize]),
      ]
      if text.headNorms {
        shapes += [("self_attn.q_norm", [text.headDimension]), ("self_attn.k_norm", [text.headDimension])]
      }
      for (name, shape) in shapes {
        tensors.append(RequiredTensor(name: "\(decoderLayerPrefix)\(layer).\(name).weight", shape: shape))
      }
    }
    tensors.append(RequiredTensor(name: root + "norm.weight", shape: [hidden]))
    if !text.tied { tensors.append(RequiredTensor(name: "lm_head.weight", shape: [text.vocabularySize, hidden])) }
    return tensors
  }

  private static func tensors(of vision: VisionConfiguration) -> [RequiredTensor] {
    let hidden = vision.hiddenSize
    let embeddings = "model.vision_tower.vision_model.embeddings."
    let patch = [hidden, vision.channelCount, vision.patchSize, vision.patchSize]
    var tensors = layer(embeddings + "patch_embedding", patch)
    tensors.append(RequiredTensor(name: embeddings + "position_embedding.weight", shape: [vision.patchCount, hidden]))
    for index in 0..<vision.layerCount {
      let root = "\(visionLayerPrefix)\(index)."
      for norm in ["layer_norm1", "layer_norm2"] { tensors += layer(root + norm, [hidden]) }
      for projection in ["q_proj", "k_proj", "v_proj", "out_proj"] {
        tensors += layer("\(root)self_attn.\(projection)", [hidden, hidden])
      }
      tensors += layer(root + "mlp.fc1", [vision.intermediateSize, hidden])
      tensors += layer(root + "mlp.fc2", [hidden, vision.intermediateSize])
    }
    return tensors
  }

  private func projectorTensors(after vision: VisionConfiguration) -> [RequiredTensor] {
    let root = "model.multi_modal_projector."
    let tensors =
      Self.layer(root + "pre_norm", [vision.hiddenSize])
      + Self.layer(root + "linear_1", [projectorSize, vision.hiddenSize])
      + Self.layer(root + "linear_2", [text.hiddenSize, projectorSize])
    if case .baseView = visionAspectRatio { return tensors }
    return tensors + [RequiredTensor(name: "model.image_newline", shape: [text.hiddenSize])]
  }

  /// A weight of `shape` and a bias of as many values as the weight has rows.
  private static func layer(_ name: String, _ shape: [Int]) -> [RequiredTensor] {
    [
      RequiredTensor(name: name + ".weight", shape: shape),
      RequiredTensor(name: name + ".bias", shape: Array(shape.prefix(1))),
    ]
  }
}
