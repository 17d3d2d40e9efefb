// What a report is about.
import GenerationTypes

/// A question to the ledger.
package struct UsageQuery: Sendable, Equatable {
  /// Length of the report's buckets, aligned to UTC.
  package enum Bucket: String, Sendable, CaseIterable {
    case none, minute, hour, day

    /// Length in seconds; nil for one bucket of any length.
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

  /// Unix seconds: requests that ended at `from` or later and before `to`.
  package var from, to: Double
  /// Length of buckets.
  package var bucket: Bucket
  /// Properties that split the report.
  package var groupBy: Set<Grouping>
  /// Only requests of this key's name; the empty text means without a key.
  package var key: String?
  /// Only requests with this outcome.
  package var mode: ThinkingOutcome?
  /// Only requests that asked for this mode.
  package var requestedMode: ThinkingMode?

  /// A question about `from` ..< `to`.
  package init(
    from: Double, to: Double, bucket: Bucket = .none, groupBy: Set<Grouping> = [], key: String? = nil,
    mode: ThinkingOutcome? = nil, requestedMode: ThinkingMode? = nil
  ) {
    (self.from, self.to, self.bucket, self.groupBy) = (from, to, bucket, groupBy)
    (self.key, self.mode, self.requestedMode) = (key, mode, requestedMode)
  }
}
