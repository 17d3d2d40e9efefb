// What `/v1/models` tells of the loaded model.
import API
import Chat
import Foundation
import GenerationTypes
import Inference
import JSON
import ModelFiles
import Scheduling
import Tokenization

extension LoadedModel {
  /// The model as clients see it.
  var description: ModelDescription {
    let configuration = checkpoint.configuration
    var meta: JSONObject = [
      "architecture": .string(configuration.architecture),
      "parameters": .integer(Int64(checkpoint.parameterCount)),
      "quantization": .string(weightType),
      "weight_bytes": .integer(Int64(model.weightBytes)),
      "context_length": .integer(Int64(engine.contextLength)),
    ]
    let thinks = chat.control.thinking.open != nil && chat.control.thinking.close != nil
    meta["thinking_modes"] = thinks ? ["auto", "long", "short"] : []
    if let tokens = imageTokens { meta["image_tokens"] = .string(tokens) }
    return ModelDescription(
      id: name, created: Int(Date().timeIntervalSince1970), owner: "r4b",
      vocabularySize: chat.tokenizer.vocabularySize, meta: meta)
  }

  /// How many places an image takes; nil where none are taken.
  private var imageTokens: String? {
    let configuration = checkpoint.configuration
    guard let vision = configuration.vision else { return nil }
    if configuration.visionAspectRatio == .baseView { return "\(vision.patchCount)" }
    return "\(vision.patchCount) + h * (w + 1), h and w the kept rows and columns of the tile grid in patches of "
      + "\(vision.patchSize) px"
  }
}
