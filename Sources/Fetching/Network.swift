// IP addresses as bytes, and networks in CIDR notation (RFC 4632, RFC 4291 2.3).
import Glibc
import Text

/// A range of IPv4 or IPv6 addresses with a common prefix. The two families never match each other.
package struct Network: Sendable, Equatable {
  /// 4 or 16 bytes in network order; bits after the prefix are zero.
  let address: [UInt8]
  /// The length of the prefix in bits.
  let prefix: Int

  /// Parses `10.1.0.0/16`, `fd00::/8` or a single address. Nil for anything else, also if bits after the prefix are
  /// set.
  package init?(_ text: String) {
    let parts = text.split(at: "/", omittingEmpty: false)
    guard parts.count <= 2, let first = parts.first, let address = Self.bytes(of: String(first)) else { return nil }
    var prefix = address.count * 8
    if parts.count == 2 {
      let digits = parts[1].utf8
      guard (1...3).contains(digits.count), digits.allSatisfy({ (0x30...0x39).contains($0) }),
        let number = Int(parts[1]), number <= prefix
      else { return nil }
      prefix = number
    }
    guard Self.masked(address, prefix) == address else { return nil }
    (self.address, self.prefix) = (address, prefix)
  }

  /// Whether `other`, 4 or 16 bytes in network order, is in this network.
  package func contains(_ other: [UInt8]) -> Bool {
    other.count == address.count && Self.masked(other, prefix) == address
  }

  /// Returns the bytes of an address as `inet_pton` parses it: dotted decimals, or IPv6 without a zone.
  package static func bytes(of text: String) -> [UInt8]? {
    guard !text.utf8.contains(0) else { return nil }
    var v4 = in_addr()
    if inet_pton(AF_INET, text, &v4) == 1 { return withUnsafeBytes(of: v4, Array.init) }
    var v6 = in6_addr()
    if inet_pton(AF_INET6, text, &v6) == 1 { return withUnsafeBytes(of: v6, Array.init) }
    return nil
  }

  private static func masked(_ address: [UInt8], _ prefix: Int) -> [UInt8] {
    address.enumerated().map { index, byte in
      let bits = min(8, max(0, prefix - index * 8))
      return byte & UInt8(truncatingIfNeeded: 0xFF00 >> bits)
    }
  }
}
