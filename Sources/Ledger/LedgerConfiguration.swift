// What an operator may choose of the ledger, and the bounds that keep it from holding a request or the machine.

/// Bounds of a ledger.
package struct LedgerConfiguration: Sendable, Equatable {
  /// Days of requests that are kept, whole UTC days; nil keeps all.
  package var retentionDays: Int?
  /// Megabytes (10⁶ bytes) of database beyond which the oldest whole days go, never today's; nil keeps all.
  package var retentionMegabytes: Int?
  /// Rows that wait at most while the file cannot be written; what comes beyond is dropped and counted.
  package var maximumPending = 100_000
  /// Seconds after the first waiting row at which it is written at the latest.
  package var batchSeconds = 0.5
  /// Seconds that a query may take.
  package var querySeconds = 10.0
  /// Buckets × groups of a report.
  package var maximumCells = 2_000
  /// Seconds between two looks at what retention has to remove.
  package var retentionInterval = 60.0
  /// Seconds until the first retry after a failure; doubles up to sixty-four times as long.
  package var retrySeconds = 0.5

  /// The defaults: everything is kept.
  package init(retentionDays: Int? = nil, retentionMegabytes: Int? = nil) {
    (self.retentionDays, self.retentionMegabytes) = (retentionDays, retentionMegabytes)
  }
}
