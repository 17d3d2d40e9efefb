// Protects the server from web pages that its user visits, by the Host allow-list (DNS rebinding) and CORS (other
// origins). Besides, bodies must be JSON, which a page cannot send to another origin without a preflight.
import HTTP
import Text

/// Decides from `Host` and `Origin` whether a web page may use the server.
struct BrowserGuard: Sendable {
  let allowedHosts: [String]?
  let origins: [String]

  /// Whether `host` is one of the server's names.
  func admits(host: String?) -> Bool {
    guard let allowedHosts else { return true }
    guard let host else { return false }
    return allowedHosts.contains(exactly: Self.name(of: host))
  }

  /// The name in a `Host` value: without port, brackets of an IPv6 address kept, lower case.
  private static func name(of host: String) -> String {
    let lower = host.lowercasedASCII
    let isIPv6 = lower.hasPrefix(exactly: "[")
    guard let end = lower.utf8.firstIndex(of: UInt8(ascii: isIPv6 ? "]" : ":")) else { return lower }
    return String(isIPv6 ? lower[...end] : lower[..<end])
  }

  /// The origin to state in the response, or nil. Credentials are never allowed, so `*` reveals nothing.
  private func admitted(_ request: HTTPRequest) -> String? {
    guard let origin = request.headers["origin"] else { return nil }
    if origins.contains(exactly: "*") { return "*" }
    return origins.contains(exactly: origin) ? origin : nil
  }

  /// Adds the headers with which a page of an allowed origin may read the response.
  func decorate(_ response: inout HTTPResponse, for request: HTTPRequest) {
    if origins.isEmpty { return }
    response.headers.append("vary", "Origin")
    guard let origin = admitted(request) else { return }
    response.headers["access-control-allow-origin"] = origin
    response.headers["access-control-expose-headers"] =
      "x-request-id, openai-processing-ms, x-ignored-parameters, retry-after"
  }

  /// The answer to a preflight (Fetch standard) from an allowed origin; nil for any other request.
  func preflight(_ request: HTTPRequest, allow: String) -> HTTPResponse? {
    guard request.headers["access-control-request-method"] != nil, admitted(request) != nil else { return nil }
    var response = HTTPResponse(
      status: 204, headers: ["access-control-allow-methods": allow, "access-control-max-age": "600"])
    let asked = (request.headers["access-control-request-headers"] ?? "").utf8.filter { $0 != 0x20 && $0 != 0x09 }
    let names = String(decoding: asked, as: UTF8.self).lowercasedASCII.split(at: ",", maxSplits: 64).prefix(64)
    let allowed = names.map(String.init).filter(Self.isAllowed)
    if !allowed.isEmpty { response.headers["access-control-allow-headers"] = allowed.joined(separator: ", ") }
    return response
  }

  private static func isAllowed(header: String) -> Bool {
    guard header.utf8.allSatisfy({ ($0 >= 0x61 && $0 <= 0x7A) || ($0 >= 0x30 && $0 <= 0x39) || $0 == 0x2D }) else {
      return false
    }
    return ["authorization", "content-type", "x-request-id"].contains(exactly: header)
      || header.hasPrefix(exactly: "x-stainless-") || header.hasPrefix(exactly: "openai-")
  }
}
