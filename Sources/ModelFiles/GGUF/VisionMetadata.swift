// The vision file of a model (`mmproj`): SigLIP2's tower and R-4B's projector under llama.cpp's names for LFM2. `r4b
// quantize` adds keys that begin with `r4b.`; files of other converters lack them and get R-4B's values.

import Text

/// The configuration of a vision file.
struct VisionMetadata {
  var tower: VisionConfiguration
  var preprocessor: PreprocessorConfiguration
  var aspectRatio: VisionAspectRatio
  var imageTokenIndex: Int?
  var projectorSize: Int

  /// Reads the metadata of `gguf`; its projector must have `hiddenSize` outputs.
  init(reading gguf: GGUFFile, hiddenSize: Int) throws(ModelFileError) {
    let metadata = gguf.metadata
    try Self.check(metadata)
    tower = try Self.tower(metadata)
    for key in ["clip.vision.projection_dim"] {
      if let width = try metadata.integer(key, in: 1...65536), width != hiddenSize {
        throw metadata.fault(key, expected: "the hidden size of the text file, \(hiddenSize)")
      }
    }
    let hasImageNewline = ["model.image_newline", "v.image_newline"].contains { gguf.tensor($0) != nil }
    projectorSize = gguf.tensor("mm.1.weight")?.shape.first ?? hiddenSize
    let ratio = try Self.aspectRatio(metadata)
    aspectRatio = hasImageNewline ? ratio : .baseView
    imageTokenIndex = try metadata.integer("r4b.image_token_index", in: 0...1 << 22)
    let pinpoints =
      hasImageNewline
      ? try Self.pinpoints(metadata, tile: tower.imageSize)
        ?? RConfiguration.defaultPinpoints(imageSize: tower.imageSize) : []
    preprocessor = PreprocessorConfiguration(side: tower.imageSize, pinpoints: pinpoints)
    let mean = try metadata.numbers("clip.vision.image_mean", count: 3, in: -1e3...1e3)
    let std = try metadata.numbers("clip.vision.image_std", count: 3, in: 1e-6...1e3)
    (preprocessor.mean, preprocessor.std) = (mean ?? preprocessor.mean, std ?? preprocessor.std)
    preprocessor.rescaleFactor = try metadata.number("r4b.rescale_factor", in: 1e-9...1e3) ?? preprocessor.rescaleFactor
    preprocessor.resample = try metadata.integer("r4b.resample", in: 0...5) ?? preprocessor.resample
  }

  private static func check(_ metadata: GGUFMetadata) throws(ModelFileError) {
    guard metadata["general.architecture"]?.text == "clip" else {
      throw metadata.fault("general.architecture", expected: "\"clip\", a vision file")
    }
    if try metadata.flag("clip.has_vision_encoder") == false {
      throw metadata.fault("clip.has_vision_encoder", expected: "true")
    }
    let keys = ["clip.projector_type", "clip.vision.projector_type"].filter { metadata[$0] != nil }
    for key in keys where metadata[key]?.text != "lfm2" {
      throw metadata.fault(key, expected: "\"lfm2\", the type of R-4B's projector")
    }
    guard !keys.isEmpty else { throw metadata.fault("clip.projector_type", expected: "\"lfm2\"") }
    let scale = "clip.vision.projector.scale_factor"
    if let factor = try metadata.integer(scale, in: 0...64), factor > 1 {
      throw metadata.fault(scale, expected: "1, because R-4B does not merge patches")
    }
    if try metadata.flag("clip.use_gelu") == false { throw metadata.fault("clip.use_gelu", expected: "true") }
    if try metadata.flag("clip.use_silu") == true { throw metadata.fault("clip.use_silu", expected: "false") }
  }

  private static func tower(_ metadata: GGUFMetadata) throws(ModelFileError) -> VisionConfiguration {
    func key(_ name: String) -> String { "clip.vision.\(name)" }
    let tower = VisionConfiguration(
      hiddenSize: try metadata.required(key("embedding_length"), in: 1...65536),
      layerCount: try metadata.required(key("block_count"), in: 1...1024),
      headCount: try metadata.required(key("attention.head_count"), in: 1...1024),
      intermediateSize: try metadata.required(key("feed_forward_length"), in: 1...1 << 20),
      imageSize: try metadata.required(key("image_size"), in: 1...4096),
      patchSize: try metadata.required(key("patch_size"), in: 1...4096), channelCount: 3,
      layerNormEpsilon: (try metadata.number(key("attention.layer_norm_epsilon"), in: 0...0.1)).flatMap {
        Double("\(Float($0))")
      } ?? 1e-6)
    guard tower.hiddenSize % tower.headCount == 0 else {
      throw metadata.fault(
        key("attention.head_count"), expected: "a divisor of embedding_length, \(tower.hiddenSize)")
    }
    guard tower.patchSize <= tower.imageSize else {
      throw metadata.fault(key("patch_size"), expected: "at most image_size, \(tower.imageSize)")
    }
    return tower
  }

  private static func aspectRatio(_ metadata: GGUFMetadata) throws(ModelFileError) -> VisionAspectRatio {
    let key = "r4b.vision_aspect_ratio"
    guard let text = try metadata.text(key) else { return .anyres(maxPatches: nil) }
    guard let ratio = VisionAspectRatio(text) else {
      throw metadata.fault(key, expected: VisionAspectRatio.forms)
    }
    return ratio
  }

  /// `r4b.image_grid_pinpoints`: height, width, height, width …
  private static func pinpoints(_ metadata: GGUFMetadata, tile: Int) throws(ModelFileError) -> [PixelSize]? {
    let key = "r4b.image_grid_pinpoints"
    guard let sides = try metadata.integers(key, in: 1...1 << 20) else { return nil }
    guard sides.count % 2 == 0, (1...64).contains(sides.count / 2) else {
      throw metadata.fault(key, expected: "1 to 64 pairs of height and width", found: "\(sides.count) numbers")
    }
    let sizes = (0..<sides.count / 2).map { PixelSize(height: sides[2 * $0], width: sides[2 * $0 + 1]) }
    for size in sizes {
      guard size.height % tile == 0, size.width % tile == 0, (size.height / tile) * (size.width / tile) <= 10 else {
        throw metadata.fault(
          key, expected: "multiples of the image size \(tile), at most 10 tiles each",
          found: "[\(size.height), \(size.width)]")
      }
    }
    return sizes
  }
}
