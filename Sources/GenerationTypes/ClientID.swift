// Who a request is served for. Queues and slots are shared fairly between clients, so everything that waits or runs knows its client.

import Glibc

/// The identity that shares of the server are counted by: an API key's name or, without keys, the peer's address.
package struct ClientID: Sendable, Hashable {
  /// Kept as bytes: addresses and names are compared exactly, never after Unicode normalisation.
  private let bytes: [UInt8]

  /// The client that presented the key with this name.
  package init(key name: String) { bytes = [UInt8(ascii: "k")] + Array(name.utf8) }

  /// The client at an address without port; empty for a Unix-domain socket. Addresses of IPv6 are one client by their first 64 bits,
  /// which one subscriber has at least; those that stand for an IPv4 address are that address.
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
