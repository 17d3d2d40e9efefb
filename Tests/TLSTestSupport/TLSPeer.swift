// The client's end of a TLS connection. It uses memory BIOs, so that a test can see, split and change the bytes on
// the socket. Blocking calls run on their own threads, because the pool of Swift tasks is small.

import COpenSSL
import Foundation

/// A TLS client on a connected socket, which it owns.
///
/// Unchecked Sendable: a test awaits each call before making the next.
package final class TLSPeer: @unchecked Sendable {
  /// The way in which the server's bytes ended.
  package enum End: Equatable {
    /// With close_notify.
    case closed
    /// With only FIN or a reset.
    case cut
    /// With an alert or another error, as worded by OpenSSL.
    case failed(String)
  }

  private let ssl: OpaquePointer
  package let socket: Int32
  /// The limit on the bytes of one `send`.
  package var pieceSize = Int.max
  /// Changes outgoing ciphertext.
  package var tamper: (([UInt8]) -> [UInt8])?
  /// The end of the server's bytes, once `read` has reached it.
  package private(set) var end: End?

  /// - Parameter trusted: The PEM file of the only trusted certificate; nil trusts every certificate.
  package init(
    _ socket: Int32, trusting trusted: String? = nil, offering protocols: [String] = ["http/1.1"],
    versions: ClosedRange<Int32> = TLS1_2_VERSION...TLS1_3_VERSION
  ) {
    self.socket = socket
    let context = SSL_CTX_new(TLS_client_method())
    defer { SSL_CTX_free(context) }
    precondition(ssl_shim_set_versions(context, versions.lowerBound, versions.upperBound) == 1)
    // Old versions need algorithms that the default security level forbids.
    if versions.lowerBound < TLS1_2_VERSION { SSL_CTX_set_security_level(context, 0) }
    if let trusted {
      precondition(SSL_CTX_load_verify_file(context, trusted) == 1)
      SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nil)
    }
    ssl = SSL_new(context)
    let list = protocols.flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) }
    if !list.isEmpty { precondition(SSL_set_alpn_protos(ssl, list, UInt32(list.count)) == 0) }
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()))
    SSL_set_connect_state(ssl)
    var timeout = timeval(tv_sec: 600, tv_usec: 0)
    setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
    setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
  }

  deinit {
    SSL_free(ssl)
    close(socket)
  }

  package var version: String { String(cString: SSL_get_version(ssl)) }

  package var chosenProtocol: String? {
    var (name, count): (UnsafePointer<UInt8>?, UInt32) = (nil, 0)
    SSL_get0_alpn_selected(ssl, &name, &count)
    return name.map { String(decoding: UnsafeBufferPointer(start: $0, count: Int(count)), as: UTF8.self) }
  }

  /// The subject of the server's certificate, as `/CN=name`.
  package var serverName: String {
    let certificate = SSL_get1_peer_certificate(ssl)
    defer { X509_free(certificate) }
    guard let text = X509_NAME_oneline(X509_get_subject_name(certificate), nil, 0) else { return "" }
    defer { free(text) }
    return String(cString: text)
  }

  /// Completes the handshake. Returns the reason if it fails.
  package func handshake() async -> End? {
    await off {
      self.call { SSL_do_handshake(self.ssl) }.end
    }
  }

  package func send(_ text: String) async { await send(Array(text.utf8)) }

  package func send(_ bytes: [UInt8]) async {
    await off {
      _ = bytes.withUnsafeBytes { SSL_write(self.ssl, $0.baseAddress, Int32($0.count)) }
      self.sendSealed()
    }
  }

  /// Reads until `enough` returns true or the bytes end; see `end`.
  package func read(until enough: @escaping @Sendable ([UInt8]) -> Bool = { _ in false }) async -> [UInt8] {
    await off {
      var bytes: [UInt8] = []
      var piece = [UInt8](repeating: 0, count: 1 << 16)
      while self.end == nil, !enough(bytes) {
        let (count, end) = self.call { SSL_read(self.ssl, &piece, Int32(piece.count)) }
        if count > 0 { bytes += piece[..<count] } else { self.end = end }
      }
      return bytes
    }
  }

  package func readText(until enough: @escaping @Sendable (String) -> Bool = { _ in false }) async -> String {
    String(decoding: await read { enough(String(decoding: $0, as: UTF8.self)) }, as: UTF8.self)
  }

  /// Sends close_notify.
  package func sendClose() async {
    await off {
      SSL_shutdown(self.ssl)
      self.sendSealed()
    }
  }

  /// Requests new keys `times` times, each with a byte of data, without reading the answers. Returns false when the
  /// server disconnects.
  package func renewKeys(times: Int) async -> Bool {
    await off {
      for _ in 0..<times {
        guard SSL_key_update(self.ssl, SSL_KEY_UPDATE_REQUESTED) == 1, SSL_write(self.ssl, "x", 1) == 1,
          self.sendSealed()
        else { return false }
      }
      return true
    }
  }

  /// Sends FIN without close_notify.
  package func endWriting() { shutdown(socket, Int32(SHUT_WR)) }

  /// Sends bytes unencrypted.
  package func sendRaw(_ bytes: [UInt8]) async { await off { _ = self.sendAll(bytes) } }

  private func call(_ body: () -> Int32) -> (count: Int, end: End?) {
    var memory = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      ERR_clear_error()
      let result = body()
      let error = result > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, result)
      let reason = ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) }
      sendSealed()
      switch error {
      case SSL_ERROR_NONE: return (Int(result), nil)
      case SSL_ERROR_ZERO_RETURN: return (0, .closed)
      case SSL_ERROR_WANT_READ:
        let count = recv(socket, &memory, memory.count, 0)
        guard count > 0 else { return (0, .cut) }
        BIO_write(SSL_get_rbio(ssl), memory, Int32(count))
      default: return (0, .failed(reason ?? "error \(error)"))
      }
    }
  }

  @discardableResult
  private func sendSealed() -> Bool {
    let count = BIO_ctrl_pending(SSL_get_wbio(ssl))
    guard count > 0 else { return true }
    var bytes = [UInt8](repeating: 0, count: count)
    BIO_read(SSL_get_wbio(ssl), &bytes, Int32(count))
    return sendAll(tamper?(bytes) ?? bytes)
  }

  @discardableResult
  private func sendAll(_ bytes: [UInt8]) -> Bool {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Foundation.send(socket, $0.baseAddress! + sent, min(pieceSize, bytes.count - sent), Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return false }
      sent += count
    }
    return true
  }

  private func off<T: Sendable>(_ body: @escaping @Sendable () -> T) async -> T {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { continuation.resume(returning: body()) }
    }
  }
}
