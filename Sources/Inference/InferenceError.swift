// The error type of this module.

import GenerationTypes

/// A model that cannot be loaded or a step that cannot be taken. No message contains a user's bytes.
package enum InferenceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Address space or memory could not be allocated.
  case outOfMemory(bytes: Int, purpose: String)
  /// The kernels cannot run a model of this shape.
  case unsupported(String)
  /// The worker pool could not be created.
  case workers(String)
  /// A step that appends more positions than `maxBatch`.
  case batchTooLarge(count: Int, limit: Int)
  /// A sequence that is too short for its positions.
  case sequenceFull(needed: Int, capacity: Int)
  /// A batch that no step can take.
  case invalidBatch(String)
  /// A token id outside the vocabulary.
  case unknownToken(TokenID, vocabularySize: Int)
  /// An image that does not fit the model.
  case invalidImage(String)

  package var description: String {
    switch self {
    case .outOfMemory(let bytes, let purpose): "out of memory: cannot allocate \(bytes) bytes for \(purpose)"
    case .unsupported(let what): "unsupported model: \(what)"
    case .workers(let what): "cannot start the worker threads: \(what)"
    case .batchTooLarge(let count, let limit): "a step may append at most \(limit) positions, got \(count)"
    case .sequenceFull(let needed, let capacity):
      "the sequence needs \(needed) positions, its capacity is \(capacity)"
    case .invalidBatch(let what): "invalid batch: \(what)"
    case .unknownToken(let id, let size): "token ids must be between 0 and \(size - 1), got \(id)"
    case .invalidImage(let what): "invalid image: \(what)"
    }
  }
}
