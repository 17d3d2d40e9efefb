// The status of the ledger, for `/v1/usage`, metrics and the log.

/// The status of the ledger at one moment; cheap to create.
package struct LedgerStatus: Sendable, Equatable {
  /// Whether rows reach the file.
  package enum State: Sendable, Equatable {
    /// Rows reach the file.
    case ok
    /// Rows wait in memory, for this reason.
    case degraded(String)
    /// The ledger was closed; rows are dropped.
    case closed
  }

  /// Whether rows reach the file.
  package var state = State.ok
  /// Rows committed since the start, shadows included.
  package var written = 0
  /// Rows dropped because too many waited, or because the ledger was closed.
  package var dropped = 0
  /// Rows that the previous process had accepted but not committed when it was killed.
  package var lost = 0
  /// False if `lost` is only a lower bound, because the machine restarted or the count file is missing.
  package var lostIsExact = true
  /// Rows that wait for the next batch.
  package var pending = 0
  /// Batches and retention steps that failed since the start.
  package var failedWrites = 0
  /// Corrupt files moved aside since the start.
  package var corruptFiles = 0
  /// The path of the last of them; nil if there was none or it could not be moved.
  package var corruptFile: String?
  /// The size of the database and its write-ahead log, in bytes.
  package var fileBytes = 0
  /// The number of requests in the file.
  package var rowsHeld = 0
  /// The oldest UTC hour with a request in the file, Unix seconds.
  package var oldestTime: Double?
}
