// Counts and logs the events that no handler sees: connections, requests rejected before they were complete, and
// responses that the client did not read.
import HTTP
import JSON
import Synchronization
import Telemetry

/// Receives the events of the HTTP server and makes its error bodies.
package struct ConnectionEvents: HTTPObserver {
  private let metrics: ServerMetrics
  private let log: JSONLog

  package init(metrics: ServerMetrics, log: JSONLog) { (self.metrics, self.log) = (metrics, log) }

  package func connectionOpened() { metrics.connections.withLock { $0 += 1 } }

  package func connectionClosed() { metrics.connections.withLock { $0 -= 1 } }

  package func bodyBytesChanged(by change: Int) { metrics.bodyBytes.withLock { $0 += change } }

  package func unsentBytesChanged(by change: Int) { metrics.unsentBytes.withLock { $0 += change } }

  package func rejected(_ violation: HTTPViolation, remoteAddress: String) {
    metrics.recordResponse(route: "other", method: "other", status: violation.status)
    let failure: ServerMetrics.Failure = violation.reason == .capacity ? .capacity : .validation
    metrics.failures.add(1, failure.rawValue)
    log.write(
      .info, "rejected",
      [
        "status": .integer(Int64(violation.status)), "failure": .string(failure.rawValue),
        "reason": .string(violation.reason.rawValue), "remote_address": .string(remoteAddress),
      ])
  }

  package func aborted(_ reason: HTTPAbort, remoteAddress: String) {
    log.write(.info, "aborted", ["reason": .string(reason.rawValue), "remote_address": .string(remoteAddress)])
  }

  /// The error body for a request that never reached a handler.
  package static func errorResponse(status: Int, message: String) -> HTTPResponse {
    let type =
      switch status {
      case 429: "rate_limit_error"
      case 500...: "server_error"
      default: "invalid_request_error"
      }
    var response = APIError(status, message, type: type, retryAfter: [408, 429, 503].contains(status) ? 1 : nil)
      .response
    response.headers["x-request-id"] = "req_" + RequestID.random()
    response.headers["openai-processing-ms"] = "0"
    return response
  }
}
