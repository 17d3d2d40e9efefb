// What a checkpoint's tensors become in memory: what they are stored as, what `r4b quantize` would write, and 8 bits for the tower of a
// model whose decoder has blocks.

import Text

/// What the matrices of tower and projector are in memory, where they are stored in 16 or 32 bits.
package enum VisionType: String, Sendable, CaseIterable {
  /// 8 bits where the decoder's matrices have blocks: products in whole numbers are the faster, and what 8 bits lose is far less than
  /// what the decoder has lost.
  case auto
  /// As in the file.
  case stored
  case q8_0
}

extension Checkpoint {
  /// The type of each tensor in memory, with the decoder rounded to `fileType` if there is one. What has blocks already stays as it is.
  /// Rows of the tower that are no whole blocks are filled up with zeros; rows of the decoder then stay as they are stored.
  package func types(quantizedTo fileType: FileType? = nil, vision: VisionType = .auto) -> (TensorInfo) -> ElementType {
    let planned = fileType.map { configuration.textPlan($0) } ?? []
    var types = Dictionary(
      planned.filter(\.written.type.isQuantized).map { ($0.source.exact, $0.written.type) }, uniquingKeysWith: { $1 })
    if vision == .q8_0 || vision == .auto && (!types.isEmpty || isQuantized) {
      // What stays F32 in a file, the patch embedding and the positions among them, stays as it is here.
      for tensor in configuration.visionPlan(.q8_0) where tensor.written.type != .f32 { types[tensor.source] = .q8_0 }
    }
    return { [types] tensor in tensor.type.isQuantized ? tensor.type : types[tensor.name] ?? tensor.type }
  }

  /// Whether a matrix of the decoder is stored in blocks.
  private var isQuantized: Bool {
    configuration.textPlan(.f16).contains { tensor($0.source)?.type.isQuantized == true }
  }
}
