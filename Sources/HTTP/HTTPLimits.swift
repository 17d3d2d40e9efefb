// Limits on sizes, times and numbers of connections.

/// The limits of one server. The defaults suit a loopback service that receives images as base64.
package struct HTTPLimits: Sendable {
  /// The size of the request line and header fields; also of the trailer fields and chunk extensions of one request.
  /// Default 16 KiB, else 431.
  package var headBytes = 16 << 10
  /// The number of header fields in one request. Default 100, else 431.
  package var headerCount = 100
  /// The size of the request target. Default 8 KiB, else 414.
  package var targetBytes = 8 << 10
  /// The size of a body after removing its transfer coding. Default 32 MiB, else 413.
  package var bodyBytes = 32 << 20
  /// The size of all bodies together, each from its first byte until its handler returns. Default 512 MiB, else 503.
  /// Only bodies up to 64 KiB may use the last eighth.
  package var bufferedBodyBytes = 512 << 20
  /// The time from the first byte of a head to its last. Default 10 s, else 408. A new connection must also begin a
  /// head, after any TLS handshake, within this time.
  package var headTimeout = Duration.seconds(10)
  /// The time without progress of a body, and the allowance beyond `bodyBytesPerSecond` for the whole. Default 20 s,
  /// else 408.
  package var bodyTimeout = Duration.seconds(20)
  /// The mean rate that a body must reach after its first `bodyTimeout`. Default 8 KiB/s. A body older than
  /// `bodyTimeout` is also rejected when others lack memory.
  package var bodyBytesPerSecond = 8 << 10
  /// The time between two requests on a connection, after which it is closed. Default 75 s.
  package var idleTimeout = Duration.seconds(75)
  /// The time without the peer reading any waiting bytes, after which it is disconnected. Default 30 s.
  package var writeTimeout = Duration.seconds(30)
  /// The mean rate at which a peer must read waiting bytes after its first `writeTimeout`. Default 8 KiB/s. Time
  /// without waiting bytes does not count, so a slowly generated stream never disconnects its reader.
  package var sendBytesPerSecond = 8 << 10
  /// The unsent bytes of all connections together. Default 256 MiB. Beyond it the server disconnects the slowest
  /// reader whose bytes have waited for `readerPatience`; without such a reader it answers 503. Only responses up to
  /// 64 KiB may use the last eighth.
  package var allUnsentBytes = 256 << 20
  /// The time that a reader is safe from disconnection while others lack memory. Default 5 s.
  package var readerPatience = Duration.seconds(5)
  /// The time that a closing connection still reads, so that the peer gets the response instead of a reset. Default 2
  /// s.
  package var lingerTimeout = Duration.seconds(2)
  /// The number of unsent bytes above which `write` of a streamed body waits. Default 256 KiB.
  package var unsentBytes = 256 << 10
  /// The number of bytes of later requests that are read while a response is made; then reading pauses. Default 16
  /// KiB.
  package var readAheadBytes = 16 << 10
  /// The number of open connections. Default 16,384, else 503.
  package var connections = 16_384
  /// The number of open connections per address. Default 1,024, else 429. Unix-domain sockets have no address and are
  /// not counted.
  package var connectionsPerAddress = 1024
  /// The number of requests on one connection, after which it is closed. Default 100,000.
  package var requestsPerConnection = 100_000

  package init() {}
}
