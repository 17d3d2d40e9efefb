// Why the ledger gives no report. Writing has no errors: a row that cannot be written waits, see `LedgerStatus`.

/// An error of this room.
package enum LedgerError: Error, Equatable {
  /// There is no file to read at present.
  case unavailable(reason: String)
  /// The query took longer than `seconds`.
  case timeout(seconds: Double)
  /// The task that asked was cancelled.
  case cancelled
  /// `from` and `to` are not finite Unix seconds of this era in ascending order.
  case invalidRange
  /// The report would have more than `limit` buckets × groups.
  case tooManyCells(limit: Int)
  /// Buckets of a minute are made for at most `limitSeconds` of range.
  case rangeTooLongForMinutes(limitSeconds: Int)
}
