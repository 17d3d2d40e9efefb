// API keys. The server holds only their SHA-256 and compares every key with every digest in constant time, so that
// neither timing nor memory reveals a key.
import Digests
import Text

/// The keys that the server accepts, by name.
package struct APIKeys: Sendable {
  private(set) var digests: [(name: String, digest: [UInt8])] = []

  /// The longest `Authorization` value that is examined, in bytes.
  static let longestField = 4096

  package init() {}

  package var isEmpty: Bool { digests.isEmpty }

  /// The names of all keys, in the order in which they were added.
  package var names: [String] { digests.map(\.name) }

  /// Adds `key` under `name`, which logs may show.
  package mutating func add(_ key: String, name: String) { digests.append((name, SHA256.digest(of: Array(key.utf8)))) }

  /// Adds the key with this digest. Returns false if the digest does not have 32 bytes.
  package mutating func add(digest: [UInt8], name: String) -> Bool {
    if digest.count != SHA256.byteCount { return false }
    digests.append((name, digest))
    return true
  }

  /// Returns the name of the key in an `Authorization` value (RFC 6750), or nil.
  package func name(authorization: String?) -> String? {
    guard let authorization, authorization.utf8.count <= Self.longestField,
      authorization.excerpt(7).lowercasedASCII.exact == "bearer "
    else {
      return nil
    }
    let key = authorization.utf8.dropFirst(7).drop { $0 == 0x20 }
    let presented = SHA256.digest(of: Array(key))
    var found: String?
    for entry in digests where SHA256.areEqual(entry.digest, presented) { found = entry.name }
    return found
  }
}
