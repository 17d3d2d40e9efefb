// The input of one step: what each sequence appends, and after which positions it needs logits.
import GenerationTypes

/// The features of one image in the decoder's space: `[rows, hidden]`, f32, in token order (base view, grid, newlines).
package final class ImageFeatures: Sendable {
  package let rows: Int
  package let values: [Float]

  package init(rows: Int, values: [Float]) {
    self.rows = rows
    self.values = values
  }
}

/// A run of positions to append to a sequence.
package enum BatchInput: Sendable {
  case tokens(ArraySlice<TokenID>)
  /// Rows of an image's features, one per position.
  case features(ImageFeatures, Range<Int>)

  /// The number of positions.
  package var count: Int {
    switch self {
    case .tokens(let tokens): tokens.count
    case .features(_, let rows): rows.count
    }
  }
}

/// The work of one step. `Sequence` is the runner's own type.
package struct Batch<Sequence> {
  package struct Entry {
    package var sequence: Sequence
    /// The positions to append at the end of the sequence, in order.
    package var inputs: [BatchInput]
    /// The number of appended positions, counted from the last one backwards, whose logits are computed. 0 for a part
    /// of a prompt, 1 to sample the next token, n + 1 to verify a draft of n tokens.
    package var logitRows: Int

    package init(sequence: Sequence, inputs: [BatchInput], logitRows: Int) {
      self.sequence = sequence
      self.inputs = inputs
      self.logitRows = logitRows
    }

    /// The number of positions to append.
    package var count: Int { inputs.reduce(0) { $0 + $1.count } }
  }

  package var entries: [Entry]

  package init(entries: [Entry] = []) { self.entries = entries }

  /// The number of positions that all entries append.
  package var count: Int { entries.reduce(0) { $0 + $1.count } }
}
