// One connection: read a request, answer it, repeat. Not Sendable: the loop's actor owns it; socket events (on the
// loop's queue) and handler tasks (through the actor) drive it. One request is handled at a time; pipelined requests
// wait in a bounded read-ahead buffer. A FIN before the response is complete counts as a disconnect (curl and
// browsers never half-close).

import Basics
import Transport

/// The state machine between the parser, the handler's task and the socket.
final class HTTPConnection: ConnectionDelegate {
  enum Phase: Equatable {
    /// Waiting for a request or receiving one.
    case reading
    /// The handler's task runs; part of the response may have been sent.
    case responding
    /// The whole response is queued.
    case flushing
    /// FIN is sent. Further input is discarded, so that the peer reads the response instead of a reset, RFC 9112 9.6.
    case lingering
    case closed
  }

  let number: UInt64
  let remoteAddress: String
  /// A strong reference: a loop lives as long as it has connections.
  let loop: HTTPLoop
  let resources: HTTPLoopResources
  let socket: Connection
  var service: HTTPService { loop.service }
  var limits: HTTPLimits { loop.service.limits }

  // The extensions in HTTPConnection+Reading.swift and HTTPConnection+Responding.swift share this state.

  var phase = Phase.reading
  var parser: RequestParser
  /// The request whose body is being read, and the handler that will answer it.
  var admitted: (request: HTTPRequest, handler: HTTPHandler)?
  /// The memory that the current request body has reserved.
  var reservation: BodyReservation?
  /// Bytes received after the current request.
  var readAhead: [UInt8] = []
  var encoder = ResponseEncoder()
  var framing = ResponseEncoder.Framing.none
  var requests = 0
  var hasEnded = false
  var isDraining = false
  /// The time at which the current head or body began, in nanoseconds of `DeadlineTimer.now`.
  var began: UInt64?
  var task: Task<Void, Never>?
  var waiters: [CheckedContinuation<Void, any Error>] = []
  /// The total number of bytes queued on the socket.
  var queued = 0
  /// The number of unsent bytes that are counted in the server's send budget.
  var counted = 0
  /// The read rate of the peer; nil while no bytes wait for it.
  var readRate: ReadRateMeter?

  /// The number of bytes per read while a body arrives.
  static let bodyReadSize = 256 << 10
  static let headReadSize = 16 << 10

  init(
    number: UInt64, socket: consuming SocketDescriptor, remoteAddress: String, tls context: TLSContext?,
    loop: HTTPLoop, resources: HTTPLoopResources
  ) {
    self.number = number
    self.remoteAddress = remoteAddress
    self.loop = loop
    self.resources = resources
    self.socket = Connection(
      socket, loop: resources.events, timer: resources.timer, scratch: resources.scratch, tls: context)
    parser = RequestParser(limits: loop.service.limits)
  }

  /// Waits for the first request. The TLS handshake, if any, and the head share one `headTimeout`.
  func open() {
    socket.open(delegate: self)
    socket.setDeadline(after: limits.headTimeout)
  }

  // MARK: Socket events

  func received(_ bytes: Span<UInt8>) {
    switch phase {
    case .reading: read(bytes)
    case .responding: storeReadAhead(bytes, from: 0)
    case .flushing where encoder.keepsAlive: storeReadAhead(bytes, from: 0)
    case .flushing, .lingering, .closed: break
    }
  }

  func sent() {
    countUnsent()
    updateReadDeadline()
    if socket.unsentBytes <= limits.unsentBytes / 2, !waiters.isEmpty {
      let ready = waiters
      waiters = []
      for waiter in ready { waiter.resume() }
    }
    switch phase {
    case .flushing: flushed()
    case .responding where socket.unsentBytes == 0: socket.setDeadline(nil)
    case .responding, .reading, .lingering, .closed: break
    }
  }

  func receivedEnd() {
    hasEnded = true
    switch phase {
    case .reading, .lingering: close()
    case .responding: abort(.peerGone)
    case .flushing, .closed: break
    }
  }

  func receivedPlainText() { reject(.malformed("this port requires TLS: use https")) }

  func failed(_ error: TransportError) {
    if phase == .responding || phase == .flushing { abort(.peerGone) } else { close() }
  }

  func deadlinePassed() {
    switch phase {
    case .reading where admitted != nil: reject(HTTPViolation(408, .timeout, "the request body arrived too slowly"))
    case .reading where parser.isInHead: reject(HTTPViolation(408, .timeout, "the request head arrived too slowly"))
    case .responding, .flushing: abort(.writeTimeout)
    case .reading, .lingering: close()
    case .closed: break
    }
  }

  // MARK: The end

  func drain() {
    isDraining = true
    if phase == .reading, !parser.isInHead, !parser.isInBody { close() }
  }

  func linger() {
    guard !hasEnded else { return close() }
    phase = .lingering
    readAhead = []
    socket.isPaused = false
    socket.endWriting()
    socket.setDeadline(after: limits.lingerTimeout)
  }

  /// Closes the connection before the response is complete: cancels the handler and makes its writes throw.
  func abort(_ reason: HTTPAbort) {
    guard phase != .closed else { return }
    if phase == .responding || phase == .flushing {
      service.observer?.aborted(reason, remoteAddress: remoteAddress)
      // Without a length or chunks, a FIN would look like the end of the body. A reset does not.
      if framing == .untilClose { socket.resetOnClose() }
    }
    let ready = waiters
    waiters = []
    task?.cancel()
    close()
    for waiter in ready { waiter.resume(throwing: reason) }
  }

  func close() {
    guard phase != .closed else { return }
    phase = .closed
    task = nil
    readAhead = []
    reservation = nil
    socket.close()
    countUnsent()
    service.leave(remoteAddress)
    loop.assumeIsolated { [number] in $0.remove(number) }
  }
}

extension Connection {
  func setDeadline(after timeout: Duration) { setDeadline(DeadlineTimer.now + timeout.nanoseconds) }
}
