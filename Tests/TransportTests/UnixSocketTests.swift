import Dispatch
import Foundation
import Synchronization
import Testing
import Transport

/// A folder with a short path that is deleted with this object.
private final class Folder {
  let path: String

  init() {
    path = NSTemporaryDirectory() + "r4b-" + String(UInt64.random(in: 0 ... .max), radix: 36)
    precondition(mkdir(path, 0o700) == 0)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}

private func kind(_ path: String) -> UInt32? {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_mode & S_IFMT : nil
}

private func permissions(_ path: String) -> UInt32? {
  var status = stat()
  return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
}

/// Calls `body` with a path in the form that `bind` and `connect` expect.
private func withAddress<R>(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
  return withUnsafePointer(to: address) {
    $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, socklen_t(MemoryLayout<sockaddr_un>.size)) }
  }
}

/// Returns a connected client socket, or -1 if nobody listens.
private func connected(to path: String) -> Int32 {
  let number = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  if withAddress(path, { connect(number, $0, $1) }) == 0 { return number }
  close(number)
  return -1
}

@Suite struct `Unix-domain sockets` {
  private let folder = Folder()
  private let queue = DispatchQueue(label: "test")
  private var path: String { folder.path + "/socket" }

  private func listen(_ path: String, mode: UInt32 = 0o600) throws(TransportError) -> Listener {
    try Listener(unix: path, mode: mode, queue: queue) { connection, peer in
      _ = Array((peer.host + "hello").utf8).withUnsafeBytes { connection.send($0) }
    }
  }

  private func refusal(_ path: String) -> String? {
    do throws(TransportError) {
      try listen(path).close()
      return nil
    } catch {
      return error.description
    }
  }

  @Test func `a connection is accepted, and its peer has no address`() throws {
    let listener = try listen(path)
    let client = connected(to: path)
    #expect(client >= 0)
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = recv(client, &bytes, bytes.count, 0)
    #expect(String(decoding: bytes[..<max(0, count)], as: UTF8.self) == "hello")
    close(client)
    #expect(listener.address.host == "" && listener.address.port == 0)
    listener.close()
    #expect(kind(path) == nil)
    listener.close()
  }

  @Test(arguments: [0o600, 0o660, 0o666, 0o777, 0o000] as [UInt32]) func `the file has the requested mode`(mode: UInt32)
    throws
  {
    let listener = try listen(path, mode: mode)
    #expect(permissions(path) == mode)
    listener.close()
  }

  @Test func `the socket of a process that has ended is replaced`() throws {
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(withAddress(path) { bind(left, $0, $1) } == 0)
    close(left)
    #expect(kind(path) == S_IFSOCK)
    let listener = try listen(path)
    close(connected(to: path))
    listener.close()
    #expect(kind(path) == nil)
  }

  @Test func `a socket in use is not replaced`() throws {
    let first = try listen(path)
    #expect(refusal(path) == "cannot bind unix:\(path): Address already in use")
    let client = connected(to: path)
    #expect(client >= 0)
    close(client)
    first.close()
  }

  @Test func `a file of another kind is not replaced`() throws {
    try Data("precious".utf8).write(to: URL(fileURLWithPath: path))
    #expect(refusal(path) == "cannot bind unix:\(path): the file exists and is not a socket")
    #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("precious".utf8))
    let folder = folder.path + "/folder"
    #expect(mkdir(folder, 0o700) == 0)
    #expect(refusal(folder)?.hasSuffix("the file exists and is not a socket") == true)
    // A link is not followed, whatever its target.
    let (link, target) = (self.folder.path + "/link", self.folder.path + "/target")
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    #expect(withAddress(target) { bind(left, $0, $1) } == 0)
    close(left)
    #expect(symlink(target, link) == 0)
    #expect(refusal(link)?.hasSuffix("the file exists and is not a socket") == true)
    #expect(kind(link) == S_IFLNK && kind(target) == S_IFSOCK)
    // An open socket of another type is not mistaken for an abandoned one.
    let datagrams = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)
    let mailbox = self.folder.path + "/mailbox"
    #expect(withAddress(mailbox) { bind(datagrams, $0, $1) } == 0)
    #expect(refusal(mailbox) != nil && kind(mailbox) == S_IFSOCK)
    close(datagrams)
  }

  @Test func `a path that is too long, empty or contains NUL is rejected`() {
    let long = folder.path + "/" + String(repeating: "x", count: 107 - folder.path.utf8.count)
    #expect(long.utf8.count == 108)
    #expect(refusal(long) == "cannot bind unix:\(long): the path must have at most 107 bytes, got 108")
    #expect(refusal(String(long.dropLast())) == nil)
    #expect(refusal("") == "cannot bind unix:: the path must not be empty or contain a NUL byte")
    #expect(refusal("/tmp/a\u{0}b")?.hasSuffix("must not be empty or contain a NUL byte") == true)
    #expect(refusal(folder.path + "/nowhere/socket")?.hasSuffix("No such file or directory") == true)
  }

  @Test func `a file that has replaced the socket is not removed`() throws {
    let listener = try listen(path)
    #expect(rename(path, path + ".old") == 0)
    try Data("other".utf8).write(to: URL(fileURLWithPath: path))
    listener.close()
    #expect(kind(path) == S_IFREG)
  }
}
