// What a report is about.
import GenerationTypes

/// A query for a report.
package struct UsageQuery: Sendable, Equatable {
  /// The length of the buckets, aligned to UTC.
  package enum Bucket: String, Sendable, CaseIterable {
    case none, minute, hour, day

    /// The length in seconds; nil for one bucket of any length.
    package var seconds: Int? {
      switch self {
      case .none: nil
      case .minute: 60
      case .hour: 3_600
      case .day: 86_400
      }
    }
  }

  /// A property that splits a report.
  package enum Grouping: String, Sendable, CaseIterable {
    case mode
    case requestedMode = "requested_mode"
    case key
  }

  /// The range in Unix seconds: requests that ended at `from` or later and before `to`.
  package var from, to: Double
  /// The length of the buckets.
  package var bucket: Bucket
  /// The properties that split the report.
  package var groupBy: Set<Grouping>
  /// Only requests with the key of this name; the empty string selects requests without a key.
  package var key: String?
  /// Only requests with this outcome.
  package var mode: ThinkingOutcome?
  /// Only requests that asked for this mode.
  package var requestedMode: ThinkingMode?

  /// A query for `from` ..< `to`.
  package init(
    from: Double, to: Double, bucket: Bucket = .none, groupBy: Set<Grouping> = [], key: String? = nil,
    mode: ThinkingOutcome? = nil, requestedMode: ThinkingMode? = nil
  ) {
    (self.from, self.to, self.bucket, self.groupBy) = (from, to, bucket, groupBy)
    (self.key, self.mode, self.requestedMode) = (key, mode, requestedMode)
  }
}
