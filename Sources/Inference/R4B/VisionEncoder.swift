// Vision tower and projector together: from the pixels of a view to features in the decoder's space.
import CKernels
import ModelFiles

/// The weights that turn views of images into positions of the decoder. Immutable.
struct VisionEncoder {
  let tower: SigLIP2
  let projector: ProjectorWeights

  /// Reads the encoder, or counts its bytes. nil if the model takes text only.
  init?(_ reader: inout WeightReader, _ checkpoint: Checkpoint) throws(ModelFileError) {
    let configuration = checkpoint.configuration
    guard let vision = configuration.vision, let preprocessor = checkpoint.preprocessor else { return nil }
    tower = SigLIP2(
      configuration: SigLIP2Configuration(vision), weights: try SigLIP2Weights(&reader, vision),
      levels: SigLIP2.levels(preprocessor))
    projector = try ProjectorWeights(&reader, configuration, width: vision.hiddenSize)
  }

  /// The columns of each matrix.
  var inputWidths: [Int] {
    let c = tower.configuration
    return [c.hidden, c.intermediate, c.patchWidth, Int(projector.linear2.columns)]
  }
}

/// Buffers for one view.
struct VisionScratch: BitwiseCopyable {
  var tower: SigLIP2Scratch
  var projector: ProjectorScratch

  init(_ encoder: VisionEncoder, in arena: inout Arena) {
    tower = SigLIP2Scratch(encoder.tower.configuration, in: &arena)
    projector = ProjectorScratch(
      rows: encoder.tower.configuration.patches, inner: Int(encoder.projector.linear1.rows),
      width: Int(encoder.projector.linear2.rows), in: &arena)
  }
}
