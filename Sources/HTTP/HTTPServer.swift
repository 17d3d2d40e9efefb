// The server: listeners, event loops and shutdown. Handlers run as Swift tasks; sockets live on a few serial queues.

import Dispatch
import Glibc
import Synchronization
import Text
import Transport

/// An HTTP/1.1 server on Dispatch sources.
package final class HTTPServer: Sendable {
  /// An address on which a server listens.
  package struct Address: Sendable, Equatable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var isIPv6: Bool

    package init(host: String, port: Int, isIPv6: Bool) {
      self.host = host
      self.port = port
      self.isIPv6 = isIPv6
    }

    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  private let service: HTTPService
  private let loops: [HTTPLoop]
  private let listeners = Mutex<[Listener]>([])
  private let turn = Atomic<Int>(0)
  private let rejectedConnections = RejectedConnections()

  /// Creates a server. `admit` decides how each request is answered; `errorResponse` creates the error responses of
  /// the server itself.
  ///
  /// - Parameter loops: The number of serial queues among which connections are distributed.
  package init(
    limits: HTTPLimits = HTTPLimits(), loops: Int = 1, errorResponse: HTTPErrorResponse? = nil,
    observer: (any HTTPObserver)? = nil, admit: @escaping HTTPAdmit
  ) {
    let service = HTTPService(
      limits: limits, admit: admit, errorResponse: errorResponse ?? HTTPService.plainErrorResponse, observer: observer)
    self.service = service
    self.loops = (0..<max(1, loops)).map { HTTPLoop(service: service, label: "http.\($0)") }
  }

  /// The number of open connections.
  package var connectionCount: Int { service.connectionCount }

  /// Listens on every address of `host`, which is a name, an IPv4 address or an IPv6 address; `::` accepts both
  /// families. With port 0 the system chooses one port for all addresses. With an identity the port requires TLS. May
  /// be called several times.
  @discardableResult
  package func listen(host: String, port: Int, tls identity: TLSIdentity? = nil) throws(TransportError) -> [Address] {
    var bound: [Listener] = []
    var failure: TransportError?
    var port = port
    for var address in try SocketAddress.resolve(host: host, port: port) {
      address.port = port
      do throws(TransportError) {
        let listener = try Listener(
          address, queue: loops[0].events.queue,
          overflow: { [weak self] socket, peer in self?.rejectForDescriptors(socket, peer.host, isTLS: identity != nil)
          }
        ) { [weak self] socket, peer in
          self?.accept(socket, peer.host, identity?.context)
        }
        port = listener.address.port
        bound.append(listener)
      } catch {
        // The machine may lack one address family. A port in use is an error on either family.
        guard failure == nil, error.isMissingFamily else {
          for listener in bound { listener.close() }
          throw error
        }
        failure = error
      }
    }
    if bound.isEmpty { throw failure ?? TransportError(.resolve, "\(host):\(port)", reason: "no address") }
    listeners.withLock { [bound] in $0 += bound }
    return bound.map { Address(host: $0.address.host, port: $0.address.port, isIPv6: $0.address.isIPv6) }
  }

  /// Listens on a Unix-domain socket. Its file gets the permissions `mode` and is removed by `shutdown`. Its peers
  /// have no address.
  package func listen(unix path: String, mode: UInt32) throws(TransportError) {
    let listener = try Listener(
      unix: path, mode: mode, queue: loops[0].events.queue,
      overflow: { [weak self] socket, _ in self?.rejectForDescriptors(socket, "", isTLS: false) }
    ) { [weak self] socket, _ in
      self?.accept(socket, "", nil)
    }
    listeners.withLock { $0.append(listener) }
  }

  /// Serves one connected socket, for instance one end of a socket pair; with a context, over TLS.
  package func serve(_ socket: consuming SocketDescriptor, tls context: TLSContext? = nil) {
    socket.setNonBlocking()
    accept(socket, "", context)
  }

  private func accept(_ socket: consuming SocketDescriptor, _ address: String, _ context: TLSContext?) {
    if let violation = service.enter(address) {
      // A handshake costs too much for a rejection: over TLS the connection is just closed.
      guard context == nil else { return }
      sendRejection(socket, violation)
      return rejectedConnections.hold(socket, on: loops[0].events.queue)
    }
    let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    loops[index % loops.count].adopt(socket, remoteAddress: address, tls: context)
  }

  /// Rejects a connection that arrived when the process had no descriptor left.
  private func rejectForDescriptors(_ socket: consuming SocketDescriptor, _ address: String, isTLS: Bool) {
    let violation = HTTPViolation(503, .capacity, "the server has reached its limit of open files; try again later")
    service.observer?.rejected(violation, remoteAddress: address)
    if !isTLS { sendRejection(socket, violation) }
  }

  /// Sends an error response without keeping state: a connection above a limit must cost next to nothing.
  private func sendRejection(_ socket: borrowing SocketDescriptor, _ violation: HTTPViolation) {
    var response = service.errorResponse(violation.status, violation.message)
    if response.headers["Retry-After"] == nil { response.headers["Retry-After"] = "1" }
    let date = Array(HTTPDate.text(time(nil)).utf8)
    guard case .bytes(let body) = response.body,
      let head = ResponseEncoder(keepsAlive: false).head(response, date: date)
    else { return }
    _ = (head.bytes + body).withUnsafeBytes { socket.send($0) }
    socket.shutdownWriting()
    socket.dropUnread()
  }

  /// Stops accepting. Closes idle connections now and the others after their response.
  package func drain() async {
    let open = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in open { listener.close() }
    for loop in loops { await loop.drain() }
  }

  /// Drains the server and lets requests finish for at most `grace`. Then closes the remaining connections, cancels
  /// their handlers and waits until the handlers have ended, so that their records are written.
  package func shutdown(grace: Duration) async {
    await drain()
    await Self.wait(atMost: grace) { connectionCount > 0 }
    for loop in loops { await loop.closeAll() }
    await Self.wait(atMost: Self.handlerGrace) { service.handlers.load(ordering: .relaxed) > 0 }
  }

  /// The time that cancelled handlers have to end.
  private static let handlerGrace = Duration.seconds(2)

  private static func wait(atMost limit: Duration, while condition: () -> Bool) async {
    let end = ContinuousClock.now + limit
    while condition(), ContinuousClock.now < end {
      do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
    }
  }
}
