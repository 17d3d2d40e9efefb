// The border between Scheduling and Inference, crossed once per step.
//
// A model's weights are immutable and shared. A runner owns the scratch memory and the worker pool; it belongs to one thread,
// the engine's. A sequence is one timeline: its KV cache and how many positions it holds.
import GenerationTypes

/// The features of one image in decoder space: `[rows, hidden]`, f32, packed in token order (base view, grid, newlines).
package final class ImageFeatures: Sendable {
  package let rows: Int
  package let values: [Float]
  package init(rows: Int, values: [Float]) { (self.rows, self.values) = (rows, values) }
}

/// A run of places to append to a sequence.
package enum BatchInput: Sendable {
  case tokens(ArraySlice<TokenID>)
  /// Rows of an image's features, one per place.
  case features(ImageFeatures, Range<Int>)

  package var count: Int {
    switch self {
    case .tokens(let tokens): tokens.count
    case .features(_, let rows): rows.count
    }
  }
}

/// What one step computes. `Sequence` is the runner's own type.
package struct Batch<Sequence> {
  package struct Entry {
    package var sequence: Sequence
    /// Appended in order at the sequence's end.
    package var inputs: [BatchInput]
    /// Whether the logits after the last place are wanted.
    package var wantsLogits: Bool
    package init(sequence: Sequence, inputs: [BatchInput], wantsLogits: Bool) {
      (self.sequence, self.inputs, self.wantsLogits) = (sequence, inputs, wantsLogits)
    }
    package var count: Int { inputs.reduce(0) { $0 + $1.count } }
  }
  package var entries: [Entry]
  package init(entries: [Entry] = []) { self.entries = entries }
  package var count: Int { entries.reduce(0) { $0 + $1.count } }
}

/// A loaded model that can be stepped. Not thread-safe: one thread owns a runner and its sequences.
package protocol ModelRunner: AnyObject {
  associatedtype Sequence: AnyObject
  /// An image that is being encoded.
  associatedtype Image: AnyObject
  /// Columns of a logits row: the rows of the head, at least the tokenizer's size.
  var vocabularySize: Int { get }
  /// Positions a sequence may hold.
  var contextLength: Int { get }
  /// Places that one step may append over all entries.
  var maxBatch: Int { get }
  /// Bytes that one position of one sequence takes in the KV cache.
  var bytesPerPosition: Int { get }
  /// Opens an empty timeline with room for `capacity` positions. Throws when memory cannot be had.
  func makeSequence(capacity: Int) throws -> Sequence
  /// Opens a timeline that begins with the first `count` positions of another. Whole multiples of `sharedPositions` are shared and
  /// take no memory again; the rest is copied. Both may go on independently.
  func fork(_ sequence: Sequence, at count: Int, capacity: Int) throws -> Sequence
  var sharedPositions: Int { get }
  /// Gives back the room beyond the last position of a timeline that will hold no more.
  func trim(_ sequence: Sequence)
  /// Positions' worth of memory that these timelines hold together; what is shared counts once.
  func heldPositions(of sequences: [Sequence]) -> Int
  /// Begins an image: checks it and computes nothing.
  func begin(_ image: PreparedImage) throws -> Image
  /// Takes an image further through vision tower and projector, by `blocks` of the tower at most and to the end of a view at most;
  /// gives its features when that was the last. One image at a time: what another has begun of a view is lost and done again.
  func advance(_ image: Image, blocks: Int) throws -> ImageFeatures?
  /// Blocks that all views of an image go through, and those done.
  func progress(of image: Image) -> (done: Int, total: Int)
  /// Appends every entry's inputs to its sequence. Calls `logits` once per entry that wants them, in order, with the entry's
  /// index and `vocabularySize` values that it may overwrite; they are gone when it returns.
  func step(_ batch: Batch<Sequence>, logits: (Int, UnsafeMutableBufferPointer<Float>) -> Void) throws
}

extension ModelRunner {
  /// The features of one image, at one go.
  package func encode(_ image: PreparedImage) throws -> ImageFeatures {
    let image = try begin(image)
    while true {
      if let features = try advance(image, blocks: .max) { return features }
    }
  }
}
