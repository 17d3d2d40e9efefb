// The file of a Unix-domain socket. It outlives a killed process, so a file whose socket accepts no connections is
// replaced. Anything else at the path belongs to someone else and is left alone.

import Glibc

/// A bound socket's file, identified by device and inode, since the path may later name another file.
struct UnixSocketFile: Sendable {
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Binds `socket` to `path`. The file gets its mode before the socket listens, so nobody can connect earlier.
  init(binding socket: borrowing SocketDescriptor, to path: String, mode: UInt32) throws(TransportError) {
    let name = "unix:\(path)"
    let address = try SocketAddress(path: path)
    try Self.removeAbandoned(path, address)
    // Linux creates the file with the socket's mode minus the umask; the missing bits are set afterwards.
    guard fchmod(socket.number, mode) == 0, address.withSockaddr({ bind(socket.number, $0, $1) }) == 0 else {
      throw TransportError(.bind, name, code: errno)
    }
    var status = stat()
    guard chmod(path, mode) == 0, lstat(path, &status) == 0 else {
      let code = errno
      unlink(path)
      throw TransportError(.bind, name, code: code)
    }
    self.path = path
    device = status.st_dev
    inode = status.st_ino
  }

  /// Removes the file unless another one has replaced it. Call this before closing the socket, which frees the inode.
  func remove() {
    var status = stat()
    if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
  }

  /// Removes the file at `path` if it is the socket of a process that has ended; otherwise throws.
  private static func removeAbandoned(_ path: String, _ address: SocketAddress) throws(TransportError) {
    let name = "unix:\(path)"
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw TransportError(.bind, name, reason: "the file exists and is not a socket")
    }
    let probe = try SocketDescriptor(openingStreamOf: AF_UNIX, for: name)
    if address.withSockaddr({ connect(probe.number, $0, $1) }) == 0 || errno == EAGAIN {
      throw TransportError(.bind, name, code: EADDRINUSE)
    }
    guard errno == ECONNREFUSED else { throw TransportError(.bind, name, code: errno) }
    guard unlink(path) == 0 || errno == ENOENT else { throw TransportError(.bind, name, code: errno) }
  }
}
