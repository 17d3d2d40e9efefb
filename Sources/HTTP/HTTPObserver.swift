// What a server tells beside its handler: connections, and requests that no handler ever saw.

import Text

/// Receives counts for metrics and logs; called from the server's event loops and tasks, so it must return quickly.
package protocol HTTPObserver: Sendable {
  func connectionOpened()
  func connectionClosed()
  /// The bodies held, being received or with a handler, have become so many bytes more or less.
  func bodyBytesChanged(by change: Int)
  /// The response bytes that wait for their readers have become so many more or less.
  func unsentBytesChanged(by change: Int)
  /// A request was answered with an error by the server itself.
  func rejected(_ violation: HTTPViolation, remoteAddress: String)
  /// A response could not be sent to its end: the peer left, or took nothing for too long.
  func aborted(_ reason: HTTPAbort, remoteAddress: String)
}

/// Why a response was not sent to its end; `write` throws it and the handler's task is cancelled.
package enum HTTPAbort: String, Error, Sendable {
  /// The peer closed or reset the connection.
  case peerGone = "peer_gone"
  /// The peer took no bytes for `HTTPLimits.writeTimeout`.
  case writeTimeout = "write_timeout"
  /// Too many unsent bytes waited, and the peer was the slowest to take its own or came last.
  case noRoom = "no_room"
  /// The server's grace ended.
  case shutdown
  /// The stream's own closure threw.
  case handler
}
