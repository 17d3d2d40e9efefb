// What a peer may take: sizes, times and numbers of connections.

/// Limits of one server; every default suits a loopback service that takes images as base64.
package struct HTTPLimits: Sendable {
  /// Request line and header fields together, also trailer fields and chunk extensions of one request: 16 KiB, else 431.
  package var headBytes = 16 << 10
  /// Header fields of one request: 100, else 431.
  package var headerCount = 100
  /// The request target: 8 KiB, else 414.
  package var targetBytes = 8 << 10
  /// A body without its transfer coding: 32 MiB, else 413.
  package var bodyBytes = 32 << 20
  /// Bodies of all connections together, from their first byte until their handler returns: 512 MiB, else 503. An eighth of it
  /// is for bodies up to 64 KiB alone.
  package var bufferedBodyBytes = 512 << 20
  /// From the first byte of a head to its last: 10 s, else 408; a new connection must begin within it too, after a TLS handshake
  /// if it needs one.
  package var headTimeout = Duration.seconds(10)
  /// Without progress of a body, and beyond what `bodyBytesPerSecond` allows for the whole: 20 s, else 408.
  package var bodyTimeout = Duration.seconds(20)
  /// The mean rate a body must keep after its first `bodyTimeout`: 8 KiB/s. A body that takes longer than `bodyTimeout` is also
  /// refused when others lack room.
  package var bodyBytesPerSecond = 8 << 10
  /// Between two requests of a connection: 75 s, then it is closed.
  package var idleTimeout = Duration.seconds(75)
  /// Without the peer taking any of the bytes that wait for it: 30 s, then the connection is dropped.
  package var writeTimeout = Duration.seconds(30)
  /// The mean rate at which a reader must take the bytes that wait for it, beyond its first `writeTimeout`: 8 KiB/s. Time in which none
  /// wait does not count, so that a stream that the server makes slowly asks nothing of its reader.
  package var sendBytesPerSecond = 8 << 10
  /// Unsent bytes of all connections together: 256 MiB. Beyond it the slowest of the readers that have had `readerPatience` are dropped,
  /// and without such a reader a response is 503. An eighth of it is for responses up to 64 KiB alone.
  package var allUnsentBytes = 256 << 20
  /// How long a reader may take its time while others lack room: 5 s.
  package var readerPatience = Duration.seconds(5)
  /// How long a closing connection still reads, so that the peer gets the response instead of a reset: 2 s.
  package var lingerTimeout = Duration.seconds(2)
  /// A streamed body's `write` waits while more bytes than these are unsent: 256 KiB.
  package var unsentBytes = 256 << 10
  /// Bytes of later requests read while a response is made: 16 KiB; reading then rests.
  package var readAheadBytes = 16 << 10
  /// Open connections: 16,384, else 503.
  package var connections = 16_384
  /// Open connections of one address: 1,024, else 429. Those of a Unix-domain socket have none and are not counted here.
  package var connectionsPerAddress = 1024
  /// Requests on one connection, after which it is closed: 100,000.
  package var requestsPerConnection = 100_000

  package init() {}
}
