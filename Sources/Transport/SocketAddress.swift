// IPv4 and IPv6 addresses, resolved from names and formatted for logs and limits, and paths of Unix-domain sockets.

import Glibc
import Text

/// An IPv4 or IPv6 address with a port, or a path.
package struct SocketAddress: Sendable {
  private(set) var storage = sockaddr_storage()
  private(set) var length: socklen_t = 0

  init() {}

  init(_ address: UnsafePointer<sockaddr>, length: socklen_t) {
    self.length = min(length, socklen_t(MemoryLayout<sockaddr_storage>.size))
    withUnsafeMutableBytes(of: &storage) {
      $0.copyMemory(from: UnsafeRawBufferPointer(start: address, count: Int(self.length)))
    }
  }

  /// The maximum length of a Unix-domain socket's path in bytes, unix(7): 108 with its terminating zero.
  static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// The address of the Unix-domain socket at `path`.
  init(path: String) throws(TransportError) {
    let bytes = Array(path.utf8)
    guard bytes.count <= Self.longestPath else {
      throw TransportError(
        .bind, "unix:\(path)", reason: "the path must have at most \(Self.longestPath) bytes, got \(bytes.count)")
    }
    guard !bytes.isEmpty, !bytes.contains(0) else {
      throw TransportError(.bind, "unix:\(path)", reason: "the path must not be empty or contain a NUL byte")
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    self = withUnsafePointer(to: address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        SocketAddress($0, length: socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }

  package var isIPv6: Bool { storage.ss_family == sa_family_t(AF_INET6) }

  /// The port; 0 for other families.
  package var port: Int {
    get {
      withUnsafeBytes(of: storage) { bytes in
        switch Int32(storage.ss_family) {
        case AF_INET: Int(UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in.self).sin_port))
        case AF_INET6: Int(UInt16(bigEndian: bytes.loadUnaligned(as: sockaddr_in6.self).sin6_port))
        default: 0
        }
      }
    }
    set {
      // sin_port and sin6_port share their offset.
      withUnsafeMutableBytes(of: &storage) {
        $0.storeBytes(of: in_port_t(truncatingIfNeeded: newValue).bigEndian, toByteOffset: 2, as: in_port_t.self)
      }
    }
  }

  /// The address without port; empty for other families. An IPv4 address mapped into IPv6 is formatted as the IPv4
  /// address.
  package var host: String {
    withUnsafeBytes(of: storage) { bytes in
      switch Int32(storage.ss_family) {
      case AF_INET:
        let address = UInt32(bigEndian: bytes.loadUnaligned(as: sockaddr_in.self).sin_addr.s_addr)
        return [24, 16, 8, 0].map { String(address >> UInt32($0) & 0xFF) }.joined(separator: ".")
      case AF_INET6:
        var address = bytes.loadUnaligned(as: sockaddr_in6.self).sin6_addr
        var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        guard inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "" }
        let host = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let mapped = "::ffff:"
        return host.hasPrefix(mapped) && host.contains(exactly: ".") ? String(host.dropFirst(mapped.count)) : host
      default: return ""
      }
    }
  }

  /// Calls `body` with the address as system calls expect it.
  func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  /// Creates an address with a system call that writes one, for instance `accept` or `getsockname`.
  static func filled<R>(by body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> R) -> (
    R, SocketAddress
  ) {
    var address = SocketAddress()
    address.length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &address.storage) { storage in
      storage.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, &address.length) }
    }
    return (result, address)
  }

  /// Returns all stream addresses of `host`, IPv4 first. Blocks on the resolver, so it is meant for start-up.
  package static func resolve(host: String, port: Int) throws(TransportError) -> [SocketAddress] {
    let name = "\(host):\(port)"
    guard (0...65535).contains(port) else {
      throw TransportError(.resolve, name, reason: "the port must be between 0 and 65535, got \(port)")
    }
    guard !host.utf8.contains(0), !host.isEmpty else {
      throw TransportError(.resolve, name, reason: "the host name must not be empty or contain a NUL byte")
    }
    var hints = addrinfo()
    hints.ai_family = AF_UNSPEC
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var first: UnsafeMutablePointer<addrinfo>?
    let status = getaddrinfo(host, String(port), &hints, &first)
    guard status == 0 else { throw TransportError(.resolve, name, reason: String(cString: gai_strerror(status))) }
    defer { freeaddrinfo(first) }
    var addresses: [SocketAddress] = []
    var next = first
    while let info = next?.pointee {
      next = info.ai_next
      guard let address = info.ai_addr else { continue }
      let found = SocketAddress(address, length: info.ai_addrlen)
      if !addresses.contains(where: { $0.host == found.host }) { addresses.append(found) }
    }
    // A hosts file often lists only one of the two loopback addresses.
    if host == "localhost" { addresses = try resolve(host: "127.0.0.1", port: port) + resolve(host: "::1", port: port) }
    return addresses.filter { !$0.isIPv6 } + addresses.filter(\.isIPv6)
  }
}
