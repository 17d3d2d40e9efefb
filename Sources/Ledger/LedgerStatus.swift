// What the ledger says of itself, for `/v1/usage`, metrics and logs.

/// A moment's account of the ledger; cheap to take.
package struct LedgerStatus: Sendable, Equatable {
  /// Whether rows reach the file.
  package enum State: Sendable, Equatable {
    /// They do.
    case ok
    /// They wait in memory, and why.
    case degraded(String)
    /// `close` was called; rows are dropped.
    case closed
  }

  /// Whether rows reach the file.
  package var state = State.ok
  /// Rows committed since the start, shadows included.
  package var written = 0
  /// Rows that found no room to wait, or came after `close`.
  package var dropped = 0
  /// Rows that the previous process had accepted and not committed when it was killed.
  package var lost = 0
  /// False when `lost` is only a lower bound: the machine restarted since, or the count beside the file is missing.
  package var lostIsExact = true
  /// Rows waiting for the next batch.
  package var pending = 0
  /// Batches and retention steps that failed since the start.
  package var failedWrites = 0
  /// Corrupt files moved aside since the start.
  package var corruptFiles = 0
  /// Path of the last of them; nil when there was none or it could not be moved.
  package var corruptFile: String?
  /// Bytes of the database and its log.
  package var fileBytes = 0
  /// Requests in the file.
  package var rowsHeld = 0
  /// The oldest UTC hour with a request in the file, Unix seconds.
  package var oldestTime: Double?
}
