// The names of tensors in checkpoints, which appear here and nowhere else. transformers 4.52 changed the prefixes of
// vision-language models; files with either spelling exist.

import Text

/// Returns the spelling of transformers 4.52 and later for the tensor stored as `name`; an unknown name is returned
/// unchanged.
func canonicalTensorName(_ name: String) -> String {
  let bare = name.hasPrefix("model.") ? String(name.dropFirst("model.".count)) : name
  switch bare {
  case "lm_head.weight", "language_model.lm_head.weight": return "lm_head.weight"
  case "image_newline": return "model.image_newline"
  default: break
  }
  let nested = "language_model.model."
  if bare.hasPrefix(nested) { return "model.language_model." + bare.dropFirst(nested.count) }
  for part in ["language_model.", "vision_tower.", "multi_modal_projector."] where bare.hasPrefix(part) {
    return "model." + bare
  }
  return name
}

/// Whether a tensor belongs to the pooling head of the vision tower, which R-4B does not use and its files may keep.
func isPoolingHead(_ name: String) -> Bool { name.split(at: ".").contains { $0 == "head" } }

/// The number after `prefix` in `name`, as in `…layers.12.`.
func layerIndex(of name: String, after prefix: String) -> Int? {
  guard name.hasPrefix(prefix) else { return nil }
  let digits = Substring(name.utf8.dropFirst(prefix.utf8.count).prefix { $0 != UInt8(ascii: ".") })
  return digits.utf8.count <= 6 ? Int(digits) : nil
}

let decoderLayerPrefix = "model.language_model.layers."
let visionLayerPrefix = "model.vision_tower.vision_model.encoder.layers."
