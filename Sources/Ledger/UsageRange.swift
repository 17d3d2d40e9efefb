// How a range of time is read: whole spans of four weeks, days and hours from their roll-ups, the ends from rows.

/// A validated range and its buckets; all times are Unix microseconds.
struct UsageRange: Equatable {
  /// A part of the range that is read from one table.
  struct Segment: Equatable {
    /// The roll-ups; nil for rows.
    var span: LedgerSchema.Span?
    var from, to: Int
  }

  /// The longest range for buckets of a minute, in seconds.
  static let minuteLimit = 6 * 3_600

  let from, to: Int
  let bucket: UsageQuery.Bucket
  private let base: Int
  private let length: Int
  /// Whether the report needs to know keys.
  private let needsKeys: Bool
  /// The number of buckets in the range.
  let buckets: Int

  /// The range of `query`. Throws if it is invalid or too large.
  init(_ query: UsageQuery, maximumCells: Int) throws(LedgerError) {
    guard query.from.isFinite, query.to.isFinite, query.from <= query.to, abs(query.from) < 1e12, abs(query.to) < 1e12
    else { throw .invalidRange }
    (from, to, bucket) = (Bounded.moment(query.from), Bounded.moment(query.to), query.bucket)
    if bucket == .minute, to - from > Self.minuteLimit * 1_000_000 {
      throw .rangeTooLongForMinutes(limitSeconds: Self.minuteLimit)
    }
    needsKeys = query.key != nil || query.groupBy.contains(.key)
    length = (bucket.seconds ?? 0) * 1_000_000
    base = length > 0 ? from / length * length : from
    buckets = length > 0 ? (to - base + length - 1) / length : 1
    if buckets > maximumCells { throw .tooManyCells(limit: maximumCells) }
  }

  /// The bucket of a moment within the range.
  func bucket(of moment: Int) -> Int { length > 0 ? (moment - base) / length : 0 }

  /// The Unix seconds of a bucket, cut at the ends of the range.
  func bounds(of index: Int) -> (from: Double, to: Double) {
    let start = length > 0 ? max(from, base + index * length) : from
    let end = length > 0 ? min(to, base + (index + 1) * length) : to
    return (Double(start) / 1e6, Double(end) / 1e6)
  }

  /// The parts to read, in order of time; none begins before `horizon`.
  func segments(horizon: Int) -> [Segment] {
    let day: LedgerSchema.Span = needsKeys ? .day : .dayOfAllKeys
    let spans: [LedgerSchema.Span] =
      switch bucket {
      case .minute: []
      case .hour: [.hour]
      case .day: [day, .hour]
      case .none: [.fourWeeks, day, .hour]
      }
    return Self.split(max(from, horizon), to, spans[...])
  }

  private static func split(_ from: Int, _ to: Int, _ spans: ArraySlice<LedgerSchema.Span>) -> [Segment] {
    if from >= to { return [] }
    guard let span = spans.first else { return [Segment(span: nil, from: from, to: to)] }
    let length = span.seconds * 1_000_000
    let first = (from + length - 1) / length * length, last = to / length * length
    let smaller = spans.dropFirst()
    if first >= last { return split(from, to, smaller) }
    return split(from, first, smaller) + [Segment(span: span, from: first, to: last)] + split(last, to, smaller)
  }
}
