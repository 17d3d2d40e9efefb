// Who a request is served for. Queues and slots are shared fairly between clients, so everything that waits or runs knows its client.

/// The identity that shares of the server are counted by: an API key's name or, without keys, the peer's address.
package struct ClientID: Sendable, Hashable {
  /// Kept as bytes: addresses and names are compared exactly, never after Unicode normalisation.
  private let bytes: [UInt8]

  /// The client that presented the key with this name.
  package init(key name: String) { bytes = [UInt8(ascii: "k")] + Array(name.utf8) }

  /// The client at an address without port; empty for a Unix-domain socket.
  package init(address: String) { bytes = [UInt8(ascii: "a")] + Array(address.utf8) }

  /// The server itself, for work that no client waits for.
  package static let server = ClientID(address: "")
}
