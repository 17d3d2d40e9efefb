// The model as `/v1/models` describes it.
import API
import Chat
import Foundation
import Inference
import JSON
import ModelFiles
import ModelLoading
import Scheduling
import Tokenization

extension ModelDescription {
  /// Describes a loaded model.
  init(_ loaded: LoadedModel) {
    var meta: JSONObject = [
      "architecture": .string(loaded.checkpoint.configuration.architecture),
      "parameters": .integer(Int64(loaded.checkpoint.parameterCount)),
      "quantization": .string(loaded.weightType),
      "weight_bytes": .integer(Int64(loaded.model.weightBytes)),
      "context_length": .integer(Int64(loaded.engine.contextLength)),
    ]
    meta["thinking_modes"] = loaded.hasThinkingModes ? ["auto", "long", "short"] : []
    if let tokens = loaded.checkpoint.imageTokens { meta["image_tokens"] = .string(tokens) }
    self.init(
      id: loaded.name, created: Int(Date().timeIntervalSince1970), owner: "r4b",
      vocabularySize: loaded.chat.tokenizer.vocabularySize, meta: meta)
  }
}
