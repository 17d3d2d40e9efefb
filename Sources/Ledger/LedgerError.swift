// Errors of reading. Writing has none: a row that cannot be written waits; see `LedgerStatus`.

/// Why the ledger returns no report.
package enum LedgerError: Error, Equatable {
  /// No file can be read now.
  case unavailable(reason: String)
  /// The query took longer than `seconds`.
  case timeout(seconds: Double)
  /// The calling task was cancelled.
  case cancelled
  /// `from` and `to` are not finite Unix seconds in ascending order.
  case invalidRange
  /// The report would have more than `limit` buckets × groups.
  case tooManyCells(limit: Int)
  /// The range has more than `limitSeconds` seconds, too many for buckets of a minute.
  case rangeTooLongForMinutes(limitSeconds: Int)
}
