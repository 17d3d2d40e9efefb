// One connected socket: ordered bytes and one deadline. Not Sendable: created and used only on its loop's queue,
// which an actor with the loop as executor guarantees. Received bytes are pushed to the delegate; outgoing bytes are
// queued and sent as the peer accepts them. With TLS, the delegate still sees plaintext.

import Dispatch
import Glibc

/// A non-blocking socket with a bounded read per event, an outgoing queue, one deadline and optionally TLS.
package final class Connection {
  private let socket: Int32
  let loop: EventLoop
  private let timer: DeadlineTimer
  let scratch: ReadBuffer
  private let deadline = TimerWheel.Deadline()
  private(set) weak var delegate: (any ConnectionDelegate)?

  private var reader: (any DispatchSourceRead)?
  private var writer: (any DispatchSourceWrite)?
  /// The number of sources whose cancel handler has not run yet; the last one closes the socket.
  private var openSources = 0
  /// Whether the peer's bytes have ended, by FIN, close_notify or a failure.
  private(set) var hasEnded = false
  private(set) var isClosed = false
  /// Whether to send FIN once everything has been sent.
  private var isEnding = false
  /// Whether closing the socket resets the connection.
  private var resets = false

  private let context: TLSContext?
  /// The TLS session between the delegate's bytes and the socket's; nil for plain TCP.
  var tls: TLSSession?

  /// The bytes that the delegate queued and that neither the kernel nor `tls` has taken.
  private var outgoing = OutgoingQueue()
  /// Whether the delegate has been told that bytes wait for the peer.
  private var isWaiting = false
  /// The number of queued bytes that the kernel has not taken. Encrypted bytes count with the size of the ciphertext.
  package var unsentBytes: Int { outgoing.count + (tls?.sealedData ?? 0) }

  /// The limit on the bytes delivered by one read event.
  package var readSize = 16 << 10

  /// The limit on the reads in one event.
  private static let readsPerTurn = 16

  /// Memory that all connections of a loop read into, one at a time.
  package final class ReadBuffer {
    fileprivate let memory: UnsafeMutableRawBufferPointer
    /// Memory for one decrypted record.
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

  /// Takes ownership of a connected socket. With a context, the peer must begin with a TLS handshake.
  package init(
    _ socket: consuming SocketDescriptor, loop: EventLoop, timer: DeadlineTimer, scratch: ReadBuffer,
    tls context: TLSContext? = nil
  ) {
    self.socket = socket.release()
    self.loop = loop
    self.timer = timer
    self.scratch = scratch
    self.context = context
  }

  deinit { precondition(isClosed, "a connection must be closed before it is released") }

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

  /// Reads until the kernel has no more. On a hang-up Dispatch fires a source only once, so the end of the bytes must
  /// be found now, even behind waiting data.
  private func readable() {
    readPending()
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
    // Let the other connections of the loop run; a new source fires for the remaining bytes.
    guard !isClosed, reader != nil else { return }
    stopReading()
    startReading()
  }

  /// Whether reading is paused. Meanwhile nothing is received, and a disconnect goes unnoticed.
  package var isPaused = false {
    didSet {
      guard isPaused != oldValue, !isClosed, !hasEnded else { return }
      guard !isPaused else { return stopReading() }
      startReading()
      readPendingLater()
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

  /// Stops reading for good: the bytes have ended.
  func endReading() {
    hasEnded = true
    stopReading()
  }

  // MARK: Writing

  /// Queues bytes. `flush` sends them.
  package func queue(_ bytes: [UInt8]) {
    guard !isClosed else { return }
    outgoing.append(bytes)
  }

  /// Whether flushed bytes wait until the socket is writable.
  var isFlushing: Bool { writer != nil }

  /// Sends what the kernel takes now and the rest when it can. Calls the delegate's `sent()`, also before returning.
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
    // Bytes of the TLS protocol itself do not count: a handshake must not extend the delegate's deadline.
    let beginsToWait = unsentBytes > 0 && !isWaiting
    isWaiting = unsentBytes > 0
    if hadUnsent, hasMoved || beginsToWait { delegate?.sent() }
  }

  /// Sends the next bytes once; nil if there are none. Encrypts more plaintext only when the previous ciphertext has
  /// been sent, so that little ciphertext waits for a slow reader.
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

  /// Watches a duplicate of the descriptor. On Linux, libdispatch mistakes a read source for a writer and never fires
  /// it if it starts while a write source waits on the same number. Without a free descriptor, the original is used.
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

  /// Sends FIN, with TLS close_notify first, after the flushed bytes. Reading continues.
  package func endWriting() {
    guard !isClosed else { return }
    isEnding = true
    flush()
  }

  /// Makes `close` reset the connection, which no peer mistakes for the end of a body.
  package func resetOnClose() {
    resets = true
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  // MARK: Deadline and end

  /// Sets the deadline in nanoseconds of `DeadlineTimer.now`; nil clears it.
  package func setDeadline(_ due: UInt64?) {
    guard !isClosed else { return }
    timer.set(deadline, to: due)
  }

  /// Drops unsent bytes and closes the socket once Dispatch no longer uses it. If no bytes are dropped, a TLS peer is
  /// sent close_notify, as far as the kernel takes it now.
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

  /// Closes the socket when no source watches it any more: its number must not be reused earlier.
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
