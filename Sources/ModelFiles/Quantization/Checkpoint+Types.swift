// The types of a checkpoint's tensors in memory: the stored type, the type that `r4b quantize` would write, or 8 bits
// for the vision tower of a model with a quantised decoder.

import Text

/// The type in memory of tower and projector matrices that are stored in 16 or 32 bits.
package enum VisionType: String, Sendable, CaseIterable {
  /// 8 bits if the decoder is quantised: integer products are faster, and 8 bits lose far less than the decoder has
  /// lost.
  case auto
  /// The stored type.
  case stored
  case q8_0
}

extension Checkpoint {
  /// Returns the type of each tensor in memory, with the decoder quantised to `fileType` if given. Tensors that are
  /// already quantised are copied unchanged. Tower rows that are not a whole number of blocks are padded with zeros;
  /// such decoder rows keep the stored type.
  package func types(quantizedTo fileType: FileType? = nil, vision: VisionType = .auto) -> (TensorInfo) -> ElementType {
    let planned = fileType.map { configuration.textPlan($0) } ?? []
    var types = Dictionary(
      planned.filter(\.written.type.isQuantized).map { ($0.source.exact, $0.written.type) }, uniquingKeysWith: { $1 })
    if vision == .q8_0 || vision == .auto && (!types.isEmpty || isQuantized) {
      // Tensors that files keep in F32, such as patch and position embedding, keep their type here.
      for tensor in configuration.visionPlan(.q8_0) where tensor.written.type != .f32 { types[tensor.source] = .q8_0 }
    }
    return { [types] tensor in tensor.type.isQuantized ? tensor.type : types[tensor.name] ?? tensor.type }
  }

  /// Whether a matrix of the decoder is quantised.
  private var isQuantized: Bool {
    configuration.textPlan(.f16).contains { tensor($0.source)?.type.isQuantized == true }
  }
}
