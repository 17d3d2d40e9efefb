// One bucket of one group while a report is made.

/// What a report counts for a bucket and a group.
struct UsageCell: Sendable {
  /// Counts, sums and sketches.
  var tally = UsageTally()
  /// `auto` requests that thought, and that did not.
  var autoThinking = AutoSums(), autoNonThinking = AutoSums()
  /// Shadows of requests that thought, and that did not.
  var shadowsOfThinking = ShadowSums(), shadowsOfNonThinking = ShadowSums()

  /// Lets `add` count requests of one requested mode and mode, and keeps account of `auto` on the way.
  mutating func count(requestedMode: String, mode: String, _ add: (inout UsageTally) throws -> Void) rethrows {
    let completion = Measure.completion.index, decode = Measure.decode.index
    let before = (tally.requests, tally.measures[completion].sum, tally.measures[decode].sum)
    try add(&tally)
    if requestedMode != "auto" { return }
    var sums = AutoSums()
    sums.requests = tally.requests - before.0
    sums.completionTokens = tally.measures[completion].sum - before.1
    sums.decodeMicroseconds = tally.measures[decode].sum - before.2
    if mode == "thinking" { autoThinking.merge(sums) } else { autoNonThinking.merge(sums) }
  }

  /// Adds shadows of originals of one mode.
  mutating func add(_ shadows: ShadowSums, mode: String) {
    if mode == "thinking" { shadowsOfThinking.merge(shadows) } else { shadowsOfNonThinking.merge(shadows) }
  }

  /// Adds everything `other` has counted.
  mutating func merge(_ other: UsageCell) {
    tally.merge(other.tally)
    autoThinking.merge(other.autoThinking)
    autoNonThinking.merge(other.autoNonThinking)
    shadowsOfThinking.merge(other.shadowsOfThinking)
    shadowsOfNonThinking.merge(other.shadowsOfNonThinking)
  }

  /// The numbers of a report.
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
    (summary.autoThinking, summary.autoNonThinking) = (autoThinking, autoNonThinking)
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
