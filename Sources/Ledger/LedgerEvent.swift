// Events of the ledger that an operator should know of.

/// A change that an operator should know of.
package enum LedgerEvent: Sendable, Equatable {
  /// Rows wait in memory from now on. Reported again when the reason changes.
  case degraded(reason: String)
  /// `limit` rows wait, so further rows are dropped. Reported once until the next `recovered`.
  case dropping(limit: Int)
  /// Rows reach the file again; `dropped` rows were dropped meanwhile.
  case recovered(dropped: Int)
  /// The file was damaged and replaced by a new one. It is now at `movedTo`; nil if it could not be moved.
  case replaced(movedTo: String?)
}

/// The rows that an orderly end has lost.
package struct LedgerLoss: Sendable, Equatable {
  /// Accepted rows that could not be written.
  package var unwritten = 0
  /// Rows that were dropped since the start.
  package var dropped = 0
  /// Why rows could not be written; nil if they could.
  package var reason: String?

  package init(unwritten: Int = 0, dropped: Int = 0, reason: String? = nil) {
    (self.unwritten, self.dropped, self.reason) = (unwritten, dropped, reason)
  }

  /// All rows that are missing in the file.
  package var rows: Int { unwritten + dropped }
}
