// The figures that `r4b inspect` prints.

import Text

/// A checkpoint's tensors, counted by part of the model.
package struct CheckpointSummary: Sendable, Equatable {
  /// One part of the model, such as the decoder.
  package struct Group: Sendable, Equatable {
    package let name: String
    package internal(set) var tensorCount = 0
    package internal(set) var parameterCount = 0
    package internal(set) var byteCount = 0
    /// The number of tensors of each stored type.
    package internal(set) var types: [ElementType: Int] = [:]
  }

  /// In the order of the data path; empty groups are left out.
  package let groups: [Group]
  /// Canonical names of readable tensors that the model does not use, in alphabetical order.
  package let unused: [String]
  package var tensorCount: Int { groups.reduce(0) { $0 + $1.tensorCount } }
  package var parameterCount: Int { groups.reduce(0) { $0 + $1.parameterCount } }
  package var byteCount: Int { groups.reduce(0) { $0 + $1.byteCount } }

  private static let parts = [
    ("vision tower", "model.vision_tower."), ("projector", "model.multi_modal_projector."),
    ("image newline", "model.image_newline"), ("embedding", "model.language_model.embed_tokens."),
    ("decoder", "model.language_model."), ("head", "lm_head."), ("other", ""),
  ]

  package init(of checkpoint: Checkpoint) {
    var groups = Self.parts.map { Group(name: $0.0) }
    for tensor in checkpoint.tensors {
      guard let part = Self.parts.firstIndex(where: { tensor.name.hasPrefix($0.1) }) else { continue }
      groups[part].tensorCount += 1
      groups[part].parameterCount += tensor.elementCount
      groups[part].byteCount += tensor.byteCount
      groups[part].types[tensor.type, default: 0] += 1
    }
    self.groups = groups.filter { $0.tensorCount > 0 }
    let used = Set(checkpoint.configuration.requiredTensors.map(\.name.exact))
    unused = checkpoint.tensorNames.filter { !used.contains($0) }
  }
}
