// The client of a request. Queues and slots are shared fairly between clients.

import Glibc

/// The identity of a client: the name of its API key or, without keys, its address.
package struct ClientID: Sendable, Hashable {
  /// Bytes, because names and addresses are compared exactly, without Unicode normalisation.
  private let bytes: [UInt8]

  /// The client with the key of this name.
  package init(key name: String) { bytes = [UInt8(ascii: "k")] + Array(name.utf8) }

  /// The client at an address without port; empty for a Unix-domain socket. IPv6 addresses with the same first 64 bits
  /// are one client, because a subscriber has at least these. An IPv4-mapped address is its IPv4 address.
  package init(address: String) {
    var parsed = in6_addr()
    guard address.utf8.contains(UInt8(ascii: ":")), inet_pton(AF_INET6, address, &parsed) == 1 else {
      bytes = [UInt8(ascii: "a")] + Array(address.utf8)
      return
    }
    let whole = withUnsafeBytes(of: parsed) { [UInt8]($0) }
    if whole[..<12].elementsEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]) {
      bytes = [UInt8(ascii: "a")] + Array(whole[12...].map(String.init).joined(separator: ".").utf8)
    } else {
      bytes = [UInt8(ascii: "n")] + whole[..<8]
    }
  }

  /// The server itself, for work that no client waits for.
  package static let server = ClientID(address: "")
}
