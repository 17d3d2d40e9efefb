// One connected socket as ordered bytes with a deadline. Not Sendable: created and used on its loop's queue only, which an
// actor with the loop as executor guarantees. Bytes in are pushed to the delegate; bytes out are queued and flushed as the
// peer's window allows. TLS belongs here, between `readable`/`flush` and the socket: the delegate would not see the difference.

import Dispatch
import Glibc

/// What the owner of a `Connection` is told, always on the loop's queue.
package protocol ConnectionDelegate: AnyObject {
  /// Bytes in order; valid during the call.
  func received(_ bytes: Span<UInt8>)
  /// The peer will send no more; it may still read.
  func receivedEnd()
  /// The connection is unusable, for instance reset.
  func failed(_ error: TransportError)
  /// Some queued bytes went out, or have begun to wait for the peer; `unsentBytes` tells how many are left.
  func sent()
  /// The time given to `setDeadline` has passed.
  func deadlinePassed()
}

/// A non-blocking socket with a bounded read per event, an outgoing queue and one deadline.
package final class Connection {
  private let socket: Int32
  private let loop: EventLoop
  private let timer: DeadlineTimer
  private let scratch: ReadBuffer
  private let deadline = DeadlineWheel.Deadline()
  private weak var delegate: (any ConnectionDelegate)?

  private var reader: (any DispatchSourceRead)?
  private var writer: (any DispatchSourceWrite)?
  /// Sources whose cancel handler has still to run; the last one closes the socket.
  private var openSources = 0
  /// Whether the peer's bytes have ended, in order or by a failure.
  private var hasEnded = false
  private var isClosed = false

  /// Queued chunks; `outgoing[0]` has been sent up to `sentOfFirst`.
  private var outgoing: [[UInt8]] = []
  private var sentOfFirst = 0
  /// Bytes queued and not yet taken by the kernel.
  package private(set) var unsentBytes = 0

  /// The most bytes one read event hands over.
  package var readSize = 16 << 10

  /// The most reads in one event.
  private static let readsPerTurn = 16
  /// Chunks below this size are joined, so that a head and its small body leave in one segment.
  private static let joinBelow = 16 << 10

  /// Memory that all connections of a loop read into, one after the other.
  package final class ReadBuffer {
    fileprivate let memory: UnsafeMutableRawBufferPointer

    package init(count: Int = 256 << 10) { memory = .allocate(byteCount: count, alignment: 64) }
    deinit { memory.deallocate() }
  }

  package init(_ socket: consuming SocketDescriptor, loop: EventLoop, timer: DeadlineTimer, scratch: ReadBuffer) {
    self.socket = socket.release()
    (self.loop, self.timer, self.scratch) = (loop, timer, scratch)
  }

  deinit { precondition(isClosed, "a connection is closed before it is let go") }

  /// Starts reading.
  package func open(delegate: any ConnectionDelegate) {
    self.delegate = delegate
    deadline.action = { [weak self] in self?.delegate?.deadlinePassed() }
    startReading()
  }

  // MARK: Reading

  /// Reads until the kernel has no more: on a hang-up Dispatch fires a source once and never again, so an end of the bytes that
  /// waits behind data must be found now.
  private func readable() {
    for _ in 0..<Self.readsPerTurn {
      guard !isClosed, reader != nil else { return }
      let memory = UnsafeMutableRawBufferPointer(rebasing: scratch.memory[..<min(readSize, scratch.memory.count)])
      switch withSocket({ $0.receive(into: memory) }) {
      case .moved(0):
        hasEnded = true
        stopReading()
        delegate?.receivedEnd()
      case .moved(let count):
        delegate?.received(UnsafeRawBufferPointer(rebasing: memory[..<count]).bindMemory(to: UInt8.self).span)
      case .wouldBlock: return
      case .failed(let code):
        hasEnded = true
        stopReading()
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
      if isPaused { stopReading() } else { startReading() }
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

  // MARK: Writing

  /// Queues bytes; `flush` sends them.
  package func queue(_ bytes: [UInt8]) {
    guard !isClosed, !bytes.isEmpty else { return }
    unsentBytes += bytes.count
    if let last = outgoing.indices.last, outgoing[last].count + bytes.count <= Self.joinBelow {
      outgoing[last] += bytes
    } else {
      outgoing.append(bytes)
    }
  }

  /// Sends what the kernel takes now and the rest when it can; `sent()` is also called from within.
  package func flush() {
    var index = 0
    var progress = 0
    var failure: Int32?
    while !isClosed, failure == nil, index < outgoing.count {
      let outcome = outgoing[index].withUnsafeBytes { chunk in
        withSocket {
          $0.send(UnsafeRawBufferPointer(rebasing: chunk[sentOfFirst...]), more: index + 1 < outgoing.count)
        }
      }
      guard case .moved(let count) = outcome else {
        if case .failed(let code) = outcome { failure = code }
        break
      }
      progress += count
      sentOfFirst += count
      if sentOfFirst == outgoing[index].count { (index, sentOfFirst) = (index + 1, 0) }
    }
    outgoing.removeFirst(index)
    unsentBytes -= progress
    if let failure {
      stopWriting()
      delegate?.failed(TransportError(.send, "the peer", code: failure))
      return
    }
    guard !isClosed else { return }
    let beginsToWait = !outgoing.isEmpty && writer == nil
    if outgoing.isEmpty { stopWriting() } else if beginsToWait { startWriting() }
    if progress > 0 || beginsToWait { delegate?.sent() }
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

  /// Sends FIN after the flushed bytes; reading goes on.
  package func endWriting() { withSocket { $0.shutdownWriting() } }

  /// Makes the coming `close` a reset, which no peer takes for the end of a body.
  package func resetOnClose() {
    var option = linger(l_onoff: 1, l_linger: 0)
    _ = setsockopt(socket, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
  }

  // MARK: Deadline and end

  /// Sets the one deadline, in `DeadlineTimer.now` nanoseconds; nil clears it.
  package func setDeadline(_ due: UInt64?) {
    guard !isClosed else { return }
    timer.set(deadline, to: due)
  }

  /// Drops unsent bytes and closes the socket once Dispatch has let go of it.
  package func close() {
    guard !isClosed else { return }
    timer.set(deadline, to: nil)
    deadline.action = nil
    isClosed = true
    stopReading()
    stopWriting()
    outgoing = []
    unsentBytes = 0
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
