// Entries of `images.remote`: `[http://|https://]HOST[:PORT]`, where HOST is a name, `*.NAME`, an IPv4 address or an
// IPv6 address in brackets. Defaults are https and the port of the scheme; all three must match exactly.

import Text

/// An allowed origin, or the origins of a domain's subdomains.
package struct HostRule: Sendable, Equatable {
  private let scheme: String
  /// The host, or the text after `*.`.
  private let host: String
  private let port: UInt16
  private let isWildcard: Bool

  /// Parses an entry. Nil if it is malformed; a wildcard needs a domain of at least two labels.
  package init?(_ entry: String) {
    var rest = entry[...]
    var scheme = "https"
    for candidate in ["https", "http"] where rest.hasPrefix("\(candidate)://") {
      scheme = candidate
      rest = rest.dropFirst(candidate.count + 3)
      break
    }
    isWildcard = rest.hasPrefix("*.")
    if isWildcard { rest = rest.dropFirst(2) }
    guard !rest.utf8.contains(where: { "*/#?%".utf8.contains($0) }), let url = RemoteURL("\(scheme)://\(rest)"),
      url.isOrigin
    else { return nil }
    let labels = url.host.split(at: ".", omittingEmpty: false)
    if isWildcard, labels.count < 2 || labels.contains(where: \.isEmpty) || Self.isAddress(url.host) { return nil }
    self.scheme = scheme
    host = url.host
    port = url.port
  }

  /// Whether the rule allows the scheme, host and port of `url`.
  package func admits(_ url: RemoteURL) -> Bool {
    guard url.scheme == scheme, url.port == port else { return false }
    if !isWildcard { return url.host == host }
    return url.host.hasSuffix(".\(host)") && url.host.utf8.count > host.utf8.count + 1
  }

  private static func isAddress(_ host: String) -> Bool { host.hasPrefix("[") || Network.bytes(of: host) != nil }
}
