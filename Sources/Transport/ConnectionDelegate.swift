// The events of a connection, independent of how they are detected.

/// Receives the events of a `Connection`, always on the loop's queue.
package protocol ConnectionDelegate: AnyObject {
  /// Receives bytes in order. The span is valid during the call.
  func received(_ bytes: Span<UInt8>)
  /// Reports that the peer will send no more; it may still read.
  func receivedEnd()
  /// Reports that the connection is unusable, for instance reset.
  func failed(_ error: TransportError)
  /// Reports that queued bytes were sent or began to wait for the peer; `unsentBytes` is the number left.
  func sent()
  /// Reports that the time given to `setDeadline` has passed.
  func deadlinePassed()
  /// Reports that a plain HTTP request began instead of a TLS handshake. TLS is off from now on, so that the request
  /// can be answered.
  func receivedPlainText()
}
