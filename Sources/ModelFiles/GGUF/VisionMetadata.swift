// The vision file of a pair (`mmproj`): SigLIP2's tower and R-4B's projector under the names that llama.cpp gives LFM2's. What
// `r4b quantize` adds under `r4b.` makes it complete; without that, as in files of others, the values of R-4B itself hold.

import Text

/// What a vision file says.
struct VisionMetadata {
  var tower: VisionConfiguration
  var preprocessor: PreprocessorConfiguration
  var aspectRatio: VisionAspectRatio
  var imageTokenIndex: Int?
  var projectorSize: Int

  /// Reads the metadata of `gguf`, whose projector must end in `hiddenSize` values.
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
      throw metadata.fault("general.architecture", expected: "\"clip\", a vision tower")
    }
    if try metadata.flag("clip.has_vision_encoder") == false {
      throw metadata.fault("clip.has_vision_encoder", expected: "true")
    }
    let keys = ["clip.projector_type", "clip.vision.projector_type"].filter { metadata[$0] != nil }
    for key in keys where metadata[key]?.text != "lfm2" {
      throw metadata.fault(key, expected: "\"lfm2\", the form of R-4B's projector")
    }
    guard !keys.isEmpty else { throw metadata.fault("clip.projector_type", expected: "\"lfm2\"") }
    let scale = "clip.vision.projector.scale_factor"
    if let factor = try metadata.integer(scale, in: 0...64), factor > 1 {
      throw metadata.fault(scale, expected: "1: R-4B's patches are not merged")
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
