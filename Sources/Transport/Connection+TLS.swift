// Receiving bytes, directly or through TLS. The session gets ciphertext in pieces of one record and is read before
// the next piece, so that it holds at most one record. If the delegate pauses in between, the rest of the received
// ciphertext waits in the session.

import Dispatch
import Glibc

extension Connection {
  /// The limit on protocol answers (to key updates, for instance) that are queued for a peer that does not read them,
  /// in bytes.
  private static let sealedLimit = 256 << 10

  /// Processes bytes received from the socket.
  func arrived(_ bytes: UnsafeRawBufferPointer) {
    guard let tls else {
      delegate?.received(bytes.bindMemory(to: UInt8.self).span)
      return
    }
    var rest = bytes[...]
    while !rest.isEmpty, !isClosed, !hasEnded, self.tls === tls {
      tls.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(TLSSession.recordSize)))
      rest = rest.dropFirst(TLSSession.recordSize)
      readRecords(tls)
    }
    tls.releaseMemory()
  }

  /// Continues with the ciphertext that was fed before a pause.
  func readPending() {
    guard let tls, !isClosed, tls.holdsCiphertext else { return }
    readRecords(tls)
    tls.releaseMemory()
  }

  /// Calls `readPending` in the loop's next turn. The socket reports no event for bytes that have already arrived,
  /// and the delegate must not be called again from within its own call.
  func readPendingLater() {
    guard let tls, tls.holdsCiphertext else { return }
    loop.queue.async(execute: DispatchWorkItem { [self] in readPending() })
  }

  /// Delivers plaintext until the delegate pauses, and sends what the protocol answers.
  private func readRecords(_ tls: TLSSession) {
    reading: while !isClosed, !isPaused, !hasEnded {
      switch tls.read(into: scratch.record) {
      case .data(let count):
        let record = UnsafeRawBufferPointer(rebasing: scratch.record[..<count])
        delegate?.received(record.bindMemory(to: UInt8.self).span)
      case .needsMore: break reading
      case .end:
        endReading()
        delegate?.receivedEnd()
      case .plainText:
        self.tls = nil
        delegate?.receivedPlainText()
        return
      case .failed(let reason):
        flush()  // Sends the alert.
        return fail(reason)
      }
    }
    guard !isClosed else { return }
    if tls.sealed.count > Self.sealedLimit { return fail("it requests protocol answers but does not read them") }
    if !isFlushing { flush() }
  }

  private func fail(_ reason: String) {
    guard !isClosed else { return }
    endReading()
    delegate?.failed(TransportError(.secure, "the peer", reason: reason))
  }
}
