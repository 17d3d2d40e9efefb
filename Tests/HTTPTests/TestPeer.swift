import Foundation
import HTTP
import Synchronization
import Transport

// On a small or loaded machine, tests of other modules keep the few threads of the cooperative pool busy for up to a
// minute, and a test may wait that long between two `await`s. Therefore servers use `HTTPLimits.unhurried`, and
// everything that depends on time is one call here, on its own thread.

extension HTTPLimits {
  /// Limits with times that no test reaches.
  static var unhurried: HTTPLimits {
    var limits = HTTPLimits()
    (limits.headTimeout, limits.bodyTimeout) = (.seconds(3600), .seconds(3600))
    (limits.idleTimeout, limits.writeTimeout) = (.seconds(3600), .seconds(3600))
    return limits
  }
}

extension HTTPServer {
  /// Creates a server whose `handler` answers every request.
  convenience init(
    limits: HTTPLimits = HTTPLimits(), loops: Int = 1, observer: (any HTTPObserver)? = nil,
    handler: @escaping HTTPHandler
  ) {
    self.init(limits: limits, loops: loops, observer: observer) { _, _ in .handle(handler) }
  }
}

/// The client's end of a connection. Blocking calls run on their own threads, so that the server's threads stay free.
final class TestPeer: Sendable {
  private let number: Int32

  /// One end of a socket pair; `server` serves the other end. `first` is sent before serving starts and must fit the
  /// kernel's buffer.
  init(_ server: HTTPServer, sending first: String = "") {
    var pair: [Int32] = [0, 0]
    precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    number = pair[0]
    setTimeout()
    let bytes = Array(first.utf8)
    precondition(Foundation.send(number, bytes, bytes.count, Int32(MSG_NOSIGNAL)) == bytes.count)
    server.serve(SocketDescriptor(owning: pair[1]))
  }

  /// A TCP connection to a loopback address.
  init(host: String, port: Int) throws {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var info: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, String(port), &hints, &info) == 0, let found = info?.pointee else { throw TestPeerError() }
    defer { freeaddrinfo(info) }
    number = socket(found.ai_family, found.ai_socktype, 0)
    guard connect(number, found.ai_addr, found.ai_addrlen) == 0 else { throw TestPeerError() }
    setTimeout()
  }

  /// A connection to a Unix-domain socket.
  init(path: String) throws {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let result = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard result == 0 else { throw TestPeerError() }
    setTimeout()
  }

  deinit { close(number) }

  private func setTimeout() {
    var timeout = timeval(tv_sec: 600, tv_usec: 0)
    setsockopt(number, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(number, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }

  func send(_ text: String) async { await send(Array(text.utf8)) }

  func send(_ bytes: [UInt8]) async { await off { self.sendAll(bytes) } }

  /// Sends `piece` `times` times, pausing before each.
  func drip(_ piece: String, times: Int, pause: Duration) async {
    await off {
      for _ in 0..<times {
        usleep(UInt32(pause / .microseconds(1)))
        self.sendAll(Array(piece.utf8))
      }
    }
  }

  private func sendAll(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(number, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      sent += count
    }
  }

  /// Reads until `enough` returns true, the peer ends or ten minutes have passed.
  func read(until enough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
    // Captures `self`, not its number: the socket must not be closed before this read ends.
    await off { [self] in
      var bytes: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      while !enough(String(decoding: bytes, as: UTF8.self)) {
        let count = recv(number, &piece, piece.count, 0)
        guard count > 0 else { break }
        bytes += piece[..<count]
      }
      return withExtendedLifetime(self) { String(decoding: bytes, as: UTF8.self) }
    }
  }

  /// Reads at most `size` bytes at a time, pausing after each read, until the peer ends. Returns the number of bytes.
  func sip(_ size: Int, pause: Duration) async -> Int {
    await off { [self] in
      var piece = [UInt8](repeating: 0, count: size)
      var total = 0
      while case let count = recv(number, &piece, size, 0), count > 0 {
        total += count
        usleep(UInt32(pause / .microseconds(1)))
      }
      return withExtendedLifetime(self) { total }
    }
  }

  /// Whether the other side ends or resets the connection within ten minutes.
  func isEnded() async -> Bool {
    await off { [self] in
      var byte: UInt8 = 0
      let count = recv(number, &byte, 1, 0)
      let isOver = count == 0 || (count < 0 && errno != EAGAIN)
      return withExtendedLifetime(self) { isOver }
    }
  }

  func endWriting() { shutdown(number, Int32(SHUT_WR)) }
  func endBoth() { shutdown(number, Int32(SHUT_RDWR)) }

  private func off<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }
}

struct TestPeerError: Error {}

/// Waits for a condition that another thread fulfils. Returns false only when the test's time limit has passed.
func eventually(_ condition: @Sendable () -> Bool) async -> Bool {
  while !condition() {
    do { try await Task.sleep(for: .milliseconds(10)) } catch { return condition() }
  }
  return true
}

/// Counts the events of a server.
final class TestObserver: HTTPObserver {
  struct Counts {
    var opened = 0
    var closed = 0
    var bodyBytes = 0
    var mostBodyBytes = 0
    var unsentBytes = 0
    var mostUnsentBytes = 0
    var rejected: [HTTPViolation] = []
    var aborted: [HTTPAbort] = []
  }
  private let state = Mutex(Counts())

  var counts: Counts { state.withLock { $0 } }
  func connectionOpened() { state.withLock { $0.opened += 1 } }
  func connectionClosed() { state.withLock { $0.closed += 1 } }
  func bodyBytesChanged(by change: Int) {
    state.withLock {
      $0.bodyBytes += change
      $0.mostBodyBytes = max($0.mostBodyBytes, $0.bodyBytes)
    }
  }
  func unsentBytesChanged(by change: Int) {
    state.withLock {
      $0.unsentBytes += change
      $0.mostUnsentBytes = max($0.mostUnsentBytes, $0.unsentBytes)
    }
  }
  func rejected(_ violation: HTTPViolation, remoteAddress: String) { state.withLock { $0.rejected.append(violation) } }
  func aborted(_ reason: HTTPAbort, remoteAddress: String) { state.withLock { $0.aborted.append(reason) } }
}
