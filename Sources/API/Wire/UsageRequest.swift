// The query of `GET /v1/usage`: which span, split how, of which requests.

import Text

/// A query for usage after validation.
package struct UsageRequest: Sendable {
  static let buckets = ["minute", "hour", "day"]
  static let groupings = ["mode", "requested_mode", "key"]
  static let modes = ["thinking", "non_thinking"]
  static let requestedModes = ["auto", "long", "short"]
  static let formats = ["json", "csv"]
  /// Parameters this server reads.
  package static let parameters = ["from", "to", "bucket", "group_by", "mode", "requested_mode", "key", "format"]

  /// Seconds since the epoch; `to` is not counted.
  let from, to: Double
  let bucket: String?
  let groupBy: [String]
  let mode, requestedMode, key: String?
  let isCSV: Bool
  /// Names that were accepted and have no effect.
  let ignored: IgnoredFields

  private static let day = 86_400.0

  /// Checks `query`; `now` in seconds since the epoch ends the span of those that name no end. Throws an `APIError`
  /// that names the parameter.
  package init(query: String, now: Double) throws(APIError) {
    let reader = try QueryReader(query)
    ignored = try reader.unknown(known: Self.parameters)
    to = try reader.time("to") ?? now
    from = try reader.time("from") ?? max(0, to - Self.day)
    guard from < to else { throw QueryReader.fail("from", "must be before to (\(to)), got \(from)") }
    bucket = try reader.word("bucket", of: Self.buckets)
    groupBy = try reader.words("group_by", of: Self.groupings) ?? ["mode"]
    mode = try reader.word("mode", of: Self.modes)
    requestedMode = try reader.word("requested_mode", of: Self.requestedModes)
    key = try reader.text("key")
    isCSV = try reader.word("format", of: Self.formats)?.exact == "csv"
  }
}
