// How a checkpoint's images are cut, and how many positions an image takes.
import Imaging
import ModelFiles

extension Checkpoint {
  /// Cuts images for the vision tower; nil for a model of text alone.
  package func makeImageProcessor() throws(ModelLoadingError) -> ImageProcessor? {
    guard let vision = configuration.vision, let preprocessor else { return nil }
    guard let filter = ResampleFilter(rawValue: preprocessor.resample) else {
      throw ModelLoadingError(
        file: path, reason: "resample must be one of Pillow's filters, 0 to 5, got \(preprocessor.resample)")
    }
    var maxPatches: Int?
    var pinpoints = preprocessor.pinpoints
    switch configuration.visionAspectRatio {
    case .anyres(let limit): maxPatches = limit
    case .baseView: pinpoints = []
    }
    do {
      return try ImageProcessor(
        side: vision.imageSize, patchSize: vision.patchSize, pinpoints: pinpoints.map { ($0.height, $0.width) },
        resample: filter, maxPatches: maxPatches)
    } catch { throw ModelLoadingError(file: path, reason: "\(error)") }
  }

  /// How many positions an image takes, as a number or a formula for readers; nil for a model of text alone.
  package var imageTokens: String? {
    guard let vision = configuration.vision else { return nil }
    if configuration.visionAspectRatio == .baseView { return "\(vision.patchCount)" }
    return "\(vision.patchCount) + h * (w + 1), h and w the kept rows and columns of the tile grid in patches of "
      + "\(vision.patchSize) px"
  }
}
