// URLs of remote images. Only libcurl's parser reads them, and the checked value is the one fetched, so that two
// parsers cannot disagree about the host.
import CFetch

/// A parsed `http:` or `https:` URL without user information and fragment.
///
/// Unchecked Sendable: `handle` is only read after initialisation, which libcurl allows from several threads, and
/// freed once.
package final class RemoteURL: @unchecked Sendable {
  /// The limit on the length of a URL in bytes.
  static let maxBytes = 8192

  let handle: OpaquePointer
  /// `http` or `https`.
  package let scheme: String
  /// The host in lower-case ASCII; IPv4 in dotted decimals, IPv6 in brackets.
  package let host: String
  /// The port to connect to.
  package let port: UInt16

  /// Parses a URL. Nil if libcurl rejects it, or if it has user information, no two slashes before the host,
  /// characters that RFC 3986 forbids, backslashes, or a non-ASCII host (international names must be in Punycode).
  package init?(_ text: String) {
    let bytes = text.utf8
    let afterScheme = bytes.drop { $0 != UInt8(ascii: ":") }
    guard afterScheme.starts(with: "://".utf8), afterScheme.dropFirst(3).first != UInt8(ascii: "/"),
      bytes.count <= Self.maxBytes, bytes.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\\") }),
      let handle = cf_url_parse(text)
    else { return nil }
    let host = String(cString: cf_url_host(handle))
    guard host.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      cf_url_free(handle)
      return nil
    }
    self.handle = handle
    self.host = host.lowercased()
    scheme = String(cString: cf_url_scheme(handle))
    port = cf_url_port(handle)
  }

  deinit { cf_url_free(handle) }

  /// Whether the URL consists only of scheme, host and port.
  var isOrigin: Bool { cf_url_is_origin(handle) != 0 }
}
