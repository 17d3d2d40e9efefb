// The log's own metric, so that lost lines show on a dashboard.

/// The metric of the log.
package enum LogMetrics {
  /// Registers the metric in `registry`; each scrape reads the log's totals.
  package static func register(_ log: JSONLog, in registry: MetricsRegistry) {
    registry.register(
      Sampled(
        .counter, "r4b_log_lines_total",
        "Log lines: written, dropped because the queue was full, lost because writing to standard error failed.",
        labels: ["result"]
      ) {
        let totals = log.totals
        return [
          (["written"], Double(totals.written)), (["dropped"], Double(totals.dropped)), (["lost"], Double(totals.lost)),
        ]
      })
  }
}
