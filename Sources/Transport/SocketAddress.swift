// IPv4 and IPv6 addresses: from names at start-up, to text for logs and limits. Paths of Unix-domain sockets.

import Glibc
import Text

/// An IPv4 or IPv6 address with port, or a path.
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

  /// The most bytes of a Unix-domain socket's path, unix(7): with a zero behind it, it must fit 108.
  static let longestPath = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// The address of the Unix-domain socket at `path`.
  init(path: String) throws(TransportError) {
    let bytes = Array(path.utf8)
    guard bytes.count <= Self.longestPath else {
      throw TransportError(
        .bind, "unix:\(path)", reason: "the path has \(bytes.count) bytes, the limit is \(Self.longestPath)")
    }
    guard !bytes.isEmpty, !bytes.contains(0) else { throw TransportError(.bind, "unix:\(path)", reason: "not a path") }
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

  /// The address without port; an IPv4 address mapped into IPv6 reads as the IPv4 address. Empty for other families.
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

  /// Calls `body` with the form that system calls take.
  func withSockaddr<R>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> R) -> R {
    withUnsafePointer(to: storage) { $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) } }
  }

  /// Fills an address from a system call that writes one, for instance `accept` or `getsockname`.
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

  /// All stream addresses of `host`, IPv4 first. Blocks on the resolver: for start-up, not for requests.
  package static func resolve(host: String, port: Int) throws(TransportError) -> [SocketAddress] {
    let name = "\(host):\(port)"
    guard (0...65535).contains(port) else { throw TransportError(.resolve, name, reason: "a port is 0 to 65535") }
    guard !host.utf8.contains(0), !host.isEmpty else { throw TransportError(.resolve, name, reason: "not a host name") }
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
    // A hosts file often names only one of the two loopback addresses.
    if host == "localhost" { addresses = try resolve(host: "127.0.0.1", port: port) + resolve(host: "::1", port: port) }
    return addresses.filter { !$0.isIPv6 } + addresses.filter(\.isIPv6)
  }
}
