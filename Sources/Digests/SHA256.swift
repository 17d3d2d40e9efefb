// SHA-256 (FIPS 180-4) by OpenSSL.
import COpenSSL

/// The SHA-256 digest of some bytes.
package enum SHA256 {
  /// Bytes of a digest.
  package static let byteCount = Int(SHA256_DIGEST_LENGTH)

  /// Returns the digest of `bytes`.
  package static func digest(of bytes: [UInt8]) -> [UInt8] {
    var digest = [UInt8](repeating: 0, count: byteCount)
    _ = COpenSSL.SHA256(bytes, bytes.count, &digest)
    return digest
  }

  /// Whether two digests are equal, in a time that does not depend on where they differ.
  package static func areEqual(_ a: [UInt8], _ b: [UInt8]) -> Bool {
    a.count == b.count && CRYPTO_memcmp(a, b, a.count) == 0
  }
}
