// URLs of images elsewhere, read by libcurl's parser and by nothing else: the value that was checked is the one that is fetched,
// so that two parsers cannot disagree about the host.
import CFetch

/// A parsed `http:` or `https:` URL without user information and fragment.
///
/// Unchecked: `handle` is only read after the initialiser, which libcurl allows from several threads, and freed once.
package final class RemoteURL: @unchecked Sendable {
  /// Bytes that a URL may have.
  static let maxBytes = 8192

  let handle: OpaquePointer
  /// `http` or `https`.
  package let scheme: String
  /// In lower case, ASCII; IPv4 in dotted decimals, IPv6 in brackets.
  package let host: String
  /// The port that is connected to.
  package let port: UInt16

  /// Nil where libcurl refuses the URL, and for user information, other than two slashes before the host, characters that URLs do not have (RFC 3986), back slashes, and
  /// hosts that are not ASCII: international names are written in Punycode.
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

  /// Whether the URL is nothing but scheme, host and port.
  var isOrigin: Bool { cf_url_is_origin(handle) != 0 }
}
