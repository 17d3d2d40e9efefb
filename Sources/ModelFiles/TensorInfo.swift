// What is known of a tensor without reading its values.

/// How one element of a tensor is stored, little-endian; the raw value is the safetensors `dtype`.
package enum ElementType: String, Sendable, CaseIterable {
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"

  /// Bytes of one element.
  package var byteCount: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    }
  }
}

/// One tensor of a checkpoint: its name, type, shape and place. Its range has been checked against its file's length.
package struct TensorInfo: Sendable, Equatable {
  /// The canonical name, in the spelling of transformers 4.52 and later: `lm_head.weight`, or with a leading `model.`.
  package let name: String
  /// The name as the file spells it.
  package let storedName: String
  /// Path of the file that holds the values.
  package let file: String
  package let type: ElementType
  /// Outermost dimension first: a linear layer's weight is `[outputs, inputs]`.
  package let shape: [Int]
  /// Bytes of all values; the product of the shape and the element's size.
  package let byteCount: Int
  /// Where the values begin, in bytes from the start of the file.
  let offset: Int
  /// Position of the file among its checkpoint's files.
  let fileIndex: Int

  package var elementCount: Int { byteCount / type.byteCount }
  /// Extent of the outermost dimension; 1 for a scalar.
  package var rowCount: Int { shape.first ?? 1 }
  /// Bytes of one step along the outermost dimension; 0 for an empty tensor.
  package var rowByteCount: Int { rowCount == 0 ? 0 : byteCount / rowCount }
}
