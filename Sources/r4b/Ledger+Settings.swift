// The usage ledger that the settings name.
import Configuration
import Foundation
import Ledger

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
    if status.lost > 0 {
      let least = status.lostIsExact ? "" : "at least "
      note("Note: the usage ledger lost \(least)\(status.lost) rows when the last server was killed.")
    }
  }
}
