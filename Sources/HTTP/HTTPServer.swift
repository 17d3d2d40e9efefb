// The server: listeners, loops and the way down. Handlers run as Swift tasks; sockets live on a few serial queues.

import Dispatch
import Glibc
import Synchronization
import Text
import Transport

/// An HTTP/1.1 server on Dispatch sources.
package final class HTTPServer: Sendable {
  /// Where a server listens.
  package struct Address: Sendable, Equatable, CustomStringConvertible {
    package var host: String
    package var port: Int
    package var isIPv6: Bool

    package init(host: String, port: Int, isIPv6: Bool) { (self.host, self.port, self.isIPv6) = (host, port, isIPv6) }

    package var description: String { isIPv6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
  }

  private let service: HTTPService
  private let loops: [HTTPLoop]
  private let listeners = Mutex<[Listener]>([])
  private let turn = Atomic<Int>(0)
  private let farewells = Farewells()

  /// Makes a server. `admit` decides how each request is answered; `errorResponse` answers what never becomes a request.
  ///
  /// - Parameter loops: Serial queues that share the connections.
  package init(
    limits: HTTPLimits = HTTPLimits(), loops: Int = 1, errorResponse: HTTPErrorResponse? = nil,
    observer: (any HTTPObserver)? = nil, admit: @escaping HTTPAdmit
  ) {
    let service = HTTPService(
      limits: limits, admit: admit, errorResponse: errorResponse ?? HTTPService.plainErrorResponse, observer: observer)
    self.service = service
    self.loops = (0..<max(1, loops)).map { HTTPLoop(service: service, label: "http.\($0)") }
  }

  /// Open connections.
  package var connectionCount: Int { service.connectionCount }

  /// Listens on every address of `host`: a name, IPv4 or IPv6 address; `::` takes both. Port 0 lets the system choose, the same
  /// for all addresses of the name. With an identity the port speaks TLS. May be called several times.
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
          overflow: { [weak self] socket, peer in self?.refuseForDescriptors(socket, peer.host, isTLS: identity != nil)
          }
        ) { [weak self] socket, peer in
          self?.accept(socket, peer.host, identity?.context)
        }
        port = listener.address.port
        bound.append(listener)
      } catch {
        // One of two address families may be missing; a taken port is an error on either.
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

  /// Listens on a Unix-domain socket, whose file has the permissions `mode` and goes at `shutdown`. Its peers have no address.
  package func listen(unix path: String, mode: UInt32) throws(TransportError) {
    let listener = try Listener(
      unix: path, mode: mode, queue: loops[0].events.queue,
      overflow: { [weak self] socket, _ in self?.refuseForDescriptors(socket, "", isTLS: false) }
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
      // A handshake is more than a refusal may cost: over TLS it is the end of the connection.
      guard context == nil else { return }
      turnAway(socket, violation)
      return farewells.hold(socket, until: loops[0].events.queue)
    }
    let index = turn.wrappingAdd(1, ordering: .relaxed).oldValue
    loops[index % loops.count].adopt(socket, remoteAddress: address, tls: context)
  }

  /// Refuses a connection that came when the process had no descriptor left.
  private func refuseForDescriptors(_ socket: consuming SocketDescriptor, _ address: String, isTLS: Bool) {
    let violation = HTTPViolation(503, .capacity, "too many connections")
    service.observer?.rejected(violation, remoteAddress: address)
    if !isTLS { turnAway(socket, violation) }
  }

  /// Answers once without keeping state: a connection over a cap must cost nothing.
  private func turnAway(_ socket: borrowing SocketDescriptor, _ violation: HTTPViolation) {
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

  /// Stops accepting and closes idle connections; the others close after their response.
  package func drain() async {
    let open = listeners.withLock { listeners in
      defer { listeners = [] }
      return listeners
    }
    for listener in open { listener.close() }
    for loop in loops { await loop.drain() }
  }

  /// Drains, lets requests finish for at most `grace`, then closes what is left, cancels its handlers and waits until they have
  /// ended, so that what they have to write down is written.
  package func shutdown(grace: Duration) async {
    await drain()
    await Self.wait(atMost: grace) { connectionCount > 0 }
    for loop in loops { await loop.closeAll() }
    await Self.wait(atMost: Self.handlerGrace) { service.handlers.load(ordering: .relaxed) > 0 }
  }

  /// Time that cancelled handlers have to end.
  private static let handlerGrace = Duration.seconds(2)

  private static func wait(atMost limit: Duration, while condition: () -> Bool) async {
    let end = ContinuousClock.now + limit
    while condition(), ContinuousClock.now < end {
      do { try await Task.sleep(for: .milliseconds(10)) } catch { return }
    }
  }
}

/// Refused connections that stay open for a moment: a request that arrives after the close would be answered with a reset, which may
/// overtake the refusal. A few at a time, so that refusals never cost many descriptors.
private final class Farewells: Sendable {
  private let count = Atomic(0)
  private static let most = 8
  private static let time = DispatchTimeInterval.milliseconds(250)

  func hold(_ socket: consuming SocketDescriptor, until queue: DispatchQueue) {
    guard count.add(1, ordering: .relaxed).newValue <= Self.most else {
      count.subtract(1, ordering: .relaxed)
      return
    }
    let number = socket.release()
    queue.asyncAfter(deadline: .now() + Self.time) {
      let socket = SocketDescriptor(owning: number)
      socket.dropUnread()
      self.count.subtract(1, ordering: .relaxed)
    }
  }
}

extension SocketDescriptor {
  /// Reads what has arrived: unread bytes would turn a close into a reset that may overtake the response.
  fileprivate borrowing func dropUnread() {
    withUnsafeTemporaryAllocation(byteCount: 16 << 10, alignment: 1) { _ = receive(into: $0) }
  }
}
