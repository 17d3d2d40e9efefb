// One connection's TLS: ciphertext is fed in and plaintext read, plaintext is sealed and ciphertext sent. OpenSSL sees no
// socket but two memory BIOs. Not Sendable: lives on its connection's queue. OpenSSL's error queue belongs to the thread, and
// another connection's errors may be left in it: it is cleared before each call whose result is asked about.

import COpenSSL

/// An `SSL` in the server's role.
final class TLSSession {
  private let ssl: OpaquePointer
  /// Ciphertext that waits for the socket: records of data, and what the protocol itself has to say.
  private(set) var sealed = OutgoingQueue()
  /// Whether data is in `sealed`.
  private var hasSealedData = false
  /// After a fatal error nothing more may be asked of OpenSSL.
  private var isBroken = false
  /// Whether a BIO has had to hold more than an idle connection should keep.
  private var hasGrown = false

  /// The most plaintext of one record, RFC 8446 5.1.
  static let recordSize = 16 << 10
  /// Plaintext is sealed up to this size ahead of what the socket has taken.
  private static let sealAhead = 64 << 10
  /// Memory beyond this is not kept while nothing happens.
  private static let smallBIO = 4 << 10

  /// What came of reading.
  enum Piece {
    case data(Int)
    case needsMore
    /// close_notify: the peer will send no more.
    case end
    /// A plain HTTP request came where a handshake begins.
    case plainText
    /// A fatal error; the alert for it may be in `sealed`.
    case failed(String)
  }

  /// Waits for a peer's handshake; nil when memory is short.
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
    SSL_set_bio(ssl, incoming, outgoing)  // Both are the SSL's from here.
    SSL_set_accept_state(ssl)
    self.ssl = ssl
  }

  deinit { SSL_free(ssl) }

  private var isEstablished: Bool { SSL_is_init_finished(ssl) == 1 && !isBroken }

  // MARK: Reading

  /// Whether bytes that were fed have not been read, because the reader rested.
  var holdsCiphertext: Bool { BIO_ctrl_pending(SSL_get_rbio(ssl)) > 0 }

  /// Takes bytes of the socket; `read` tells what they mean.
  func feed(_ bytes: UnsafeRawBufferPointer) {
    let count = BIO_write(SSL_get_rbio(ssl), bytes.baseAddress, Int32(bytes.count))
    if Int(count) != bytes.count { isBroken = true }  // Only memory can be short.
    if bytes.count > Self.smallBIO { hasGrown = true }
  }

  /// Continues the handshake or reads one record's data, at most `recordSize` bytes. What the protocol answers is in `sealed`.
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

  /// Data in `sealed`, in bytes of ciphertext. The protocol's own bytes alone count as nothing.
  var sealedData: Int { hasSealedData ? sealed.count : 0 }

  /// Seals what is queued once what was sealed before is gone, a bounded part of it. False at a fatal error.
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

  /// Seals close_notify, once and only where a handshake has been completed.
  func sealClose() {
    guard isEstablished, SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN == 0 else { return }
    ERR_clear_error()
    _ = SSL_shutdown(ssl)
    collect()
  }

  /// Takes off what the socket took of the first chunk of `sealed`.
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

  /// Gives back what empty BIOs have grown to; they never shrink by themselves.
  func releaseMemory() {
    guard hasGrown, isEstablished, !holdsCiphertext else { return }
    hasGrown = false
    if let fresh = BIO_new(BIO_s_mem()) { SSL_set0_rbio(ssl, fresh) }
    if let fresh = BIO_new(BIO_s_mem()) { SSL_set0_wbio(ssl, fresh) }
  }
}
