// The file types of `r4b quantize`: mixtures of types in a text file, and the type of a vision file.

import Text

/// A mixture of element types, by the names of llama.cpp's quantiser.
package enum FileType: String, Sendable, CaseIterable {
  case q4KM = "q4_k_m"
  case q4_0
  case q5KM = "q5_k_m"
  case q6K = "q6_k"
  case q8_0
  case f16
  case bf16

  /// The type of matrices without an exception in the mixture.
  package var element: ElementType {
    switch self {
    case .q4KM: .q4K
    case .q4_0: .q4_0
    case .q5KM: .q5K
    case .q6K: .q6K
    case .q8_0: .q8_0
    case .f16: .f16
    case .bf16: .bf16
    }
  }

  /// `general.file_type`, llama.cpp's number of the mixture.
  private var code: UInt32 {
    switch self {
    case .f16: 1
    case .q4_0: 2
    case .q8_0: 7
    case .q4KM: 15
    case .q5KM: 17
    case .q6K: 18
    case .bf16: 32
    }
  }

  /// Adds the mixture to the metadata of a file.
  package func describe(_ metadata: inout GGUFMetadata) {
    metadata["general.file_type"] = .uint32(code)
    metadata["general.quantization_version"] = .uint32(2)
  }

  /// Whether a vision file can have this type: the tower's rows are not multiples of 256, so K-quants do not fit.
  package var suitsVision: Bool { self == .q8_0 || self == .f16 || self == .bf16 }
}
