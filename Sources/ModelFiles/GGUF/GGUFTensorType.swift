// GGML's numbers for the stored types of tensors.

/// The type of a stored tensor; files may have types that this module does not read.
package struct GGUFTensorType: Sendable, Equatable {
  /// GGML's number.
  package let code: UInt32

  package init(code: UInt32) { self.code = code }

  package init(_ type: ElementType) {
    code =
      switch type {
      case .f32: 0
      case .f16: 1
      case .q4_0: 2
      case .q4_1: 3
      case .q5_0: 6
      case .q5_1: 7
      case .q8_0: 8
      case .q4K: 12
      case .q5K: 13
      case .q6K: 14
      case .bf16: 30
      }
  }

  /// The type, if it is supported.
  package var element: ElementType? { ElementType.allCases.first { GGUFTensorType($0) == self } }

  /// GGML's name, or the number of an unknown type.
  package var name: String { element?.rawValue ?? Self.others[code] ?? "type \(code)" }

  /// The supported types, for errors.
  static let readable = "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q4_K, Q5_K or Q6_K"

  private static let others: [UInt32: String] = [
    4: "Q4_2", 5: "Q4_3", 9: "Q8_1", 10: "Q2_K", 11: "Q3_K", 15: "Q8_K", 16: "IQ2_XXS", 17: "IQ2_XS", 18: "IQ3_XXS",
    19: "IQ1_S", 20: "IQ4_NL", 21: "IQ3_S", 22: "IQ2_S", 23: "IQ4_XS", 24: "I8", 25: "I16", 26: "I32", 27: "I64",
    28: "F64", 29: "IQ1_M", 34: "TQ1_0", 35: "TQ2_0", 39: "MXFP4",
  ]
}
