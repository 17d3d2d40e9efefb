// The model in memory: vision encoder and decoder, read once from a checkpoint into one mapping of huge pages.
import CKernels
import ModelFiles

/// A model that cannot be loaded.
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

/// Immutable weights, shared by every runner. `@unchecked Sendable`: its pointers lead into mappings that it owns.
/// Nothing writes to the weights after `init`, and `RopeTableStorage` guards the rotary tables.
package final class RModel: @unchecked Sendable {
  /// The largest number of positions of a sequence.
  package let contextLength: Int
  /// The columns of a logits row.
  package let vocabularySize: Int
  /// The number of values read from the checkpoint; a tied output matrix counts once.
  package let parameterCount: Int
  /// Bytes of the weights in memory.
  package let weightBytes: Int
  /// Bytes of matrices in memory by type.
  package let matrixBytes: [ElementType: Int]
  /// nil if the model takes text only.
  let vision: VisionEncoder?
  let decoder: Qwen3
  private let storage: Mapping
  private let rope: RopeTableStorage

  /// The longest context that rotary tables are reserved for.
  private static let longestContext = 1 << 20

  /// Reads every weight. `plan` chooses the type of a matrix in memory, by default the stored type. `progress` is
  /// called with the fraction read, from 0 to 1.
  package init(
    checkpoint: Checkpoint, plan: @escaping (TensorInfo) -> ElementType = \.type,
    progress: (Double) -> Void = { _ in }
  ) throws(ModelLoadError) {
    let configuration = checkpoint.configuration, text = configuration.text
    try lifting { () throws(InferenceError) in try Self.check(configuration) }
    let bytes = try Self.weightBytes(of: checkpoint, plan: plan)
    storage = try lifting { () throws(InferenceError) in
      try Mapping(byteCount: bytes, hugePages: true, purpose: "the weights")
    }
    var reader = WeightReader(checkpoint, plan: plan, into: storage)
    let weights = try Self.read(&reader, checkpoint)
    do throws(ModelFileError) { try reader.fill(progress: progress) } catch { throw .file(error) }
    rope = try lifting { () throws(InferenceError) in
      try RopeTableStorage(positions: configuration.maxPositions, text)
    }
    vision = weights.vision
    decoder = Qwen3(configuration: Qwen3Configuration(text), weights: weights.decoder, rope: rope.tables)
    contextLength = configuration.maxPositions
    vocabularySize = text.vocabularySize
    parameterCount = reader.parameterCount
    weightBytes = bytes
    matrixBytes = reader.matrixBytes
  }

  /// Returns the bytes that the weights of `checkpoint` need in memory with `plan`.
  package static func weightBytes(
    of checkpoint: Checkpoint, plan: @escaping (TensorInfo) -> ElementType
  ) throws(ModelLoadError) -> Int {
    var counter = WeightReader(checkpoint, plan: plan)
    _ = try read(&counter, checkpoint)
    return counter.byteCount
  }

  /// The positions that rotary tables are filled for: the capacity of the longest sequence so far.
  package var rotaryPositions: Int { rope.count }

  /// Fills the rotary tables for a sequence of `capacity` positions.
  func fillRotaryTables(upTo capacity: Int) { rope.fill(upTo: capacity) }

  /// Whether a matrix is quantised, so that products round their inputs.
  var isQuantized: Bool { matrixBytes.keys.contains(where: \.isQuantized) }

  /// The columns of the widest matrix.
  var widestInput: Int {
    let text = decoder.configuration
    let widths = [text.hidden, text.queryWidth, text.intermediate] + (vision?.inputWidths ?? [])
    return widths.reduce(0, max)
  }

  /// Throws for shapes that the kernels cannot run. The checkpoint has already bounded each number and compared it with
  /// the tensors.
  private static func check(_ configuration: RConfiguration) throws(InferenceError) {
    let text = configuration.text, longestHead = Int(CK_MAX_HEAD_DIM)
    guard text.headDimension % 2 == 0, text.headDimension <= longestHead else {
      throw .unsupported("head_dim must be even and at most \(longestHead), the model's is \(text.headDimension)")
    }
    guard text.headCount % text.kvHeadCount == 0 else {
      throw .unsupported(
        "num_attention_heads must be a multiple of num_key_value_heads, the model has \(text.headCount) and"
          + " \(text.kvHeadCount)")
    }
    guard configuration.maxPositions <= longestContext else {
      throw .unsupported(
        "max_position_embeddings must be at most \(longestContext), the model's is \(configuration.maxPositions)")
    }
    guard let vision = configuration.vision else { return }
    guard vision.hiddenSize % vision.headCount == 0, vision.headDimension <= longestHead else {
      throw .unsupported(
        "the vision tower's hidden size must be a multiple of its heads, at most \(longestHead) values each, the model"
          + " has \(vision.hiddenSize) values and \(vision.headCount) heads")
    }
    guard vision.channelCount == 3, vision.patchCount > 0 else {
      throw .unsupported(
        "the vision tower needs 3 channels and at least one patch, the model has \(vision.channelCount) channels and"
          + " \(vision.patchCount) patches")
    }
  }

  private static func read(_ reader: inout WeightReader, _ checkpoint: Checkpoint) throws(ModelLoadError)
    -> (vision: VisionEncoder?, decoder: Qwen3Weights)
  {
    do throws(ModelFileError) {
      return (try VisionEncoder(&reader, checkpoint), try Qwen3Weights(&reader, checkpoint.configuration.text))
    } catch { throw .file(error) }
  }
}

/// Calls `body` and rethrows its error as a load error.
private func lifting<Value>(_ body: () throws(InferenceError) -> Value) throws(ModelLoadError) -> Value {
  do throws(InferenceError) { return try body() } catch { throw .inference(error) }
}
