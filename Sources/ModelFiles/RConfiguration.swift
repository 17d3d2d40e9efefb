// The model's shape as a checkpoint states it, validated. An absent key of `config.json` has the default of its
// transformers class (RConfig, Qwen3Config, SiglipVisionConfig), because `save_pretrained` leaves out defaults.
// Unsupported options that change the arithmetic are errors, never ignored.
import JSON
import Text

/// A height and a width in pixels.
package struct PixelSize: Sendable, Equatable {
  package var height: Int
  package var width: Int

  package init(height: Int, width: Int) { (self.height, self.width) = (height, width) }
}

/// How an image of any shape is packed into tokens.
package enum VisionAspectRatio: Sendable, Equatable {
  /// Tiles by the best pinpoint, unpadded. `maxPatches` is N of `anyres_max_N`: a grid larger than N base views is
  /// shrunk.
  case anyres(maxPatches: Int?)
  /// The base view without tiles, for files without `image_newline`.
  case baseView

  static let forms = "\"anyres\" or \"anyres_max_N\" with N from 1 to 1000"

  /// Reads the form that configurations have; nil for any other.
  init?(_ text: String) {
    let limited = "anyres_max_"
    if text == "anyres" {
      self = .anyres(maxPatches: nil)
    } else if text.hasPrefix(limited), let count = Int(text.dropFirst(limited.count)), (1...1000).contains(count) {
      self = .anyres(maxPatches: count)
    } else {
      return nil
    }
  }

  /// The form that configurations have; nil for `baseView`, which none states.
  package var text: String? {
    switch self {
    case .anyres(let count): count.map { "anyres_max_\($0)" } ?? "anyres"
    case .baseView: nil
    }
  }
}

/// The shape of the decoder: Qwen3, or llama, which differs in `headNorms` and `rotation`.
package struct TextConfiguration: Sendable, Equatable {
  package var hiddenSize: Int
  package var layerCount: Int
  package var headCount: Int
  package var kvHeadCount: Int
  /// Values of one head; not `hiddenSize / headCount` in R-4B.
  package var headDimension: Int
  package var intermediateSize: Int
  /// Rows of the embedding and of the head, at least the tokenizer's size.
  package var vocabularySize: Int
  package var ropeTheta: Double
  package var rmsNormEpsilon: Double
  package var maxPositions: Int
  /// Whether the head is the embedding. Decided by the checkpoint: true when it holds no `lm_head.weight`.
  package var tied: Bool
  /// Whether queries and keys are normalised per head, each with its own weights.
  package var headNorms: Bool
  package var rotation: Rotation

  /// Which values of a head rotary embedding rotates together.
  package enum Rotation: Sendable, Equatable {
    /// Values half a head apart, as in transformers.
    case halves
    /// Adjacent values, as in llama's GGUF files.
    case neighbours
  }

  package init(
    hiddenSize: Int, layerCount: Int, headCount: Int, kvHeadCount: Int, headDimension: Int, intermediateSize: Int,
    vocabularySize: Int, ropeTheta: Double, rmsNormEpsilon: Double, maxPositions: Int, tied: Bool,
    headNorms: Bool = true, rotation: Rotation = .halves
  ) {
    (self.hiddenSize, self.layerCount, self.headCount) = (hiddenSize, layerCount, headCount)
    (self.kvHeadCount, self.headDimension, self.intermediateSize) = (kvHeadCount, headDimension, intermediateSize)
    (self.vocabularySize, self.ropeTheta, self.rmsNormEpsilon) = (vocabularySize, ropeTheta, rmsNormEpsilon)
    (self.maxPositions, self.tied) = (maxPositions, tied)
    (self.headNorms, self.rotation) = (headNorms, rotation)
  }
}

/// The shape of the SigLIP tower.
package struct VisionConfiguration: Sendable, Equatable {
  package var hiddenSize: Int
  /// Encoder layers to run: the one that `vision_feature_layer` names is the last.
  package var layerCount: Int
  package var headCount: Int
  package var intermediateSize: Int
  /// Side of a square view in pixels.
  package var imageSize: Int
  package var patchSize: Int
  package var channelCount: Int
  package var layerNormEpsilon: Double

  package init(
    hiddenSize: Int, layerCount: Int, headCount: Int, intermediateSize: Int, imageSize: Int, patchSize: Int,
    channelCount: Int, layerNormEpsilon: Double
  ) {
    (self.hiddenSize, self.layerCount, self.headCount) = (hiddenSize, layerCount, headCount)
    (self.intermediateSize, self.imageSize, self.patchSize) = (intermediateSize, imageSize, patchSize)
    (self.channelCount, self.layerNormEpsilon) = (channelCount, layerNormEpsilon)
  }

  package var headDimension: Int { hiddenSize / headCount }
  /// Patches along one side of a view; pixels beyond the last whole patch are ignored.
  package var gridSize: Int { imageSize / patchSize }
  /// Patches of one view, which are its tokens.
  package var patchCount: Int { gridSize * gridSize }
}

/// The activation between the projector's two layers.
package enum ProjectorActivation: String, Sendable, CaseIterable {
  /// Exact GELU: `x/2 · (1 + erf(x/√2))`.
  case gelu
}

/// A checkpoint's configuration with all defaults resolved.
package struct RConfiguration: Sendable, Equatable {
  package var text: TextConfiguration
  /// nil for a text-only model.
  package var vision: VisionConfiguration?
  package var projectorHiddenAct: ProjectorActivation
  /// Values between the projector's two layers. Decided by the checkpoint: the rows of `linear_1.weight`.
  package var projectorSize: Int
  /// The id of `<image>`, to compare with the tokenizer's; nil where the files do not state it and the tokenizer
  /// decides.
  package var imageTokenIndex: Int?
  package var visionAspectRatio: VisionAspectRatio
  /// Target sizes for tiling, in order of preference on ties; multiples of the image size.
  package var imageGridPinpoints: [PixelSize]
  /// Positions of a sequence: the smaller of the limits that the model and its decoder state.
  package var maxPositions: Int

  package init(
    text: TextConfiguration, vision: VisionConfiguration?, projectorHiddenAct: ProjectorActivation = .gelu,
    projectorSize: Int? = nil, imageTokenIndex: Int?, visionAspectRatio: VisionAspectRatio,
    imageGridPinpoints: [PixelSize], maxPositions: Int
  ) {
    (self.text, self.vision, self.projectorHiddenAct) = (text, vision, projectorHiddenAct)
    self.projectorSize = projectorSize ?? text.hiddenSize
    (self.imageTokenIndex, self.visionAspectRatio) = (imageTokenIndex, visionAspectRatio)
    (self.imageGridPinpoints, self.maxPositions) = (imageGridPinpoints, maxPositions)
  }

  /// The name of the model's class in transformers.
  package var architecture: String {
    if vision != nil { return "RForConditionalGeneration" }
    return text.headNorms ? "Qwen3ForCausalLM" : "LlamaForCausalLM"
  }

  /// Returns the LLaVA-NeXT list for views of `imageSize` pixels, the default for a model without its own list.
  package static func defaultPinpoints(imageSize: Int) -> [PixelSize] {
    [(1, 2), (2, 1), (2, 2), (3, 1), (1, 3)].map { PixelSize(height: $0 * imageSize, width: $1 * imageSize) }
  }
}
