// How the tokens of a reply are sampled.

/// How tokens are drawn. The neutral values of `init()` are greedy decoding without penalties.
package struct SamplingParameters: Sendable {
  /// 0 takes the most probable token.
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
  /// How many alternatives to report for each token; nil reports no log-probabilities at all.
  package var topLogprobs: Int?
  package init() {}
}
