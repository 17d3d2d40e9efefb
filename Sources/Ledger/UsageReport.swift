// Usage reports. Tokens and times are sums, means and quantiles over requests. A request with several replies counts
// once, with the tokens of all its replies.

/// The usage of a range of time.
package struct UsageReport: Sendable, Equatable {
  /// The requested range, Unix seconds. Requests that retention removed are not counted.
  package var from, to: Double
  /// The whole range.
  package var total: UsageSummary
  /// The whole range by group, ordered by label; one entry without labels if nothing splits the report.
  package var groups: [UsageGroup]
  /// Every bucket of the range in order, including empty ones.
  package var buckets: [UsageBucket]
}

/// The usage of one bucket.
package struct UsageBucket: Sendable, Equatable {
  /// The Unix seconds of the bucket, cut at the ends of the range.
  package var from, to: Double
  /// All groups together.
  package var total: UsageSummary
  /// The groups with requests or shadows in the bucket, ordered by label.
  package var groups: [UsageGroup]
}

/// The usage of one group.
package struct UsageGroup: Sendable, Equatable {
  /// The properties of the group.
  package var label: UsageLabel
  /// Its usage.
  package var summary: UsageSummary
}

/// The properties that the requests of a group share.
package struct UsageLabel: Sendable, Hashable {
  /// The requested mode, the mode that happened, and the name of the key (empty without one); nil if it does not split
  /// the report.
  package var requestedMode, mode, key: String?

  /// A label; nil leaves a property out.
  package init(requestedMode: String? = nil, mode: String? = nil, key: String? = nil) {
    (self.requestedMode, self.mode, self.key) = (requestedMode, mode, key)
  }

  /// The properties in the order by which reports are sorted.
  var order: [String] { [requestedMode, mode, key].map { $0 ?? "" } }
}

/// The numbers of a set of requests.
package struct UsageSummary: Sendable, Equatable {
  /// The number of requests and of their replies.
  package var requests = 0, replies = 0
  /// Every measure, including those that no request had.
  package var measures: [Measure: MeasureSummary] = [:]
  /// Requests by finish reason.
  package var finishes: [String: Int] = [:]
  /// Requests by the end of their thought.
  package var thoughtEnds: [String: Int] = [:]
  /// Requests by P(think) in 20 equal bins, 1 in the last.
  package var probabilityBins: [Int] = []
  /// Mean P(think) of the requests that had one.
  package var probabilityMean: Double?
  /// Requests whose mode the model decided, and those among them that thought.
  package var decided = 0, decidedThinking = 0
  /// Requests that shadows were drawn from and that thought.
  package var sampledThinking = AutoSums()
  /// Requests that shadows were drawn from and that did not think.
  package var sampledNonThinking = AutoSums()
  /// Shadows of requests that thought.
  package var shadowsOfThinking = ShadowSums()
  /// Shadows of requests that did not think.
  package var shadowsOfNonThinking = ShadowSums()
}

/// One measure over the requests that had it, in tokens or seconds.
package struct MeasureSummary: Sendable, Equatable {
  /// The number of requests that had the measure.
  package var count: Int
  /// Their exact sum.
  package var sum: Double
  /// sum / count; nil without requests.
  package var mean: Double?
  /// Quantiles to 0.8 %, exact below 128 tokens or microseconds; nil without requests.
  package var p50, p95, p99: Double?
}

/// The usage of requests that shadows were drawn from; savings are extrapolated to them.
package struct AutoSums: Sendable, Equatable {
  /// Requests.
  package var requests = 0
  /// Their completion tokens.
  package var completionTokens = 0
  /// Their decoding time in seconds.
  package var decodeSeconds: Double { Double(decodeMicroseconds) / 1e6 }
  /// Their decoding time in whole microseconds, so that sums are exact.
  package var decodeMicroseconds = 0

  /// The sums of `requests` requests.
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
