// The model to load.

/// Section `model`.
package struct ModelSettings: Sendable {
  package let path = Setting<String>(
    "model.path", default: "Models/r-tiny",
    "Model to serve: a directory in Hugging Face layout, a GGUF file, or a directory of GGUF files; relative to config.json."
  )
  package let mmproj = Setting<String?>(
    "model.mmproj", default: nil,
    "Vision file that belongs to a GGUF file, relative to config.json; null takes `mmproj-NAME.gguf` beside `NAME.gguf`."
  )
  package let quantize = Setting<String?>(
    "model.quantize", oneOf: ["q4_k_m", "q4_0", "q5_k_m", "q6_k", "q8_0"],
    "Type to which weights of 16 or 32 bits are quantised while they are loaded; null keeps the stored types.")
  package let visionType = Setting<String>(
    "model.vision_type", oneOf: ["auto", "stored", "q8_0"], default: "auto",
    "Type of the vision tower and projector in memory; auto is q8_0 for a quantised decoder, else the stored type.")
  package let name = Setting<String?>(
    "model.name", default: nil,
    "Model name that clients send as `model`; null takes the name of the directory or file.")
}
