// The status of the ledger as metrics, for alerts.
import Ledger
import Telemetry

/// The metrics of the ledger.
package enum LedgerMetrics {
  /// Registers the metrics in `registry`; each scrape reads the ledger's status.
  package static func register(_ ledger: Ledger, in registry: MetricsRegistry) {
    registry.register(
      Sampled(.gauge, "r4b_ledger_degraded", "1 while rows of the usage ledger cannot be written, else 0.") {
        if case .degraded = ledger.status.state { 1 } else { 0 }
      })
    registry.register(
      Sampled(
        .counter, "r4b_ledger_rows_total",
        "Rows of the usage ledger: written, dropped because too many waited, lost when the last process was killed.",
        labels: ["result"]
      ) {
        let status = ledger.status
        return [
          (["written"], Double(status.written)), (["dropped"], Double(status.dropped)), (["lost"], Double(status.lost)),
        ]
      })
    let numbers: [(Sampled.Kind, String, String, @Sendable (LedgerStatus) -> Int)] = [
      (
        .counter, "r4b_ledger_failed_writes_total",
        "Failed attempts to open, write or shorten the file of the usage ledger.",
        { $0.failedWrites }
      ),
      (
        .counter, "r4b_ledger_corrupt_files_total", "Damaged files of the usage ledger that were moved aside.",
        { $0.corruptFiles }
      ),
      (.gauge, "r4b_ledger_pending_rows", "Rows that wait for the file of the usage ledger.", { $0.pending }),
      (.gauge, "r4b_ledger_held_rows", "Requests in the file of the usage ledger.", { $0.rowsHeld }),
      (.gauge, "r4b_ledger_bytes", "Bytes of the file of the usage ledger and its write-ahead log.", { $0.fileBytes }),
    ]
    for (kind, name, help, value) in numbers {
      registry.register(Sampled(kind, name, help) { Double(value(ledger.status)) })
    }
  }
}
