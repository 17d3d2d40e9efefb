// Defaults of requests.

/// Section `generation`.
package struct GenerationSettings: Sendable {
  package let thinkingMode = Setting<String>(
    "generation.thinking_mode", oneOf: ["auto", "long", "short"], default: "auto",
    "Thinking mode of requests that do not choose one.")
  package let maxTokens = Setting<Int?>(
    "generation.max_tokens", in: 1...1_000_000, default: nil,
    "Generated tokens of requests without a limit, at most what the context leaves; null is 8192, as in R-4B's evaluation."
  )
  package let thinkingBudget = Setting<Int?>(
    "generation.thinking_budget", in: 0...1_000_000, default: nil,
    "Thinking tokens of requests without a budget; null allows all tokens of the reply except the answer reserve.")
  package let answerReserve = Setting<Int>(
    "generation.answer_reserve", in: 0...1_000_000, default: 512,
    "Tokens of a reply, at most a quarter of its limit, that thinking leaves for the answer.")
  package let stopLoops = Setting<Bool>(
    "generation.stop_loops", default: true,
    "End thinking that repeats itself.")
  package let lowEffortBias = Setting<Double>(
    "generation.low_effort_bias", in: -100...100, default: 2,
    "Think bias of `reasoning_effort: low`, in logits against thinking.")
  package let minimalEffortBias = Setting<Double>(
    "generation.minimal_effort_bias", in: -100...100, default: 4,
    "Think bias of `reasoning_effort: minimal`, in logits against thinking.")
}
