// The TLS session of one connection: decrypts received bytes and encrypts outgoing ones. OpenSSL uses two memory BIOs
// and no socket. Not Sendable: used on its connection's queue. OpenSSL's error queue is per thread and may hold
// errors of other connections, so it is cleared before each call whose result matters.

import COpenSSL

/// A server-side `SSL`.
final class TLSSession {
  private let ssl: OpaquePointer
  /// Ciphertext that waits for the socket: encrypted data and messages of the protocol itself.
  private(set) var sealed = OutgoingQueue()
  /// Whether `sealed` contains encrypted data.
  private var hasSealedData = false
  /// Whether a fatal error has occurred. OpenSSL must not be called afterwards.
  private var isBroken = false
  /// Whether a BIO has grown beyond what an idle connection should keep.
  private var hasGrown = false

  /// The maximum plaintext size of a record, RFC 8446 5.1.
  static let recordSize = 16 << 10
  /// The limit on plaintext that is encrypted before the socket has taken it, in bytes.
  private static let sealAhead = 64 << 10
  /// The BIO memory that an idle connection may keep, in bytes.
  private static let smallBIO = 4 << 10

  /// The result of reading.
  enum Piece {
    case data(Int)
    case needsMore
    /// close_notify: the peer will send no more.
    case end
    /// A plain HTTP request arrived where a handshake must begin.
    case plainText
    /// A fatal error; its alert may be in `sealed`.
    case failed(String)
  }

  /// Creates a session that waits for the peer's handshake; nil if memory is short.
  init?(_ context: TLSContext) {
    guard let ssl = SSL_new(context.pointer) else { return nil }
    guard let incoming = BIO_new(BIO_s_mem()) else {
      SSL_free(ssl)
      return nil
    }
    guard let outgoing = BIO_new(BIO_s_mem()) else {
      BIO_free(incoming)
      SSL_free(ssl)
      return nil
    }
    SSL_set_bio(ssl, incoming, outgoing)  // The SSL now owns both.
    SSL_set_accept_state(ssl)
    self.ssl = ssl
  }

  deinit { SSL_free(ssl) }

  private var isEstablished: Bool { SSL_is_init_finished(ssl) == 1 && !isBroken }

  // MARK: Reading

  /// Whether fed bytes are still unread because reading was paused.
  var holdsCiphertext: Bool { BIO_ctrl_pending(SSL_get_rbio(ssl)) > 0 }

  /// Takes bytes received from the socket. `read` processes them.
  func feed(_ bytes: UnsafeRawBufferPointer) {
    let count = BIO_write(SSL_get_rbio(ssl), bytes.baseAddress, Int32(bytes.count))
    if Int(count) != bytes.count { isBroken = true }  // Only a lack of memory makes this fail.
    if bytes.count > Self.smallBIO { hasGrown = true }
  }

  /// Continues the handshake or reads the data of one record, at most `recordSize` bytes. Protocol answers go to
  /// `sealed`.
  func read(into memory: UnsafeMutableRawBufferPointer) -> Piece {
    guard !isBroken else { return .failed("the session is broken") }
    ERR_clear_error()
    let count = SSL_read(ssl, memory.baseAddress, Int32(memory.count))
    let error = count > 0 ? SSL_ERROR_NONE : SSL_get_error(ssl, count)
    collect()
    switch error {
    case SSL_ERROR_NONE: return .data(Int(count))
    case SSL_ERROR_WANT_READ: return .needsMore
    case SSL_ERROR_ZERO_RETURN: return .end
    default:
      isBroken = true
      let code = ERR_peek_error()
      let isHTTP = [SSL_R_HTTP_REQUEST, SSL_R_HTTPS_PROXY_REQUEST].contains(ERR_GET_REASON(code))
      return isHTTP && ERR_GET_LIB(code) == ERR_LIB_SSL ? .plainText : .failed(TLSError.queued)
    }
  }

  // MARK: Writing

  /// The number of ciphertext bytes in `sealed`; 0 if they contain no data of the delegate.
  var sealedData: Int { hasSealedData ? sealed.count : 0 }

  /// Encrypts a bounded part of the queue once the previous ciphertext has been sent. Returns false on a fatal error.
  func seal(from queue: inout OutgoingQueue) -> Bool {
    guard sealed.isEmpty, !queue.isEmpty, isEstablished else { return true }
    var sealing = 0
    while sealing < Self.sealAhead {
      ERR_clear_error()
      let count = queue.withNext { bytes, _ in
        SSL_write(ssl, bytes.baseAddress, Int32(min(bytes.count, Self.recordSize)))
      }
      guard let count else { break }
      guard count > 0 else {
        isBroken = true
        return false
      }
      queue.drop(Int(count))
      sealing += Int(count)
    }
    collect()
    hasSealedData = true
    return true
  }

  /// Appends close_notify, once and only after a completed handshake.
  func sealClose() {
    guard isEstablished, SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0 else { return }
    ERR_clear_error()
    _ = SSL_shutdown(ssl)
    collect()
  }

  /// Removes the bytes of the first chunk of `sealed` that the socket took.
  func drop(_ count: Int) {
    sealed.drop(count)
    if sealed.isEmpty { hasSealedData = false }
  }

  /// Moves what OpenSSL has written to `sealed`.
  private func collect() {
    let bio = SSL_get_wbio(ssl)
    let count = BIO_ctrl_pending(bio)
    guard count > 0 else { return }
    if count > Self.smallBIO { hasGrown = true }
    sealed.append(
      [UInt8](unsafeUninitializedCapacity: count) { memory, used in
        used = max(0, Int(BIO_read(bio, memory.baseAddress, Int32(count))))
      })
  }

  /// Releases the memory of empty BIOs, which never shrink by themselves.
  func releaseMemory() {
    guard hasGrown, isEstablished, !holdsCiphertext else { return }
    hasGrown = false
    if let fresh = BIO_new(BIO_s_mem()) { SSL_set0_rbio(ssl, fresh) }
    if let fresh = BIO_new(BIO_s_mem()) { SSL_set0_wbio(ssl, fresh) }
  }
}
