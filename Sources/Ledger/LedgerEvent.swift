// What happens to the ledger while requests go on: whoever runs the server wants to know it when it happens.

/// A change that an operator should hear of.
package enum LedgerEvent: Sendable, Equatable {
  /// Rows wait in memory from now on, and why; told again when the reason changes.
  case degraded(reason: String)
  /// So many rows wait that further ones are dropped. Told once until the next `recovered`.
  case dropping(limit: Int)
  /// Rows reach the file again. `dropped` counts the rows that were dropped meanwhile.
  case recovered(dropped: Int)
  /// The file was damaged. It is now at `movedTo`, nil when it could not be moved, and a new one has its place.
  case replaced(movedTo: String?)
}

/// What an orderly end has lost.
package struct LedgerLoss: Sendable, Equatable {
  /// Accepted rows that could not be written at the end.
  package var unwritten = 0
  /// Rows that found no room to wait since the start.
  package var dropped = 0
  /// Why rows could not be written; nil when they could.
  package var reason: String?

  package init(unwritten: Int = 0, dropped: Int = 0, reason: String? = nil) {
    (self.unwritten, self.dropped, self.reason) = (unwritten, dropped, reason)
  }

  /// All rows of answered requests that are not in the file.
  package var rows: Int { unwritten + dropped }
}
