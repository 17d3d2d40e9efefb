// The configuration that all connections of a TLS listener share: certificate, key and policy. TLS 1.2 and 1.3 with
// forward secrecy and authenticated encryption only (RFC 9325); ALPN (RFC 7301) offers `http/1.1`. OpenSSL manages
// tickets: their keys live as long as the context, so a reload invalidates them.

import COpenSSL
import Glibc

/// A certificate chain and its key, from which sessions are created.
///
/// Unchecked Sendable: nothing changes the `SSL_CTX` after `init`, and `SSL_new` counts its references atomically.
package final class TLSContext: @unchecked Sendable {
  let pointer: OpaquePointer

  /// The cipher suites of TLS 1.2: ephemeral elliptic curves with AES-GCM or ChaCha20-Poly1305. TLS 1.3 has only
  /// equally strong suites.
  private static let ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20"

  /// Reads a chain (server certificate first) and an unencrypted key, both PEM, and checks that they match.
  package init(certificate: String, key: String) throws(TLSError) {
    ERR_clear_error()
    guard let pointer = SSL_CTX_new(TLS_server_method()) else {
      throw TLSError(file: certificate, reason: "OpenSSL cannot create a context: \(TLSError.queued)")
    }
    self.pointer = pointer
    guard ssl_shim_set_versions(pointer, TLS1_2_VERSION, TLS1_3_VERSION) == 1,
      SSL_CTX_set_cipher_list(pointer, Self.ciphers) == 1
    else { throw TLSError(file: certificate, reason: "OpenSSL rejects the TLS policy: \(TLSError.queued)") }
    _ = SSL_CTX_set_options(pointer, SSL_SHIM_OPTIONS)
    // Idle connections release their record buffers. A record may be sent from a queue that has moved since the first
    // attempt.
    ssl_shim_add_modes(
      pointer, Int(SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER))
    // A session cache would grow with each TLS 1.2 session. Clients resume with tickets instead.
    ssl_shim_keep_no_sessions(pointer)
    SSL_CTX_set_alpn_select_cb(pointer, Self.selectProtocol, nil)
    try Self.load(certificate: certificate, into: pointer)
    try Self.load(key: key, into: pointer, for: certificate)
  }

  deinit { SSL_CTX_free(pointer) }

  private static func load(certificate: String, into context: OpaquePointer) throws(TLSError) {
    ERR_clear_error()
    guard SSL_CTX_use_certificate_chain_file(context, certificate) != 1 else { return }
    let reason = TLSError.queued
    throw TLSError(
      file: certificate,
      reason: TLSError.isQueuedBySystem ? reason : "is not a valid certificate chain in PEM format: \(reason)")
  }

  private static func load(key: String, into context: OpaquePointer, for certificate: String) throws(TLSError) {
    var isEncrypted = false
    let isLoaded = withUnsafeMutablePointer(to: &isEncrypted) { asked in
      // Without this callback OpenSSL asks for a passphrase on the terminal and blocks.
      SSL_CTX_set_default_passwd_cb(context) { _, _, _, asked in
        asked?.assumingMemoryBound(to: Bool.self).pointee = true
        return -1
      }
      SSL_CTX_set_default_passwd_cb_userdata(context, asked)
      defer { SSL_CTX_set_default_passwd_cb_userdata(context, nil) }
      ERR_clear_error()
      return SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
    }
    if isLoaded, SSL_CTX_check_private_key(context) == 1 { return }
    let reason = TLSError.queued
    if TLSError.isQueuedBySystem { throw TLSError(file: key, reason: reason) }
    if isEncrypted { throw TLSError(file: key, reason: "is encrypted; provide a key without a passphrase") }
    // OpenSSL compares a key of the certificate's type while loading it; the explicit check covers other types.
    if isLoaded || ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509 {
      throw TLSError(file: key, reason: "does not match the certificate in \(certificate)")
    }
    throw TLSError(file: key, reason: "is not a valid private key in PEM format: \(reason)")
  }

  /// Selects `http/1.1` from the peer's offer, or ends the handshake with the alert no_application_protocol.
  private static let selectProtocol: SSL_CTX_alpn_select_cb_func = { _, chosen, chosenCount, offer, count, _ in
    let wanted = Array("http/1.1".utf8)
    let names = UnsafeBufferPointer(start: offer, count: Int(count))
    var position = 0
    while position < names.count {
      let (start, length) = (position + 1, Int(names[position]))
      guard start + length <= names.count else { break }
      if names[start..<start + length].elementsEqual(wanted) {
        chosen?.pointee = names.baseAddress.map { $0 + start }
        chosenCount?.pointee = UInt8(length)
        return SSL_TLSEXT_ERR_OK
      }
      position = start + length
    }
    return SSL_TLSEXT_ERR_ALERT_FATAL
  }
}
