// Events for metrics and logs: connections, and requests that never reached a handler.

import Text

/// Receives events for metrics and logs. Called from event loops and tasks, so every method must return quickly.
package protocol HTTPObserver: Sendable {
  func connectionOpened()
  func connectionClosed()
  /// Reports that the memory of request bodies, while received or in a handler, changed by `change` bytes.
  func bodyBytesChanged(by change: Int)
  /// Reports that the number of unsent response bytes changed by `change`.
  func unsentBytesChanged(by change: Int)
  /// Reports that the server itself answered a request with an error.
  func rejected(_ violation: HTTPViolation, remoteAddress: String)
  /// Reports that a response was not completed: the peer left or stopped reading.
  func aborted(_ reason: HTTPAbort, remoteAddress: String)
}

/// The reason why a response was not completed. `write` throws it, and the handler's task is cancelled.
package enum HTTPAbort: String, Error, Sendable {
  /// The peer closed or reset the connection.
  case peerGone = "peer_gone"
  /// The peer took no bytes for `HTTPLimits.writeTimeout`, or fell behind `sendBytesPerSecond`.
  case writeTimeout = "write_timeout"
  /// The unsent bytes exceeded `HTTPLimits.allUnsentBytes`, and this peer was the slowest reader or came last.
  case sendBudgetExceeded = "no_room"
  /// The grace period of the shutdown ended.
  case shutdown
  /// The stream's closure threw.
  case handler
}
