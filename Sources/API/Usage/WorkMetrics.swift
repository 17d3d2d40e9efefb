// The status of the work queue as metrics.
import Telemetry
import Work

/// The metrics of the work queue.
package enum WorkMetrics {
  /// Registers the metrics in `registry`; each scrape reads the queue's counts.
  package static func register(_ work: WorkQueue, in registry: MetricsRegistry) {
    registry.register(
      Sampled(.gauge, "r4b_work_waiting", "Jobs of requests that wait for a work thread.") {
        Double(work.status.waiting)
      })
    registry.register(
      Sampled(.gauge, "r4b_work_running", "Jobs of requests that run on a work thread.") { Double(work.status.running) }
    )
    registry.register(
      Sampled(.counter, "r4b_work_seconds_total", "Processor time of jobs on work threads.") { work.status.seconds })
    registry.register(
      Sampled(
        .counter, "r4b_work_jobs_total",
        "Jobs on work threads: finished, dropped because the client left, over the budget of their request, refused because the queue was full.",
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
