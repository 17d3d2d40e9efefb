// How a connection's bytes come in: as they are, or through TLS. Ciphertext is fed to the session in pieces of a record's size
// and read again before the next, so that the session holds no more than that. Only when the delegate pauses in the middle does
// all that was received wait there, as it would wait with the delegate without TLS.

import Dispatch
import Glibc

extension Connection {
  /// The most that the protocol may owe a peer that has answers made, to new keys for instance, and takes none of them.
  private static let mostSealed = 256 << 10

  /// Hands over bytes of the socket.
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

  /// Goes on with what was fed before a pause.
  func readHeld() {
    guard let tls, !isClosed, tls.holdsCiphertext else { return }
    readRecords(tls)
    tls.releaseMemory()
  }

  /// The same at the loop's next turn: no event of the socket tells of bytes that are here already, and a delegate that ends a
  /// pause is not called from within its own call.
  func readHeldLater() {
    guard let tls, tls.holdsCiphertext else { return }
    loop.queue.async(execute: DispatchWorkItem { [self] in readHeld() })
  }

  /// Hands over what can be decrypted, as far as the delegate wants it now, and sends what the protocol answers.
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
        flush()  // The alert.
        return fail(reason)
      }
    }
    guard !isClosed else { return }
    if tls.sealed.count > Self.mostSealed { return fail("it takes none of the answers it asks for") }
    if !isFlushing { flush() }
  }

  private func fail(_ reason: String) {
    guard !isClosed else { return }
    endReading()
    delegate?.failed(TransportError(.secure, "the peer", reason: reason))
  }
}
