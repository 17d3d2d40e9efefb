// The model in memory: tower, projector and decoder, read once from a checkpoint into one huge-page mapping.
import CKernels
import ModelFiles

/// Why a model could not be loaded.
package enum ModelLoadError: Error, Equatable, Sendable, CustomStringConvertible {
  case file(ModelFileError)
  case inference(InferenceError)

  package var description: String {
    switch self {
    case .file(let error): error.description
    case .inference(let error): error.description
    }
  }
}

/// Turns the views of images into positions of the decoder.
struct VisionEncoder {
  let tower: SigLIP2
  let projector: ProjectorWeights
}

/// Immutable weights, shared by every runner. `@unchecked Sendable`: its pointers lead into mappings that it owns; nobody writes
/// to the weights after `init`, and `RopeRows` guards the rotary tables.
package final class RModel: @unchecked Sendable {
  /// Positions a sequence may hold.
  package let contextLength: Int
  /// Columns of a logits row.
  package let vocabularySize: Int
  /// Values read from the checkpoint; a tied head counts once.
  package let parameterCount: Int
  /// Bytes that the weights take in memory.
  package let weightBytes: Int
  /// Bytes of matrices in memory by type.
  package let matrixBytes: [ElementType: Int]
  /// nil: a model of text alone.
  let vision: VisionEncoder?
  let decoder: Qwen3
  private let storage: Mapping
  private let rope: RopeRows

  /// The longest context for which rotary tables are made.
  private static let longestContext = 1 << 20

  /// Reads every weight; `plan` says what a matrix becomes, by default what it is stored as. `progress` is called with the
  /// fraction read, from 0 to 1.
  package init(
    checkpoint: Checkpoint, plan: @escaping (TensorInfo) -> ElementType = \.type,
    progress: (Double) -> Void = { _ in }
  ) throws(ModelLoadError) {
    let configuration = checkpoint.configuration, text = configuration.text
    try lifting { () throws(InferenceError) in try Self.check(configuration) }
    var counter = WeightReader(counting: checkpoint, plan: plan)
    _ = try Self.read(&counter, checkpoint)
    let total = counter.byteCount
    let storage = try Self.map(total, "weights", hugePages: true)
    var reader = WeightReader(checkpoint, plan: plan, into: storage)
    let weights = try Self.read(&reader, checkpoint)
    do throws(ModelFileError) { try reader.fill(progress: progress) } catch { throw .file(error) }
    contextLength = configuration.maxPositions
    let positions = contextLength
    rope = try lifting { () throws(InferenceError) in try RopeRows(positions: positions, text) }
    vision = weights.vision
    decoder = Qwen3(configuration: Qwen3Configuration(text), weights: weights.decoder, rope: rope.tables)
    (parameterCount, weightBytes, vocabularySize) = (reader.parameterCount, total, text.vocabularySize)
    matrixBytes = reader.matrixBytes
    self.storage = storage
  }

  /// Bytes that the weights of `checkpoint` would take in memory by `plan`.
  package static func weightBytes(
    of checkpoint: Checkpoint, plan: @escaping (TensorInfo) -> ElementType
  ) throws(ModelLoadError) -> Int {
    var counter = WeightReader(counting: checkpoint, plan: plan)
    _ = try read(&counter, checkpoint)
    return counter.byteCount
  }

  /// Positions that rotary tables are filled for: as many as the longest sequence so far may hold.
  package var rotaryPositions: Int { rope.count }

  /// Fills the rotary tables for a sequence of `capacity` positions.
  func reach(_ capacity: Int) { rope.fill(upTo: capacity) }

  /// Whether a matrix is quantised, so that products round their inputs.
  var isQuantized: Bool { matrixBytes.keys.contains(where: \.isQuantized) }

  /// Columns of the widest matrix.
  var widestInput: Int {
    let text = decoder.configuration
    var widths = [text.hidden, text.queryWidth, text.intermediate]
    if let tower = vision?.tower.configuration, let projector = vision?.projector {
      widths += [tower.hidden, tower.intermediate, tower.patchWidth, Int(projector.linear2.columns)]
    }
    return widths.reduce(0, max)
  }

  /// Refuses shapes that the kernels do not run; the checkpoint has already bounded each number and held it against tensors.
  private static func check(_ configuration: RConfiguration) throws(InferenceError) {
    let (text, longestHead) = (configuration.text, Int(CK_MAX_HEAD_DIM))
    guard text.headDimension % 2 == 0, text.headDimension <= longestHead else {
      throw .unsupported("head_dim \(text.headDimension), even and at most \(longestHead) is run")
    }
    guard text.headCount % text.kvHeadCount == 0 else {
      throw .unsupported("\(text.headCount) query heads share \(text.kvHeadCount) KV heads unevenly")
    }
    guard configuration.maxPositions <= longestContext else {
      throw .unsupported("\(configuration.maxPositions) positions, at most \(longestContext)")
    }
    guard let vision = configuration.vision else { return }
    guard vision.hiddenSize % vision.headCount == 0, vision.headDimension <= longestHead else {
      throw .unsupported(
        "\(vision.headCount) vision heads of \(vision.hiddenSize) values, at most \(longestHead) a head")
    }
    guard vision.channelCount == 3, vision.patchCount > 0 else {
      throw .unsupported("\(vision.channelCount) channels and \(vision.patchCount) patches, 3 and some are run")
    }
  }

  private static func map(_ bytes: Int, _ purpose: String, hugePages: Bool) throws(ModelLoadError) -> Mapping {
    try lifting { () throws(InferenceError) in
      try Mapping(byteCount: bytes, hugePages: hugePages, purpose: purpose)
    }
  }

  private static func read(_ reader: inout WeightReader, _ checkpoint: Checkpoint) throws(ModelLoadError)
    -> (vision: VisionEncoder?, decoder: Qwen3Weights)
  {
    let configuration = checkpoint.configuration
    do throws(ModelFileError) {
      var encoder: VisionEncoder?
      if let vision = configuration.vision, let preprocessor = checkpoint.preprocessor {
        let tower = SigLIP2(
          configuration: SigLIP2Configuration(vision), weights: try SigLIP2Weights(&reader, vision),
          levels: SigLIP2.levels(preprocessor))
        let projector = try ProjectorWeights(&reader, configuration, width: vision.hiddenSize)
        encoder = VisionEncoder(tower: tower, projector: projector)
      }
      return (encoder, try Qwen3Weights(&reader, configuration.text))
    } catch { throw .file(error) }
  }
}

/// Calls `body` and passes its error on as a load error.
private func lifting<Value>(_ body: () throws(InferenceError) -> Value) throws(ModelLoadError) -> Value {
  do throws(InferenceError) { return try body() } catch { throw .inference(error) }
}
