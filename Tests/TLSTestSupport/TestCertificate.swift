// Certificates that OpenSSL creates during a test. Stored ones would expire or be mistaken for secrets.

import COpenSSL
import Foundation

/// A self-signed certificate and its key, as PEM files in a folder that is deleted with this object.
package final class TestCertificate: Sendable {
  package enum Kind: Sendable {
    case p256, p384, rsa
  }

  package let folder: URL
  package var certificate: String { folder.appendingPathComponent("certificate.pem").path }
  package var key: String { folder.appendingPathComponent("key.pem").path }

  package init(name: String = "localhost", _ kind: Kind = .p256, passphrase: String? = nil) {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent("r4b-\(UUID().uuidString)")
    do { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) } catch {
      preconditionFailure("\(error)")
    }
    let pair = Self.makeKey(kind)
    defer { EVP_PKEY_free(pair) }
    let x509 = Self.makeCertificate(name, pair)
    defer { X509_free(x509) }
    Self.write(certificate) { PEM_write_bio_X509($0, x509) }
    Self.write(key) { bio in
      let cipher = passphrase == nil ? nil : EVP_aes_256_cbc()
      var secret = Array((passphrase ?? "").utf8)
      return PEM_write_bio_PrivateKey(bio, pair, cipher, &secret, Int32(secret.count), nil, nil)
    }
  }

  deinit { try? FileManager.default.removeItem(at: folder) }

  /// Replaces the files with those of other certificates.
  package func take(certificate other: TestCertificate? = nil, key another: TestCertificate? = nil) throws {
    if let other {
      try Data(contentsOf: URL(fileURLWithPath: other.certificate)).write(to: URL(fileURLWithPath: certificate))
    }
    if let another { try Data(contentsOf: URL(fileURLWithPath: another.key)).write(to: URL(fileURLWithPath: key)) }
  }

  private static func makeKey(_ kind: Kind) -> OpaquePointer? {
    let context = EVP_PKEY_CTX_new_id(kind == .rsa ? EVP_PKEY_RSA : EVP_PKEY_EC, nil)
    defer { EVP_PKEY_CTX_free(context) }
    precondition(EVP_PKEY_keygen_init(context) == 1)
    switch kind {
    case .p256: precondition(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_X9_62_prime256v1) == 1)
    case .p384: precondition(EVP_PKEY_CTX_set_ec_paramgen_curve_nid(context, NID_secp384r1) == 1)
    case .rsa: precondition(EVP_PKEY_CTX_set_rsa_keygen_bits(context, 2048) == 1)
    }
    var key: OpaquePointer?
    precondition(EVP_PKEY_keygen(context, &key) == 1)
    return key
  }

  private static func makeCertificate(_ name: String, _ key: OpaquePointer?) -> OpaquePointer? {
    let x509 = X509_new()
    X509_set_version(x509, Int(X509_VERSION_3))
    ASN1_INTEGER_set(X509_get_serialNumber(x509), Int.random(in: 1 ... .max))
    X509_gmtime_adj(X509_getm_notBefore(x509), -3600)
    X509_gmtime_adj(X509_getm_notAfter(x509), 86_400)
    X509_NAME_add_entry_by_NID(X509_get_subject_name(x509), NID_commonName, MBSTRING_ASC, name, -1, -1, 0)
    X509_set_issuer_name(x509, X509_get_subject_name(x509))
    X509_set_pubkey(x509, key)
    precondition(X509_sign(x509, key, EVP_sha256()) > 0)
    return x509
  }

  private static func write(_ path: String, _ body: (OpaquePointer?) -> Int32) {
    let bio = BIO_new_file(path, "w")
    defer { BIO_free(bio) }
    precondition(body(bio) == 1)
  }
}
