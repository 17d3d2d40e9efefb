// The type of each tensor in a text or vision file. The choices are llama.cpp's, so that its quantiser and ours write
// the same types.

import Text

/// One tensor of a file to be written, and the source of its values.
package struct PlannedTensor: Sendable, Equatable {
  /// The canonical name in the checkpoint.
  package let source: String
  package let written: GGUFTensorPlan
}

/// Chooses types by a tensor's name in the file, its shape and its layer.
package struct TypePlan: Sendable {
  let fileType: FileType
  /// The head's type, if it differs from the mixture's.
  var head: ElementType?
  let layerCount: Int
  /// Whether the embedding is also the head, and so has the head's type.
  let tied: Bool

  package init(_ fileType: FileType, head: ElementType? = nil, layerCount: Int, tied: Bool) {
    (self.fileType, self.head, self.layerCount, self.tied) = (fileType, head, layerCount, tied)
  }

  /// Returns the type of the tensor `name` in a text file.
  package func textType(_ name: String, shape: [Int]) -> ElementType {
    guard shape.count > 1, name.hasSuffix(".weight"), !name.hasSuffix("_norm.weight") else { return .f32 }
    return Self.fallback(wanted(name), columns: shape[shape.count - 1])
  }

  private func wanted(_ name: String) -> ElementType {
    let base = fileType.element
    if name == (tied ? "token_embd.weight" : "output.weight") {
      // Errors of the head directly change the probabilities, so it has at least 6 bits.
      return head ?? (base.isQuantized && base != .q8_0 ? .q6K : base)
    }
    guard fileType == .q4KM || fileType == .q5KM, let layer = layerIndex(of: name, after: "blk.") else { return base }
    let isDelicate = name.hasSuffix(".attn_v.weight") || name.hasSuffix(".ffn_down.weight")
    return isDelicate && usesMoreBits(layer) ? .q6K : base
  }

  /// Whether a layer is in the first or last eighth, or every third between.
  private func usesMoreBits(_ layer: Int) -> Bool {
    let eighth = layerCount / 8
    return layer < eighth || layer >= 7 * layerCount / 8 || (layer - eighth) % 3 == 2
  }

  /// Returns the type of the tensor `name` in a vision file whose matrices have `type`.
  package static func visionType(_ name: String, shape: [Int], _ type: FileType) -> ElementType {
    guard shape.count > 1, name.hasSuffix(".weight"), !name.contains(exactly: "position_embd") else { return .f32 }
    // llama.cpp's convolution supports only these two.
    if name == "v.patch_embd.weight" { return type == .f16 ? .f16 : .f32 }
    return fallback(type.element, columns: shape[shape.count - 1])
  }

  /// Returns `type`, or the next type that fits rows of `columns` values: blocks of 32 instead of 256, then none.
  package static func fallback(_ type: ElementType, columns: Int) -> ElementType {
    guard columns % type.blockElements != 0 else { return type }
    let smaller: ElementType =
      switch type {
      case .q4K: .q5_0
      case .q5K: .q5_1
      case .q6K: .q8_0
      default: .f16
      }
    return columns % smaller.blockElements == 0 ? smaller : .f16
  }
}

extension RConfiguration {
  /// Returns the tensors of a text file, in the order of the data path.
  package func textPlan(_ fileType: FileType, head: ElementType? = nil) -> [PlannedTensor] {
    let plan = TypePlan(fileType, head: head, layerCount: text.layerCount, tied: text.tied)
    return requiredTensors.compactMap { tensor in
      GGUFTensorNames.text.stored(tensor.name).map { name in
        PlannedTensor(
          source: tensor.name,
          written: GGUFTensorPlan(name: name, type: plan.textType(name, shape: tensor.shape), shape: tensor.shape))
      }
    }
  }

  /// Returns the tensors of a vision file.
  package func visionPlan(_ type: FileType) -> [PlannedTensor] {
    requiredTensors.compactMap { tensor in
      GGUFTensorNames.vision.stored(tensor.name).map { name in
        PlannedTensor(
          source: tensor.name,
          written: GGUFTensorPlan(
            name: name, type: TypePlan.visionType(name, shape: tensor.shape, type), shape: tensor.shape))
      }
    }
  }
}
