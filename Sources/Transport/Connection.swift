// One connected socket as ordered bytes with a deadline. Not Sendable: created and used on its loop's queue only, which an
// actor with the loop as executor guarantees. Bytes in are pushed to the delegate; bytes out are queued and flushed as the
// peer's window allows. TLS stands between these and the socket: the delegate does not see the difference.

import Dispatch
import Glibc

/// A non-blocking socket with a bounded read per event, an outgoing queue, one deadline and, where it has a context, TLS.
package final class Connection {
  private let socket: Int32
  let loop: EventLoop
  private let timer: DeadlineTimer
  let scratch: ReadBuffer
  private let deadline = DeadlineWheel.Deadline()
  private(set) weak var delegate: (any ConnectionDelegate)?

  private var reader: (any DispatchSourceRead)?
  private var writer: (any DispatchSourceWrite)?
  /// Sources whose cancel handler has still to run; the last one closes the socket.
  private var openSources = 0
  /// Whether the peer's bytes have ended, in order or by a failure.
  private(set) var hasEnded = false
  private(set) var isClosed = false
  /// Whether FIN is due once everything has been sent.
  private var isEnding = false
  /// Whether the coming close is a reset.
  private var resets = false

  private let context: TLSContext?
  /// Stands between the delegate's bytes and the socket's; nil where they are the same.
  var tls: TLSSession?

  /// What the delegate queued and neither the kernel nor `tls` has taken.
  private var outgoing = OutgoingQueue()
  /// Whether the delegate knows that bytes wait for the peer.
  private var isWaiting = false
  /// Bytes queued and not yet taken by the kernel; those already encrypted count with what encryption added.
  package var unsentBytes: Int { outgoing.count + (tls?.sealedData ?? 0) }

  /// The most bytes one read event hands over.
  package var readSize = 16 << 10

  /// The most reads in one event.
  private static let readsPerTurn = 16

  /// Memory that all connections of a loop read into, one after the other.
  package final class ReadBuffer {
    fileprivate let memory: UnsafeMutableRawBufferPointer
    /// One record after decryption.
    let record: UnsafeMutableRawBufferPointer

    package init(count: Int = 256 << 10) {
      memory = .allocate(byteCount: count, alignment: 64)
      record = .allocate(byteCount: TLSSession.recordSize, alignment: 64)
    }

    deinit {
      memory.deallocate()
      record.deallocate()
    }
  }

  /// Takes over a connected socket; with a context, the peer is to begin with a TLS handshake.
  package init(
    _ socket: consuming SocketDescriptor, loop: EventLoop, timer: DeadlineTimer, scratch: ReadBuffer,
    tls context: TLSContext? = nil
  ) {
    self.socket = socket.release()
    (self.loop, self.timer, self.scratch, self.context) = (loop, timer, scratch, context)
  }

  deinit { precondition(isClosed, "a connection is closed before it is let go") }

  /// Starts reading.
  package func open(delegate: any ConnectionDelegate) {
    self.delegate = delegate
    deadline.action = { [weak self] in self?.delegate?.deadlinePassed() }
    if let context {
      guard let session = TLSSession(context) else {
        return delegate.failed(TransportError(.secure, "the peer", code: ENOMEM))
      }
      tls = session
    }
    startReading()
  }

  // MARK: Reading

  /// Reads until the kernel has no more: on a hang-up Dispatch fires a source once and never again, so an end of the bytes that
  /// waits behind data must be found now.
  private func readable() {
    readHeld()
    for _ in 0..<Self.readsPerTurn {
      guard !isClosed, reader != nil else { return }
      let memory = UnsafeMutableRawBufferPointer(rebasing: scratch.memory[..<min(readSize, scratch.memory.count)])
      switch withSocket({ $0.receive(into: memory) }) {
      case .moved(0):
        endReading()
        delegate?.receivedEnd()
      case .moved(let count): arrived(UnsafeRawBufferPointer(rebasing: memory[..<count]))
      case .wouldBlock: return
      case .failed(let code):
        endReading()
        delegate?.failed(TransportError(.receive, "the peer", code: code))
      }
    }
    // The other connections of the loop have their turn; a new source fires again for what is left.
    guard !isClosed, reader != nil else { return }
    stopReading()
    startReading()
  }

  /// While paused nothing is received and a departure of the peer goes unnoticed.
  package var isPaused = false {
    didSet {
      guard isPaused != oldValue, !isClosed, !hasEnded else { return }
      guard !isPaused else { return stopReading() }
      startReading()
      readHeldLater()
    }
  }

  private func startReading() {
    let source = DispatchSource.makeReadSource(fileDescriptor: socket, queue: loop.queue)
    source.setEventHandler { [unowned self] in self.readable() }
    source.setCancelHandler { self.sourceEnded() }
    openSources += 1
    reader = source
    source.activate()
  }

  private func stopReading() {
    reader?.cancel()
    reader = nil
  }

  /// Reads no more: the bytes have ended, in order or by a failure.
  func endReading() {
    hasEnded = true
    stopReading()
  }

  // MARK: Writing

  /// Queues bytes; `flush` sends them.
  package func queue(_ bytes: [UInt8]) {
    guard !isClosed else { return }
    outgoing.append(bytes)
  }

  /// Whether the rest of what was flushed waits for the socket.
  var isFlushing: Bool { writer != nil }

  /// Sends what the kernel takes now and the rest when it can; `sent()` is also called from within.
  package func flush() {
    let hadUnsent = unsentBytes > 0
    var hasMoved = false
    sending: while !isClosed, let outcome = sendNext() {
      switch outcome {
      case .moved: hasMoved = true
      case .wouldBlock: break sending
      case .failed(let code):
        stopWriting()
        delegate?.failed(TransportError(.send, "the peer", code: code))
        return
      }
    }
    guard !isClosed else { return }
    if tls.map(\.sealed.isEmpty) ?? outgoing.isEmpty {
      stopWriting()
      tls?.releaseMemory()
      if isEnding { withSocket { $0.shutdownWriting() } }
      isEnding = false
    } else if writer == nil {
      startWriting()
    }
    // What the protocol itself sends is none of the delegate's business: a handshake does not put off its deadline.
    let beginsToWait = unsentBytes > 0 && !isWaiting
    isWaiting = unsentBytes > 0
    if hadUnsent, hasMoved || beginsToWait { delegate?.sent() }
  }

  /// One `send` of what comes next; nil when nothing does. Plaintext is encrypted when what was encrypted before is gone, so that
  /// a slow reader has little of it waiting.
  private func sendNext() -> SocketDescriptor.Outcome? {
    guard let tls else {
      let outcome = outgoing.withNext { bytes, hasMore in withSocket { $0.send(bytes, more: hasMore) } }
      if case .moved(let count) = outcome { outgoing.drop(count) }
      return outcome
    }
    guard tls.seal(from: &outgoing) else { return .failed(EPROTO) }
    let isLast = outgoing.isEmpty
    if isEnding, isLast { tls.sealClose() }
    let outcome = tls.sealed.withNext { bytes, hasMore in withSocket { $0.send(bytes, more: hasMore || !isLast) } }
    if case .moved(let count) = outcome { tls.drop(count) }
    return outcome
  }

  /// Watches a duplicate of the descriptor: libdispatch on Linux takes a read source for a writer, and never fires it for what
  /// arrives, when it is started while a write source waits on the same number. Without a number to spare it must do with that.
  private func startWriting() {
    let duplicate = withSocket { $0.duplicate() }
    let source = DispatchSource.makeWriteSource(fileDescriptor: duplicate ?? socket, queue: loop.queue)
    source.setEventHandler { [unowned self] in self.flush() }
    source.setCancelHandler {
      if let duplicate { _ = SocketDescriptor(owning: duplicate) }
      self.sourceEnded()
    }
    openSources += 1
    writer = source
    source.activate()
  }

  private func stopWriting() {
    writer?.cancel()
    writer = nil
  }

  /// Sends FIN after the flushed bytes, with TLS close_notify before it; reading goes on.
  package func endWriting() {
    guard !isClosed else { return }
    isEnding = true
    flush()
  }

  /// Makes the coming `close` a reset, which no peer takes for the end of a body.
  package func resetOnClose() {
    resets = true
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  // MARK: Deadline and end

  /// Sets the one deadline, in `DeadlineTimer.now` nanoseconds; nil clears it.
  package func setDeadline(_ due: UInt64?) {
    guard !isClosed else { return }
    timer.set(deadline, to: due)
  }

  /// Drops unsent bytes and closes the socket once Dispatch has let go of it. Where nothing is dropped, a peer with TLS is told
  /// that this is the end, as far as the kernel takes it now.
  package func close() {
    guard !isClosed else { return }
    if tls != nil, outgoing.isEmpty, !resets {
      isEnding = true
      while case .moved = sendNext() {}
    }
    timer.set(deadline, to: nil)
    deadline.action = nil
    isClosed = true
    stopReading()
    stopWriting()
    outgoing.removeAll()
    tls = nil
    closeWhenUnwatched()
  }

  private func sourceEnded() {
    openSources -= 1
    if isClosed { closeWhenUnwatched() }
  }

  /// A descriptor number must not be reused while a source still watches it.
  private func closeWhenUnwatched() {
    guard openSources == 0 else { return }
    _ = SocketDescriptor(owning: socket)
  }

  private func withSocket<R>(_ body: (borrowing SocketDescriptor) -> R) -> R {
    let descriptor = SocketDescriptor(owning: socket)
    let result = body(descriptor)
    _ = descriptor.release()
    return result
  }
}
