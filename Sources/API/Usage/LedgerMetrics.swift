// What the ledger says of itself, as metrics: an operator is alerted while requests go on.
import Ledger
import Telemetry

/// The ledger's families.
package enum LedgerMetrics {
  /// Adds them to `registry`; each scrape reads the ledger's state.
  package static func register(_ ledger: Ledger, in registry: MetricsRegistry) {
    registry.register(
      Sampled(.gauge, "r4b_ledger_degraded", "1 while rows of the usage ledger cannot be written, else 0.") {
        if case .degraded = ledger.status.state { 1 } else { 0 }
      })
    registry.register(
      Sampled(
        .counter, "r4b_ledger_rows_total",
        "Rows of the usage ledger: written, dropped for want of room, lost when the last process was killed.",
        labels: ["result"]
      ) {
        let status = ledger.status
        return [
          (["written"], Double(status.written)), (["dropped"], Double(status.dropped)), (["lost"], Double(status.lost)),
        ]
      })
    let numbers: [(Sampled.Kind, String, String, @Sendable (LedgerStatus) -> Int)] = [
      (
        .counter, "r4b_ledger_failed_writes_total", "Times that the file could not be opened, written or shortened.",
        { $0.failedWrites }
      ),
      (.counter, "r4b_ledger_corrupt_files_total", "Damaged files that were moved aside.", { $0.corruptFiles }),
      (.gauge, "r4b_ledger_pending_rows", "Rows that wait to be written.", { $0.pending }),
      (.gauge, "r4b_ledger_held_rows", "Requests in the file.", { $0.rowsHeld }),
      (.gauge, "r4b_ledger_bytes", "Bytes of the file and its log.", { $0.fileBytes }),
    ]
    for (kind, name, help, value) in numbers {
      registry.register(Sampled(kind, name, help) { Double(value(ledger.status)) })
    }
  }
}
