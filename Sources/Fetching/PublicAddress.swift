// Classifies addresses of the public Internet by IANA's special-purpose registries (RFC 6890). Addresses that are not
// known to be public are not: clients must not use the server to reach what only the server can reach.

/// The classification of addresses.
package enum PublicAddress {
  /// Whether an address (4 or 16 bytes in network order) is on the public Internet and is not another form of an IPv4
  /// address.
  package static func isPublic(_ address: [UInt8]) -> Bool {
    switch address.count {
    case 4: !specialV4.contains { $0.contains(address) }
    case 16: globalUnicast.contains { $0.contains(address) } && !specialV6.contains { $0.contains(address) }
    default: false
    }
  }

  private static let specialV4 = [
    "0.0.0.0/8",  // this network, RFC 791
    "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",  // private, RFC 1918
    "100.64.0.0/10",  // shared by carriers, RFC 6598
    "127.0.0.0/8",  // loopback
    "169.254.0.0/16",  // link-local, RFC 3927, and the metadata of cloud providers
    "168.63.129.16/32",  // Azure's platform address
    "192.0.0.0/24",  // protocol assignments, RFC 6890
    "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",  // documentation, RFC 5737
    "192.88.99.0/24",  // 6to4 relays, RFC 7526
    "198.18.0.0/15",  // benchmarks, RFC 2544
    "224.0.0.0/4",  // multicast, RFC 5771
    "240.0.0.0/4",  // reserved and broadcast, RFC 1112
  ].compactMap(Network.init)

  /// All addresses that IANA has allocated. This excludes loopback, unspecified, v4-mapped and v4-compatible, NAT64
  /// (64:ff9b::/96 and 64:ff9b:1::/48), discard-only, unique-local, link-local, site-local and multicast addresses.
  private static let globalUnicast = ["2000::/3"].compactMap(Network.init)

  private static let specialV6 = [
    "2001::/23",  // protocol assignments, RFC 2928: Teredo, benchmarks, ORCHID
    "2001:db8::/32", "3fff::/20",  // documentation, RFC 3849 and RFC 9637
    "2002::/16",  // 6to4, RFC 3056
  ].compactMap(Network.init)
}
