// From `config.json` to `RConfiguration`: JSON names, class defaults, ranges and unsupported values. Ranges are wide
// enough for any model of the family, and narrow enough that no product of two values overflows.
import JSON

extension TextConfiguration {
  /// Reads `text_config`. `tied` is settled later, by the tensors.
  init(reading json: ConfigurationReader) throws(ModelFileError) {
    try json.only("model_type", "qwen3")
    try json.only("hidden_act", "silu")
    try json.only("attention_bias", false)
    try json.only("use_sliding_window", false)
    for (position, layer) in (json["layer_types"]?.array ?? []).enumerated() where layer != "full_attention" {
      throw json.fault(
        "layer_types[\(position)]", expected: "\"full_attention\", the only supported value", found: shown(layer))
    }
    for name in ["rope_scaling", "rope_parameters"] {
      guard let rope = try json.child(name) else { continue }
      try rope.only("rope_type", "default")
      try rope.only("type", "default")
      if let factor = rope["factor"], factor.double != 1 {
        throw rope.fault("factor", expected: "1, the only supported value")
      }
    }
    // transformers 5 moves rope_theta into rope_parameters.
    let theta = 1.0...1e12
    let nested = try json.child("rope_parameters")?.number("rope_theta", in: theta)
    ropeTheta = try json.number("rope_theta", in: theta) ?? nested ?? 10_000
    if let nested, nested != ropeTheta {
      throw json.fault("rope_theta", expected: "rope_parameters.rope_theta, which is \(nested)")
    }

    hiddenSize = try json.integer("hidden_size", in: 1...65536) ?? 4096
    layerCount = try json.integer("num_hidden_layers", in: 1...1024) ?? 32
    headCount = try json.integer("num_attention_heads", in: 1...1024) ?? 32
    kvHeadCount = try json.integer("num_key_value_heads", in: 1...1024) ?? 32
    // Qwen3Config's own default, not hidden / heads: a saved R-4B may leave 128 out.
    headDimension = try json.integer("head_dim", in: 2...1024) ?? 128
    intermediateSize = try json.integer("intermediate_size", in: 1...1 << 20) ?? 22016
    vocabularySize = try json.integer("vocab_size", in: 1...1 << 22) ?? 151_936
    rmsNormEpsilon = try json.number("rms_norm_eps", in: 0...0.1) ?? 1e-6
    maxPositions = try json.integer("max_position_embeddings", in: 1...1 << 24) ?? 32768
    tied = try json.flag("tie_word_embeddings") ?? false
    (headNorms, rotation) = (true, .halves)
    guard headCount % kvHeadCount == 0 else {
      throw json.fault(
        "num_key_value_heads", expected: "a divisor of num_attention_heads, \(headCount)", found: "\(kvHeadCount)")
    }
    guard headDimension % 2 == 0 else {
      throw json.fault("head_dim", expected: "an even number, because rotary embedding rotates pairs")
    }
  }
}

extension VisionConfiguration {
  /// Reads `vision_config`; `layerCount` is what the file states, before `vision_feature_layer` is applied.
  init(reading json: ConfigurationReader) throws(ModelFileError) {
    try json.only("model_type", "siglip_vision_model")
    try json.only("hidden_act", "gelu_pytorch_tanh")
    hiddenSize = try json.integer("hidden_size", in: 1...65536) ?? 768
    layerCount = try json.integer("num_hidden_layers", in: 1...1024) ?? 12
    headCount = try json.integer("num_attention_heads", in: 1...1024) ?? 12
    intermediateSize = try json.integer("intermediate_size", in: 1...1 << 20) ?? 3072
    imageSize = try json.integer("image_size", in: 1...4096) ?? 224
    patchSize = try json.integer("patch_size", in: 1...4096) ?? 16
    try json.only("num_channels", 3)
    channelCount = 3
    layerNormEpsilon = try json.number("layer_norm_eps", in: 0...0.1) ?? 1e-6
    guard hiddenSize % headCount == 0 else {
      throw json.fault(
        "num_attention_heads", expected: "a divisor of hidden_size, \(hiddenSize)", found: "\(headCount)")
    }
    guard patchSize <= imageSize else {
      throw json.fault("patch_size", expected: "at most image_size, \(imageSize)", found: "\(patchSize)")
    }
  }
}

extension RConfiguration {
  /// Reads `config.json`. Pinpoints that it does not state come from `preprocessor`; stated in both, they must agree.
  init(reading json: ConfigurationReader, preprocessor: ConfigurationReader?) throws(ModelFileError) {
    // Bee is R-4B's sibling: the same code under another name, with other sizes.
    guard ["R", "Bee", "bee"].contains(json["model_type"]) else {
      throw json.fault("model_type", expected: "\"R\" or \"Bee\"")
    }
    guard let text = try json.child("text_config") else { throw json.fault("text_config", expected: "an object") }
    guard let vision = try json.child("vision_config") else { throw json.fault("vision_config", expected: "an object") }
    self.text = try TextConfiguration(reading: text)
    var tower = try VisionConfiguration(reading: vision)
    try json.only("vision_feature_select_strategy", "full")
    try json.only("multimodal_projector_bias", true)
    try json.only("projector_hidden_act", "gelu")
    projectorHiddenAct = .gelu
    projectorSize = self.text.hiddenSize
    tower.layerCount = try Self.layersToRun(of: tower.layerCount, json)
    self.vision = tower
    visionAspectRatio = try Self.aspectRatio(json)
    imageTokenIndex = try Self.imageToken(json, vocabularySize: self.text.vocabularySize)
    let stated = try json.integer("max_position_embeddings", in: 1...1 << 24) ?? 32768
    maxPositions = min(stated, self.text.maxPositions)

    let tile = tower.imageSize
    let own = try json.pinpoints(tile: tile)
    let other = try preprocessor?.pinpoints(tile: tile)
    if let own, let other, own != other, let preprocessor {
      throw preprocessor.fault(
        "image_grid_pinpoints", expected: "the list of config.json, \(Self.shown(own))", found: Self.shown(other))
    }
    imageGridPinpoints = own ?? other ?? Self.defaultPinpoints(imageSize: tile)
  }

  /// Encoder layers up to `vision_feature_layer`, which counts like transformers' `hidden_states`: 0 is the embedding,
  /// k the output of layer k, -1 the output of the last of `count` layers.
  private static func layersToRun(of count: Int, _ json: ConfigurationReader) throws(ModelFileError) -> Int {
    let name = "vision_feature_layer"
    let layer = try json.integer(name, in: -1025...1024) ?? -1
    let position = layer < 0 ? count + 1 + layer : layer
    guard (1...count).contains(position) else {
      throw json.fault(name, expected: "a layer of the \(count) in vision_config.num_hidden_layers")
    }
    return position
  }

  private static func aspectRatio(_ json: ConfigurationReader) throws(ModelFileError) -> VisionAspectRatio {
    let name = "vision_aspect_ratio"
    guard let text = try json.text(name) else { return .anyres(maxPatches: nil) }
    guard let ratio = VisionAspectRatio(text) else { throw json.fault(name, expected: VisionAspectRatio.forms) }
    return ratio
  }

  private static func imageToken(_ json: ConfigurationReader, vocabularySize: Int) throws(ModelFileError) -> Int? {
    let range = 0...vocabularySize - 1
    let index = try json.integer("image_token_index", in: range)
    let alias = try json.integer("image_token_id", in: range)
    if let index, let alias, index != alias {
      throw json.fault("image_token_id", expected: "image_token_index, which is \(index)")
    }
    return index ?? alias
  }

  private static func shown(_ sizes: [PixelSize]) -> String {
    sizes.map { "[\($0.height), \($0.width)]" }.joined(separator: ", ")
  }
}
