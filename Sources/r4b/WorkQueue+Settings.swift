// How much the heavy work of requests may take, from the settings.
import Configuration
import Foundation
import Work

extension WorkQueue {
  /// As many threads as cores, at least four: the system shares the cores, the queue's rules need threads to choose from.
  convenience init(_ settings: Settings) {
    var limits = WorkLimits(workers: max(4, ProcessInfo.processInfo.activeProcessorCount))
    limits.requestTime = settings.seconds("http.request_cpu_s")
    self.init(limits: limits)
  }
}
