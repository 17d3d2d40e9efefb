// The settings of the ledger, and the limits that protect requests and the machine.

/// Settings and limits of a ledger.
package struct LedgerConfiguration: Sendable, Equatable {
  /// The number of whole UTC days that are kept; nil keeps all.
  package var retentionDays: Int?
  /// The size in megabytes (10⁶ bytes) above which the oldest whole days are removed, never today; nil keeps all.
  package var retentionMegabytes: Int?
  /// The largest number of rows that wait while the file cannot be written; further rows are dropped and counted.
  package var maximumPending = 100_000
  /// The longest time that a row waits for its batch, in seconds.
  package var batchSeconds = 0.5
  /// The longest time of a query, in seconds.
  package var querySeconds = 10.0
  /// The largest number of buckets × groups of a report.
  package var maximumCells = 2_000
  /// The time between two retention steps, in seconds.
  package var retentionInterval = 60.0
  /// The time to the first retry after a failure, in seconds; it doubles up to 64 times as long.
  package var retrySeconds = 0.5

  /// The defaults, which keep everything.
  package init(retentionDays: Int? = nil, retentionMegabytes: Int? = nil) {
    (self.retentionDays, self.retentionMegabytes) = (retentionDays, retentionMegabytes)
  }
}
