// What became of the log's lines, as a metric: a log that nobody reads is noticed on a dashboard.

/// The log's family.
package enum LogMetrics {
  /// Adds it to `registry`; each scrape reads the log's totals.
  package static func register(_ log: JSONLog, in registry: MetricsRegistry) {
    registry.register(
      Sampled(
        .counter, "r4b_log_lines_total",
        "Log lines: written, dropped because too many waited, lost because standard error could not be written.",
        labels: ["result"]
      ) {
        let totals = log.totals
        return [
          (["written"], Double(totals.written)), (["dropped"], Double(totals.dropped)), (["lost"], Double(totals.lost)),
        ]
      })
  }
}
