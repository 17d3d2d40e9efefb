// The description of a tensor: everything but its values.

import Text

/// How the elements of a tensor are stored, little-endian; the raw value is the safetensors `dtype` or the name of
/// GGUF's type.
package enum ElementType: String, Sendable, CaseIterable {
  case f32 = "F32"
  case f16 = "F16"
  case bf16 = "BF16"
  case q8_0 = "Q8_0"
  case q4_0 = "Q4_0"
  case q4_1 = "Q4_1"
  case q5_0 = "Q5_0"
  case q5_1 = "Q5_1"
  case q4K = "Q4_K"
  case q5K = "Q5_K"
  case q6K = "Q6_K"

  /// Elements of one block, which share scales; 1 for plain numbers.
  package var blockElements: Int {
    switch self {
    case .f32, .f16, .bf16: 1
    case .q8_0, .q4_0, .q4_1, .q5_0, .q5_1: 32
    case .q4K, .q5K, .q6K: 256
    }
  }

  /// Bytes of one block.
  package var blockByteCount: Int {
    switch self {
    case .f32: 4
    case .f16, .bf16: 2
    case .q8_0: 34
    case .q4_0: 18
    case .q4_1: 20
    case .q5_0: 22
    case .q5_1: 24
    case .q4K: 144
    case .q5K: 176
    case .q6K: 210
    }
  }

  /// The type of a safetensors `dtype`; nil for an unsupported one.
  package init?(safetensors dtype: String) {
    guard let type = ElementType(rawValue: dtype), !type.isQuantized else { return nil }
    self = type
  }

  /// Whether elements share scales.
  package var isQuantized: Bool { blockElements > 1 }

  /// Bytes of `count` elements, whole blocks.
  package func byteCount(of count: Int) -> Int { count / blockElements * blockByteCount }
}

/// One tensor of a checkpoint: its name, type, shape and location. Its range was checked against its file's length.
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
  /// Bytes of all values. Blocks run along the innermost dimension, which is a whole number of blocks.
  package let byteCount: Int
  /// Where the values begin, in bytes from the start of the file.
  let offset: Int
  /// Position of the file among its checkpoint's files.
  let fileIndex: Int

  package var elementCount: Int { byteCount / type.blockByteCount * type.blockElements }
  /// Extent of the outermost dimension; 1 for a scalar.
  package var rowCount: Int { shape.first ?? 1 }
  /// Bytes of one step along the outermost dimension; 0 for an empty tensor.
  package var rowByteCount: Int { rowCount == 0 ? 0 : byteCount / rowCount }
}
