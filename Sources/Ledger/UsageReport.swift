// Answers of the ledger. Tokens and times are sums, means and quantiles over requests; a request of several replies counts
// once, with the tokens of all its replies.

/// Usage of a range of time.
package struct UsageReport: Sendable, Equatable {
  /// The range that was asked for, Unix seconds; what retention removed counts as nothing.
  package var from, to: Double
  /// The whole range.
  package var total: UsageSummary
  /// The whole range by group, ordered by label; one entry without labels when nothing groups.
  package var groups: [UsageGroup]
  /// Every bucket of the range in order, empty ones too.
  package var buckets: [UsageBucket]
}

/// Usage of one bucket.
package struct UsageBucket: Sendable, Equatable {
  /// Unix seconds of the bucket, cut at the range's ends.
  package var from, to: Double
  /// All groups together.
  package var total: UsageSummary
  /// The groups that had requests or shadows in it, ordered by label.
  package var groups: [UsageGroup]
}

/// Usage of one group.
package struct UsageGroup: Sendable, Equatable {
  /// The group's properties; nil where the report is not split by them.
  package var label: UsageLabel
  /// Its usage.
  package var summary: UsageSummary
}

/// What the requests of a group have in common.
package struct UsageLabel: Sendable, Hashable {
  /// What was asked for, what happened, and the key's name, which is empty without a key; nil where it does not split.
  package var requestedMode, mode, key: String?

  /// A label; nil leaves a property open.
  package init(requestedMode: String? = nil, mode: String? = nil, key: String? = nil) {
    (self.requestedMode, self.mode, self.key) = (requestedMode, mode, key)
  }

  /// Its properties in the order that reports sort by.
  var order: [String] { [requestedMode, mode, key].map { $0 ?? "" } }
}

/// Numbers of a set of requests.
package struct UsageSummary: Sendable, Equatable {
  /// Requests, and replies of all of them.
  package var requests = 0, replies = 0
  /// Every measure, also those that no request had.
  package var measures: [Measure: MeasureSummary] = [:]
  /// Requests by finish and by end of thought: every name that is counted.
  package var finishes: [String: Int] = [:]
  /// Requests by how their thought ended.
  package var thoughtEnds: [String: Int] = [:]
  /// Requests by P(think) in 20 equal bins, 1 in the last.
  package var probabilityBins: [Int] = []
  /// Mean P(think) of the requests that had one.
  package var probabilityMean: Double?
  /// Requests whose mode the model chose, and those of them that thought.
  package var decided = 0, decidedThinking = 0
  /// Requests that shadows were drawn from and that thought.
  package var sampledThinking = AutoSums()
  /// Requests that shadows were drawn from and that did not think.
  package var sampledNonThinking = AutoSums()
  /// Pairs whose original thought.
  package var shadowsOfThinking = ShadowSums()
  /// Pairs whose original did not think.
  package var shadowsOfNonThinking = ShadowSums()
}

/// One measure over the requests that had it; tokens or seconds.
package struct MeasureSummary: Sendable, Equatable {
  /// Requests that had the number.
  package var count: Int
  /// Their exact sum.
  package var sum: Double
  /// sum / count; nil without requests.
  package var mean: Double?
  /// Quantiles to 0.8 %, exact below 128 tokens or microseconds; nil without requests.
  package var p50, p95, p99: Double?
}

/// What requests that shadows were drawn from used, over which the pairs' differences are extrapolated.
package struct AutoSums: Sendable, Equatable {
  /// Requests.
  package var requests = 0
  /// Their completion tokens.
  package var completionTokens = 0
  /// Their seconds of decoding.
  package var decodeSeconds: Double { Double(decodeMicroseconds) / 1e6 }
  /// Their microseconds of decoding; whole, so that sums are exact.
  package var decodeMicroseconds = 0

  /// No requests, or sums that are known.
  init(requests: Int = 0, completionTokens: Int = 0, decodeMicroseconds: Int = 0) {
    (self.requests, self.completionTokens) = (requests, completionTokens)
    self.decodeMicroseconds = decodeMicroseconds
  }

  /// Adds the requests of `other`.
  mutating func merge(_ other: AutoSums) {
    requests = Bounded.sum(requests, other.requests)
    completionTokens = Bounded.sum(completionTokens, other.completionTokens)
    decodeMicroseconds = Bounded.sum(decodeMicroseconds, other.decodeMicroseconds)
  }
}
