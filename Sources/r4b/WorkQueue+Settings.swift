// The limits of requests' heavy work, from the settings.
import Configuration
import Foundation
import Work

extension WorkQueue {
  /// As many threads as cores, but at least four, so that the queue can choose between clients.
  convenience init(_ settings: Settings) {
    var limits = WorkLimits(workers: max(4, ProcessInfo.processInfo.activeProcessorCount))
    limits.requestTime = settings.http.requestCPU
    self.init(limits: limits)
  }
}
