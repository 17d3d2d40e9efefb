// The usage ledger that the settings name.
import Configuration
import Foundation
import JSON
import Ledger
import Telemetry

extension Ledger {
  /// Opens the ledger, or nothing where the settings name none. One that cannot be written is said so and kept, as it may recover.
  convenience init?(_ settings: Settings, _ base: URL) {
    guard let file = settings.optionalString("ledger.path") else { return nil }
    let path = URL(fileURLWithPath: file, relativeTo: base).path
    self.init(
      path: path,
      configuration: LedgerConfiguration(
        retentionDays: settings.optionalInt("ledger.retention_days"),
        retentionMegabytes: settings.optionalInt("ledger.max_mb")))
    let status = status
    if case .degraded(let reason) = status.state {
      note("Warning: the usage ledger \(path) cannot be written: \(reason). Requests are served all the same.")
    }
    if status.corruptFiles > 0 {
      let place = status.corruptFile.map { "was moved to \($0)" } ?? "could not be moved away"
      note("Warning: the usage ledger \(path) was damaged: the file \(place), and a new one was begun.")
    }
    if status.lost > 0 {
      let least = status.lostIsExact ? "" : "at least "
      note("Note: the usage ledger lost \(least)\(status.lost) rows when the last server ended.")
    }
  }

  /// Writes to `log` what happens to the ledger from now on.
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

  /// Writes what waits, closes the file and says how many rows were lost.
  func closeReporting() {
    let loss = close()
    if loss.rows == 0 { return }
    let reason = loss.reason.map { ": \($0)" } ?? ""
    note(
      "Warning: the usage ledger \(path) lost \(loss.rows) rows: \(loss.unwritten) could not be written at the end, "
        + "\(loss.dropped) were dropped before because too many waited\(reason).")
  }
}
