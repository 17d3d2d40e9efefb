// `file:` URLs (RFC 8089): `file:///ROOT/NAME`, with the root as in the settings, or `file:NAME` relative to it.

import Text

/// A path below the root: at least one name; no name is empty, `.` or `..` or contains a slash or NUL.
package struct FilePath: Sendable, Equatable {
  /// The names, joined by slashes.
  package let relative: String

  /// Parses a URL. `root` is an absolute path. Throws `.malformed` for other forms of URL and `.outside` for other
  /// paths.
  package init(url: String, root: String) throws(FetchError) {
    guard url.utf8.count <= 4096, Self.isFileURL(url) else { throw .malformed }
    var rest = url.utf8.dropFirst(5)
    // File names in URLs contain no query, fragment, backslash or white space.
    guard rest.allSatisfy({ $0 > 0x20 && $0 != 0x7F && !"?#\\".utf8.contains($0) }) else { throw .malformed }
    if rest.starts(with: "//".utf8) {
      rest = rest.dropFirst(2)
      let authority = rest.prefix { $0 != UInt8(ascii: "/") }
      guard authority.isEmpty || Substring(authority).lowercased() == "localhost" else { throw .malformed }
      rest = rest.dropFirst(authority.count)
      guard !rest.isEmpty else { throw .malformed }
    }
    let isAbsolute = rest.first == UInt8(ascii: "/")
    if isAbsolute { rest = rest.dropFirst() }
    var names: [[UInt8]] = []
    for part in rest.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      guard let name = Self.decoded(part), Self.isName(name) else { throw .malformed }
      names.append(name)
    }
    if isAbsolute {
      let prefix = root.utf8.split(separator: UInt8(ascii: "/")).map(Array.init)
      guard names.starts(with: prefix) else { throw .outside }
      names.removeFirst(prefix.count)
    }
    guard !names.isEmpty else { throw .outside }
    guard let relative = String(validating: names.joined(separator: [UInt8(ascii: "/")]), as: UTF8.self) else {
      throw .malformed
    }
    self.relative = relative
  }

  /// Whether the URL's scheme is `file`.
  static func isFileURL(_ url: String) -> Bool {
    String(decoding: url.utf8.prefix(5), as: UTF8.self).lowercased() == "file:"
  }

  private static func isName(_ name: [UInt8]) -> Bool {
    !name.isEmpty && name.count < 256 && name != [UInt8(ascii: ".")] && name != Array("..".utf8)
      && !name.contains(UInt8(ascii: "/")) && !name.contains(0)
  }

  /// Percent-decodes text, RFC 3986 2.1.
  private static func decoded(_ text: Substring.UTF8View.SubSequence) -> [UInt8]? {
    var bytes: [UInt8] = []
    var rest = text[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
  }
}
