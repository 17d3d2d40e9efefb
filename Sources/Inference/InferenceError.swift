// The one error of this room.

import GenerationTypes

/// Why a model cannot be loaded or a step not be taken. No text holds a user's bytes.
package enum InferenceError: Error, Equatable, Sendable, CustomStringConvertible {
  /// Address space or memory could not be had.
  case outOfMemory(bytes: Int, purpose: String)
  /// The model's shape is one that the kernels do not run.
  case unsupported(String)
  /// Threads could not be started, or the instruction set is not this machine's.
  case workers(String)
  /// More places than one step takes.
  case batchTooLarge(count: Int, limit: Int)
  /// A sequence has no room for what would be appended.
  case sequenceFull(needed: Int, capacity: Int)
  /// A batch that no step can take.
  case invalidBatch(String)
  /// A token id outside the embedding.
  case unknownToken(TokenID, vocabularySize: Int)
  /// An image that does not fit the model.
  case invalidImage(String)

  package var description: String {
    switch self {
    case .outOfMemory(let bytes, let purpose): "no memory for \(purpose): \(bytes) bytes"
    case .unsupported(let what): "unsupported model: \(what)"
    case .workers(let what): "cannot start workers: \(what)"
    case .batchTooLarge(let count, let limit): "\(count) places in one step, limit \(limit)"
    case .sequenceFull(let needed, let capacity): "\(needed) positions needed, the sequence holds \(capacity)"
    case .invalidBatch(let what): "invalid batch: \(what)"
    case .unknownToken(let id, let size): "token id \(id), vocabulary of \(size)"
    case .invalidImage(let what): "invalid image: \(what)"
    }
  }
}
