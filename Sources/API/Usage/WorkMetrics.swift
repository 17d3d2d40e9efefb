// What the work queue says of itself, as metrics.
import Telemetry
import Work

/// The work queue's families.
package enum WorkMetrics {
  /// Adds them to `registry`; each scrape reads the queue's counts.
  package static func register(_ work: WorkQueue, in registry: MetricsRegistry) {
    registry.register(
      Sampled(.gauge, "r4b_work_waiting", "Pieces of requests' heavy work that wait for a thread.") {
        Double(work.status.waiting)
      })
    registry.register(
      Sampled(.gauge, "r4b_work_running", "Pieces of requests' heavy work that run.") { Double(work.status.running) })
    registry.register(
      Sampled(.counter, "r4b_work_seconds_total", "Processor time of requests' heavy work.") { work.status.seconds })
    registry.register(
      Sampled(
        .counter, "r4b_work_jobs_total",
        "Pieces of heavy work: finished, dropped with their client, over their request's budget, refused for want of room.",
        labels: ["result"]
      ) {
        let status = work.status
        return [
          (["finished"], Double(status.finished)), (["dropped"], Double(status.dropped)),
          (["over_budget"], Double(status.overBudget)), (["refused"], Double(status.rejected)),
        ]
      })
  }
}
