// The usage ledger that the settings name.
import Configuration
import Foundation
import JSON
import Ledger
import Telemetry

extension Ledger {
  /// Opens the ledger; nil where the settings name none. Warns about one that cannot be written and keeps it, because
  /// it may recover.
  convenience init?(_ settings: Settings, _ base: URL) {
    guard let file = settings.ledger.path else { return nil }
    let path = URL(fileURLWithPath: file, relativeTo: base).path
    self.init(
      path: path,
      configuration: LedgerConfiguration(
        retentionDays: settings.ledger.retentionDays,
        retentionMegabytes: settings.ledger.maxMB))
    let status = status
    if case .degraded(let reason) = status.state {
      note("Warning: cannot write the usage ledger \(path): \(reason). The server serves requests without it.")
    }
    if status.corruptFiles > 0 {
      let outcome = status.corruptFile.map { "was moved to \($0)" } ?? "could not be moved"
      note("Warning: the usage ledger \(path) was damaged. The file \(outcome), and a new one was created.")
    }
    if status.lost > 0 {
      let least = status.lostIsExact ? "" : "at least "
      note("Note: the usage ledger lost \(least)\(status.lost) rows when the previous server ended.")
    }
  }

  /// Logs the ledger's events from now on.
  func report(to log: JSONLog) {
    let path = JSONValue.string(path)
    observe { event in
      switch event {
      case .degraded(let reason): log.write(.error, "ledger_degraded", ["path": path, "reason": .string(reason)])
      case .dropping(let limit):
        log.write(.error, "ledger_dropping_rows", ["path": path, "waiting": .integer(Int64(limit))])
      case .recovered(let dropped):
        log.write(.warning, "ledger_recovered", ["path": path, "dropped_rows": .integer(Int64(dropped))])
      case .replaced(let target):
        log.write(
          .error, "ledger_file_corrupt", ["path": path, "moved_to": target.map { .string($0) } ?? .null])
      }
    }
  }

  /// Writes the waiting rows, closes the file and reports lost rows.
  func closeReporting() {
    let loss = close()
    if loss.rows == 0 { return }
    let reason = loss.reason.map { ": \($0)" } ?? ""
    note(
      "Warning: the usage ledger \(path) lost \(loss.rows) rows: \(loss.unwritten) could not be written at shutdown, "
        + "\(loss.dropped) were dropped earlier because too many were waiting\(reason).")
  }
}
