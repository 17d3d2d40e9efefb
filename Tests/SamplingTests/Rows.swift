// What the sampling tests share: a call on an array, neutral control tokens and rows of noise.
import Basics
import GenerationTypes
import Inference

func control(
  _ vocabularySize: Int, forbidden: Set<TokenID> = [], closing: Set<TokenID> = []
) -> ControlTokens {
  ControlTokens(stop: [], forbidden: forbidden, closing: closing, vocabularySize: vocabularySize)
}

func parameters(_ change: (inout SamplingParameters) -> Void) -> SamplingParameters {
  var parameters = SamplingParameters()
  change(&parameters)
  return parameters
}

extension Sampler {
  /// Samples from a copy of `row`.
  mutating func sample(_ row: [Float], decides: Bool = false) throws -> GeneratedToken {
    var copy = row
    return try copy.withUnsafeMutableBufferPointer { try sample($0, decides: decides) }
  }

  func distribution(_ row: [Float]) throws -> [(id: TokenID, probability: Double)] {
    var copy = row
    return try copy.withUnsafeMutableBufferPointer { try distribution($0) }
  }
}

/// Logits with a spread like that of a model: a scaled sum of uniform numbers.
func noise(_ count: Int, seed: UInt64, scale: Float = 6) -> [Float] {
  var generator = SplitMix64(seed: seed)
  return (0..<count).map { _ in Float(generator.unit() + generator.unit() + generator.unit() - 1.5) * scale }
}
