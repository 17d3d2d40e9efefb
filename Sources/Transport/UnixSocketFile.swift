// The file by which a Unix-domain socket is found. It outlives a process that was killed, so one that nobody answers at is
// replaced; everything else that may stand at the path is somebody's and is left alone.

import Glibc

/// A bound socket's file, by its identity: the path may come to name another one.
struct UnixSocketFile: Sendable {
  private let path: String
  private let device: dev_t
  private let inode: ino_t

  /// Binds `socket` to `path`. Nobody can connect before the socket listens, and the file has its mode by then.
  init(binding socket: borrowing SocketDescriptor, to path: String, mode: UInt32) throws(TransportError) {
    let name = "unix:\(path)"
    let address = try SocketAddress(path: path)
    try Self.removeAbandoned(path, address)
    // Linux gives the file the socket's own mode less the umask; what the umask took too much is added after.
    guard fchmod(socket.number, mode) == 0, address.withSockaddr({ bind(socket.number, $0, $1) }) == 0 else {
      throw TransportError(.bind, name, code: errno)
    }
    var status = stat()
    guard chmod(path, mode) == 0, lstat(path, &status) == 0 else {
      let code = errno
      unlink(path)
      throw TransportError(.bind, name, code: code)
    }
    (self.path, device, inode) = (path, status.st_dev, status.st_ino)
  }

  /// Removes the file unless another one has taken its place. Call before the socket is closed, which frees the identity.
  func remove() {
    var status = stat()
    if lstat(path, &status) == 0, status.st_dev == device, status.st_ino == inode { unlink(path) }
  }

  /// Makes room at `path` where nothing but the socket of a process that is gone stands there.
  private static func removeAbandoned(_ path: String, _ address: SocketAddress) throws(TransportError) {
    let name = "unix:\(path)"
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw TransportError(.bind, name, reason: "a file that is no socket is there")
    }
    let probe = try SocketDescriptor(openingStreamOf: AF_UNIX, for: name)
    if address.withSockaddr({ connect(probe.number, $0, $1) }) == 0 || errno == EAGAIN {
      throw TransportError(.bind, name, code: EADDRINUSE)
    }
    guard errno == ECONNREFUSED else { throw TransportError(.bind, name, code: errno) }
    guard unlink(path) == 0 || errno == ENOENT else { throw TransportError(.bind, name, code: errno) }
  }
}
