// Accepts connections on one address, on the given queue. When the process is out of descriptors, a spare one is used
// to accept and reject the connection. If that fails too, accepting pauses briefly instead of spinning on a socket
// that stays readable.

import Dispatch
import Glibc
import Synchronization
import Text

/// A bound, listening TCP or Unix-domain socket.
package final class Listener: Sendable {
  /// The address on which connections are accepted, with the port chosen by the system.
  package let address: SocketAddress

  /// The state that ensures that a cancelled source is never resumed.
  private let state: Mutex<State>

  // Dispatch sources are thread-safe objects; the mutex orders suspend, resume and cancel.
  private struct State: @unchecked Sendable {
    var source: (any DispatchSourceRead)?
    var isResting = false
    /// The file of a Unix-domain socket.
    var file: UnixSocketFile?
  }

  /// Handles one accepted connection, on the listener's queue. The socket is non-blocking and close-on-exec, and
  /// Nagle's algorithm is off for TCP. A handler for connections beyond the descriptor limit must close the socket
  /// before it returns.
  package typealias Accepted = @Sendable (_ connection: consuming SocketDescriptor, _ peer: SocketAddress) -> Void

  /// A descriptor that is closed to accept a connection beyond the limit; negative if there is none.
  private let spare = Mutex<Int32>(Listener.openSpare())

  /// The pause in accepting after `EMFILE`, `ENFILE`, `ENOBUFS` or `ENOMEM`.
  private static let pauseTime = DispatchTimeInterval.milliseconds(100)
  /// The limit on connections accepted in one event, so that open connections can run.
  private static let batch = 64

  /// Binds and listens. `::` accepts IPv4 connections too; other IPv6 addresses accept only IPv6.
  package convenience init(
    _ wanted: SocketAddress, queue: DispatchQueue, backlog: Int32 = 1024, overflow: @escaping Accepted = { _, _ in },
    accepted: @escaping Accepted
  ) throws(TransportError) {
    let name = "\(wanted.isIPv6 ? "[\(wanted.host)]" : wanted.host):\(wanted.port)"
    let socket = try SocketDescriptor(openingStreamOf: wanted.isIPv6 ? AF_INET6 : AF_INET, for: name)
    socket.set(SO_REUSEADDR, to: 1)
    if wanted.isIPv6 { socket.set(IPV6_V6ONLY, level: Int32(IPPROTO_IPV6), to: wanted.host == "::" ? 0 : 1) }
    guard wanted.withSockaddr({ bind(socket.number, $0, $1) }) == 0 else {
      throw TransportError(.bind, name, code: errno)
    }
    try self.init(bound: socket, name: name, file: nil, queue, backlog, overflow, accepted)
  }

  /// Binds and listens at `path`, creating the file with the permissions `mode`. Closing the listener removes the
  /// file.
  ///
  /// Replaces the socket file of a process that has ended. Throws if the socket is in use or if the path is another
  /// kind of file.
  package convenience init(
    unix path: String, mode: UInt32, queue: DispatchQueue, backlog: Int32 = 1024,
    overflow: @escaping Accepted = { _, _ in },
    accepted: @escaping Accepted
  ) throws(TransportError) {
    let name = "unix:\(path)"
    let socket = try SocketDescriptor(openingStreamOf: AF_UNIX, for: name)
    let file = try UnixSocketFile(binding: socket, to: path, mode: mode)
    do throws(TransportError) {
      try self.init(bound: socket, name: name, file: file, queue, backlog, overflow, accepted)
    } catch {
      file.remove()
      throw error
    }
  }

  private init(
    bound socket: consuming SocketDescriptor, name: String, file: UnixSocketFile?, _ queue: DispatchQueue,
    _ backlog: Int32, _ overflow: @escaping Accepted, _ accepted: @escaping Accepted
  ) throws(TransportError) {
    guard Glibc.listen(socket.number, backlog) == 0 else { throw TransportError(.listen, name, code: errno) }
    address = SocketAddress.filled { getsockname(socket.number, $0, $1) }.1
    let owned = socket.release()
    let source = DispatchSource.makeReadSource(fileDescriptor: owned, queue: queue)
    state = Mutex(State(source: source, file: file))
    source.setCancelHandler { _ = SocketDescriptor(owning: owned) }
    source.setEventHandler { [weak self] in
      for _ in 0..<Self.batch {
        let (result, peer) = SocketAddress.filled { accept(owned, $0, $1) }
        guard result >= 0 else {
          switch errno {
          case EINTR, ECONNABORTED, EPROTO: continue  // This connection is gone; the next may be usable.
          case EMFILE, ENFILE:
            if self?.reject(on: owned, overflow) == true { continue }
            self?.pause(queue)
          case ENOBUFS, ENOMEM: self?.pause(queue)
          default: break
          }
          return
        }
        let connection = SocketDescriptor(owning: result)
        connection.setNonBlocking()
        if file == nil { connection.set(TCP_NODELAY, level: Int32(IPPROTO_TCP), to: 1) }
        accepted(connection, peer)
      }
    }
    source.activate()
  }

  deinit {
    close()
    spare.withLock { if $0 >= 0 { Glibc.close($0) } }
  }

  /// Stops accepting. The kernel resets connections that wait in the backlog.
  package func close() {
    state.withLock { state in
      state.file?.remove()  // While the socket is open, no other file can have its inode.
      state.file = nil
      if state.isResting { state.source?.resume() }  // A suspended source never runs its cancel handler.
      state.isResting = false
      state.source?.cancel()
      state.source = nil
    }
  }

  private static func openSpare() -> Int32 { open("/dev/null", O_RDONLY | O_CLOEXEC) }

  /// Accepts a connection with the spare descriptor and passes it on for rejection. Returns false without a
  /// connection or descriptor.
  private func reject(on socket: Int32, _ overflow: Accepted) -> Bool {
    spare.withLock { spare in
      if spare >= 0 { Glibc.close(spare) }
      defer { spare = Self.openSpare() }
      let (result, peer) = SocketAddress.filled { accept(socket, $0, $1) }
      guard result >= 0 else { return false }
      let connection = SocketDescriptor(owning: result)
      connection.setNonBlocking()
      overflow(connection, peer)
      return true
    }
  }

  private func pause(_ queue: DispatchQueue) {
    state.withLock { state in
      guard let source = state.source, !state.isResting else { return }
      state.isResting = true
      source.suspend()
    }
    queue.asyncAfter(deadline: .now() + Self.pauseTime) { [weak self] in
      self?.state.withLock { state in
        guard state.isResting else { return }
        state.isResting = false
        state.source?.resume()
      }
    }
  }
}
