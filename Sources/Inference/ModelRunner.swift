// The interface between Scheduling and Inference, crossed once per step.
//
// A model's weights are immutable and shared. A runner owns the scratch memory and the worker pool and belongs to one
// thread, the engine's. A sequence is the tokens of one prompt and its reply with their KV.
import GenerationTypes

/// Runs a loaded model step by step. Not thread-safe: one thread owns a runner and its sequences.
package protocol ModelRunner: AnyObject {
  associatedtype Sequence: AnyObject
  /// An image whose encoding is in progress.
  associatedtype ImageEncoding: AnyObject
  /// The columns of a logits row: the rows of the output matrix, at least the size of the tokenizer's vocabulary.
  var vocabularySize: Int { get }
  /// The largest number of positions of a sequence.
  var contextLength: Int { get }
  /// The largest number of positions that one step may append, over all entries.
  var maxBatch: Int { get }
  /// Bytes of KV cache per position of one sequence.
  var bytesPerPosition: Int { get }
  /// Positions in one segment of the KV cache, the unit that sequences share.
  var sharedPositions: Int { get }

  /// Creates an empty sequence with capacity for `capacity` positions. Throws when memory cannot be allocated.
  func makeSequence(capacity: Int) throws -> Sequence
  /// Creates a sequence that begins with the first `count` positions of another. The two share whole segments of
  /// `sharedPositions`, which take no memory again; the rest is copied. Both can be extended independently.
  func fork(_ sequence: Sequence, at count: Int, capacity: Int) throws -> Sequence
  /// Removes the positions from `count` on, such as rejected draft tokens. The sequence continues as if they had never
  /// been appended. Positions that a fork shares must not be removed.
  func truncate(_ sequence: Sequence, to count: Int)
  /// Frees the capacity beyond the last position of a sequence that will not be extended.
  func trim(_ sequence: Sequence)

  /// Validates an image and prepares its encoding without computing anything.
  func beginEncoding(_ image: PreparedImage) throws -> ImageEncoding
  /// Runs an image through at most `blocks` blocks of the vision tower, at most to the end of a view. Returns the
  /// image's features after the last view. Only one view is in progress at a time: starting another image's discards
  /// it, and it is computed again.
  func advance(_ encoding: ImageEncoding, blocks: Int) throws -> ImageFeatures?
  /// The number of blocks that all views of an image pass through, and the number done.
  func progress(of encoding: ImageEncoding) -> (done: Int, total: Int)

  /// Appends every entry's inputs to its sequence. Calls `logits` once for each requested row, entry by entry and in
  /// the order of positions, with the entry's index and `vocabularySize` values. The callee may overwrite them; they
  /// are valid only during the call. The values do not depend on what else is in the batch.
  func step(_ batch: Batch<Sequence>, logits: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws
}

extension ModelRunner {
  /// Encodes an image without interruption.
  package func encode(_ image: PreparedImage) throws -> ImageFeatures {
    let encoding = try beginEncoding(image)
    while true {
      if let features = try advance(encoding, blocks: .max) { return features }
    }
  }
}
