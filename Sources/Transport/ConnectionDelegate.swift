// What a connection tells, apart from how it comes to know.

/// What the owner of a `Connection` is told, always on the loop's queue.
package protocol ConnectionDelegate: AnyObject {
  /// Bytes in order; valid during the call.
  func received(_ bytes: Span<UInt8>)
  /// The peer will send no more; it may still read.
  func receivedEnd()
  /// The connection is unusable, for instance reset.
  func failed(_ error: TransportError)
  /// Some queued bytes went out, or have begun to wait for the peer; `unsentBytes` tells how many are left.
  func sent()
  /// The time given to `setDeadline` has passed.
  func deadlinePassed()
  /// Instead of a TLS handshake a plain HTTP request has begun; the connection is without TLS from here, for an answer.
  func receivedPlainText()
}
