// How the tokens of a reply are sampled.

/// How tokens are sampled. The values of `init()` mean greedy decoding without penalties.
package struct SamplingParameters: Sendable {
  /// 0 selects the most probable token.
  package var temperature: Float = 0
  package var topP: Float = 1
  /// 0 keeps all.
  package var topK = 0
  package var minP: Float = 0
  package var presencePenalty: Float = 0
  package var frequencyPenalty: Float = 0
  package var repetitionPenalty: Float = 1
  package var logitBias: [TokenID: Float] = [:]
  package var seed: UInt64?
  /// The number of alternatives to report for each token; nil reports no log-probabilities.
  package var topLogprobs: Int?
  package init() {}
}
