// One owned socket. Non-copyable, so that the descriptor is closed exactly once and never used afterwards.

import Glibc

/// Owns a socket's descriptor and closes it when this value is destroyed.
package struct SocketDescriptor: ~Copyable, Sendable {
  /// The descriptor number for Dispatch sources and system calls; valid while this value exists.
  package let number: Int32

  /// Takes ownership of `number`.
  package init(owning number: Int32) { self.number = number }

  /// Opens a non-blocking, close-on-exec stream socket of an address family. `name` appears in the error.
  init(openingStreamOf family: Int32, for name: String) throws(TransportError) {
    let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let number = socket(family, type, 0)
    guard number >= 0 else { throw TransportError(.open, name, code: errno) }
    self.number = number
  }

  deinit { _ = Glibc.close(number) }

  /// Returns the number without closing it, to move ownership through a closure, which cannot hold a non-copyable
  /// value.
  package consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }

  /// Sets `O_NONBLOCK` and `FD_CLOEXEC`, which `accept` and `socketpair` leave unset.
  package borrowing func setNonBlocking() {
    _ = fcntl(number, F_SETFL, O_NONBLOCK)
    _ = fcntl(number, F_SETFD, FD_CLOEXEC)
  }

  /// Returns another close-on-exec descriptor for the same socket; nil if the process has few left.
  borrowing func duplicate() -> Int32? {
    let other = fcntl(number, F_DUPFD_CLOEXEC, 0)
    guard other >= 0 else { return nil }
    guard !DescriptorLimit.isScarce(other) else {
      _ = Glibc.close(other)
      return nil
    }
    return other
  }

  package borrowing func set(_ option: Int32, level: Int32 = SOL_SOCKET, to value: Int32) {
    var value = value
    _ = setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size))
  }

  /// The result of one non-blocking call.
  package enum Outcome: Equatable {
    case moved(Int)
    case wouldBlock
    case failed(Int32)
  }

  /// Calls `recv` once. `.moved(0)` is the end of the peer's bytes.
  package borrowing func receive(into buffer: UnsafeMutableRawBufferPointer) -> Outcome {
    Self.outcome { recv(number, buffer.baseAddress, buffer.count, 0) }
  }

  /// Calls `send` once, without `SIGPIPE`. `more` delays a partial segment for the bytes that follow at once.
  package borrowing func send(_ buffer: UnsafeRawBufferPointer, more: Bool = false) -> Outcome {
    let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
    return Self.outcome { Glibc.send(number, buffer.baseAddress, buffer.count, flags) }
  }

  /// Shuts down writing: sends FIN after the bytes that the kernel still holds.
  package borrowing func shutdownWriting() { _ = shutdown(number, Int32(SHUT_WR)) }

  private static func outcome(_ call: () -> Int) -> Outcome {
    while true {
      let count = call()
      if count >= 0 { return .moved(count) }
      switch errno {
      case EINTR: continue
      case EAGAIN: return .wouldBlock
      case let code: return .failed(code)
      }
    }
  }
}
