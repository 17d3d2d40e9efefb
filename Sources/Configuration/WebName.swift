// Host names and web origins in settings. An entry that browsers never send is an error at startup, because it would
// have no effect.

/// Checks the entries of `server.allowed_hosts` and `server.cors_origins`.
enum WebName {
  /// Returns what is wrong with a host name, an IPv4 address or an IPv6 address in brackets, or nil.
  static func fault(inHost text: String) -> String? {
    let bytes = Array(text.utf8)
    if bytes.count > 255 { return "has more than 255 bytes" }
    if bytes.contains(UInt8(ascii: "*")) { return "has a wildcard, which is not supported: list every name" }
    if contains(bytes, "://") { return "has a scheme: only the host name is expected" }
    if bytes.contains(UInt8(ascii: "/")) { return "has a path: only the host name is expected" }
    if bytes.first == UInt8(ascii: "[") { return isAddress(bytes[...]) ? nil : "is not an IPv6 address in brackets" }
    let colons = bytes.count { $0 == UInt8(ascii: ":") }
    if colons > 1 { return "must have brackets around an IPv6 address, for instance [::1]" }
    if colons == 1 { return "has a port: every port is accepted, so only the host name is expected" }
    if bytes.contains(where: { $0 >= 0x80 }) { return "is not ASCII: write international names in Punycode (xn--…)" }
    return isName(bytes[...]) ? nil : "is not a host name"
  }

  /// Returns what is wrong with an origin (RFC 6454) as browsers send it, or nil.
  static func fault(inOrigin text: String) -> String? {
    let bytes = Array(text.utf8)
    if text.utf8.elementsEqual("*".utf8) { return nil }
    if text.utf8.elementsEqual("null".utf8) {
      return "stands for every sandboxed page and local file, which cannot be told apart: use * to allow all"
    }
    if bytes.count > 512 { return "has more than 512 bytes" }
    if bytes.contains(UInt8(ascii: "*")) {
      return "has a wildcard, which is not supported: list every origin, or use * alone"
    }
    guard let (scheme, rest) = parts(bytes) else { return "has no scheme: write https://\(text) or http://\(text)" }
    if rest.contains(where: { $0 >= 0x80 }) { return "is not ASCII: write international names in Punycode (xn--…)" }
    if rest.contains(where: { "/?#".utf8.contains($0) }) { return "has a path: an origin is scheme, host and port" }
    if rest.contains(UInt8(ascii: "@")) { return "has a user name: an origin is scheme, host and port" }
    let (host, port) = hostAndPort(rest)
    guard isScheme(scheme), isAddress(host) || isName(host) else { return "is not an origin" }
    if let port, !isPort(port) { return "has a port that is not a number from 1 to 65535" }
    return nil
  }

  /// Returns an origin without faults as browsers send it: in lower case, without the scheme's default port.
  static func normalised(origin text: String) -> String {
    let lower = text.lowercased()
    for (scheme, port) in [("https://", ":443"), ("http://", ":80")]
    where lower.hasPrefix(scheme) && lower.hasSuffix(port) {
      return String(lower.dropLast(port.count))
    }
    return lower
  }

  private static func parts(_ bytes: [UInt8]) -> (scheme: ArraySlice<UInt8>, rest: ArraySlice<UInt8>)? {
    guard let colon = bytes.firstIndex(of: UInt8(ascii: ":")), bytes[colon...].starts(with: "://".utf8) else {
      return nil
    }
    return (bytes[..<colon], bytes[(colon + 3)...])
  }

  private static func hostAndPort(_ bytes: ArraySlice<UInt8>) -> (ArraySlice<UInt8>, ArraySlice<UInt8>?) {
    let start = bytes.lastIndex(of: UInt8(ascii: "]")) ?? bytes.startIndex
    guard let colon = bytes[start...].firstIndex(of: UInt8(ascii: ":")) else { return (bytes, nil) }
    return (bytes[..<colon], bytes[(colon + 1)...])
  }

  private static func isScheme(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard let first = bytes.first, isLetter(first) else { return false }
    return bytes.allSatisfy { isLetter($0) || isDigit($0) || "+-.".utf8.contains($0) }
  }

  private static func isName(_ bytes: ArraySlice<UInt8>) -> Bool {
    !bytes.isEmpty && bytes.first != UInt8(ascii: ".")
      && bytes.allSatisfy { isLetter($0) || isDigit($0) || "-._".utf8.contains($0) }
  }

  private static func isAddress(_ bytes: ArraySlice<UInt8>) -> Bool {
    guard bytes.first == UInt8(ascii: "["), bytes.last == UInt8(ascii: "]") else { return false }
    let inner = bytes.dropFirst().dropLast()
    return inner.contains(UInt8(ascii: ":")) && inner.allSatisfy { isDigit($0) || "abcdefABCDEF:.".utf8.contains($0) }
  }

  private static func isPort(_ bytes: ArraySlice<UInt8>) -> Bool {
    bytes.count <= 5 && bytes.allSatisfy(isDigit)
      && (1...65535).contains(Int(String(decoding: bytes, as: UTF8.self)) ?? 0)
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func contains(_ bytes: [UInt8], _ text: String) -> Bool {
    bytes.indices.contains { bytes[$0...].starts(with: text.utf8) }
  }
}

extension Collection<UInt8> where Self: BidirectionalCollection, SubSequence: BidirectionalCollection {
  /// These bytes without carriage returns and line feeds at their end.
  var droppingLineEnds: SubSequence {
    guard let last = lastIndex(where: { $0 != 0x0A && $0 != 0x0D }) else { return self[startIndex..<startIndex] }
    return self[startIndex...last]
  }

  /// These bytes without spaces and tabs at either end.
  var trimmed: SubSequence {
    let isSpace = { (byte: UInt8) in byte == 0x20 || byte == 0x09 }
    guard let first = firstIndex(where: { !isSpace($0) }), let last = lastIndex(where: { !isSpace($0) }) else {
      return self[endIndex..<endIndex]
    }
    return self[first...last]
  }
}
