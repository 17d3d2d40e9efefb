// One bucket and group of a report under construction.
import GenerationTypes

/// The usage of one bucket and group.
struct UsageCell: Sendable {
  /// Counts, sums and sketches.
  var tally = UsageTally()
  /// Requests whose mode the model decided and that thought.
  private var decidedThinking = 0
  /// Requests that shadows were drawn from: those that thought, and the others.
  private var sampledThinking = AutoSums(), sampledNonThinking = AutoSums()
  /// Shadows of requests that thought, and of the others.
  var shadowsOfThinking = ShadowSums(), shadowsOfNonThinking = ShadowSums()

  /// Lets `add` add requests of one mode, and counts those among them whose mode the model decided.
  mutating func count(mode: String, _ add: (inout UsageTally) throws -> Void) rethrows {
    let (decidedBefore, before) = (tally.decided, tally.sampled)
    try add(&tally)
    let more = tally.decided - decidedBefore
    let sums = AutoSums(
      requests: tally.sampled.requests - before.requests,
      completionTokens: tally.sampled.completionTokens - before.completionTokens,
      decodeMicroseconds: tally.sampled.decodeMicroseconds - before.decodeMicroseconds)
    if mode == ThinkingOutcome.thinking.rawValue {
      decidedThinking = Bounded.sum(decidedThinking, more)
      sampledThinking.merge(sums)
    } else {
      sampledNonThinking.merge(sums)
    }
  }

  /// Adds shadows of originals of one mode.
  mutating func add(_ shadows: ShadowSums, mode: String) {
    if mode == ThinkingOutcome.thinking.rawValue {
      shadowsOfThinking.merge(shadows)
    } else {
      shadowsOfNonThinking.merge(shadows)
    }
  }

  /// Adds the counts of `other`.
  mutating func merge(_ other: UsageCell) {
    tally.merge(other.tally)
    decidedThinking = Bounded.sum(decidedThinking, other.decidedThinking)
    sampledThinking.merge(other.sampledThinking)
    sampledNonThinking.merge(other.sampledNonThinking)
    shadowsOfThinking.merge(other.shadowsOfThinking)
    shadowsOfNonThinking.merge(other.shadowsOfNonThinking)
  }

  /// The summary for the report.
  var summary: UsageSummary {
    var summary = UsageSummary()
    (summary.requests, summary.replies) = (tally.requests, tally.replies)
    for measure in Measure.allCases {
      summary.measures[measure] = Self.summary(of: tally.measures[measure.index], scale: measure.scale)
    }
    summary.finishes = Dictionary(uniqueKeysWithValues: zip(UsageTally.finishNames, tally.finishes))
    summary.thoughtEnds = Dictionary(uniqueKeysWithValues: zip(UsageTally.thoughtEndNames, tally.thoughtEnds))
    summary.probabilityBins = tally.probabilityBins
    let asked = tally.probabilityBins.reduce(0, Bounded.sum)
    if asked > 0 { summary.probabilityMean = Double(tally.probabilitySum) / 1e9 / Double(asked) }
    (summary.decided, summary.decidedThinking) = (tally.decided, decidedThinking)
    (summary.sampledThinking, summary.sampledNonThinking) = (sampledThinking, sampledNonThinking)
    (summary.shadowsOfThinking, summary.shadowsOfNonThinking) = (shadowsOfThinking, shadowsOfNonThinking)
    return summary
  }

  private static func summary(of values: Distribution, scale: Double) -> MeasureSummary {
    let sum = Double(values.sum) / scale
    let quantiles = values.sketch.quantiles([0.5, 0.95, 0.99])?.map { Double($0) / scale }
    return MeasureSummary(
      count: values.count, sum: sum, mean: values.count > 0 ? sum / Double(values.count) : nil, p50: quantiles?[0],
      p95: quantiles?[1], p99: quantiles?[2])
  }
}
