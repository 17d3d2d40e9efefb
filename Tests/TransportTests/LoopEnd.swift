import Dispatch
import Foundation
import Glibc
import TLSTestSupport
import Transport

/// The server's end of a socket pair on its own loop, with the events of its delegate. All state belongs to the
/// loop's queue; `on` accesses it.
final class LoopEnd: ConnectionDelegate, @unchecked Sendable {
  let loop = EventLoop(label: "test")
  /// The client's end.
  let peerSocket: Int32
  private let connection: Connection
  private let timer: DeadlineTimer

  private(set) var received: [UInt8] = []
  private(set) var hasEnded = false
  private(set) var failure: TransportError?
  private(set) var sentCalls = 0
  private(set) var plainTexts = 0
  private(set) var isClosed = false
  var closesAtEnd = false
  /// Called for each piece, on the loop.
  var onReceived: ((LoopEnd, Int) -> Void)?

  init(tls context: TLSContext?) {
    var pair: [Int32] = [0, 0]
    precondition(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
    peerSocket = pair[0]
    timer = DeadlineTimer(queue: loop.queue)
    let socket = SocketDescriptor(owning: pair[1])
    socket.setNonBlocking()
    connection = Connection(socket, loop: loop, timer: timer, scratch: Connection.ReadBuffer(), tls: context)
    on { $0.connection.open(delegate: self) }
  }

  /// Closes on the loop, asynchronously: the last reference may be released there.
  deinit { loop.queue.async(execute: DispatchWorkItem { [connection] in connection.close() }) }

  /// Runs `body` on the loop.
  @discardableResult
  func on<R>(_ body: (LoopEnd) -> R) -> R { loop.queue.sync { body(self) } }

  func send(_ bytes: [UInt8]) {
    on {
      $0.connection.queue(bytes)
      $0.connection.flush()
    }
  }

  var unsentBytes: Int { connection.unsentBytes }
  var isPaused: Bool {
    get { connection.isPaused }
    set { connection.isPaused = newValue }
  }
  var readSize: Int {
    get { connection.readSize }
    set { connection.readSize = newValue }
  }
  func setDeadline(after milliseconds: UInt64) {
    connection.setDeadline(DeadlineTimer.now + milliseconds * 1_000_000)
  }
  func endWriting() { connection.endWriting() }
  func resetOnClose() { connection.resetOnClose() }
  func close() {
    isClosed = true
    connection.close()
  }

  /// Waits for a condition, checked on the loop. Returns false after a minute.
  func eventually(_ condition: (LoopEnd) -> Bool) async -> Bool {
    for _ in 0..<6000 {
      if on(condition) { return true }
      do { try await Task.sleep(for: .milliseconds(10)) } catch { return false }
    }
    return false
  }

  func received(_ bytes: Span<UInt8>) {
    for index in bytes.indices { received.append(bytes[index]) }
    onReceived?(self, bytes.count)
  }
  func receivedEnd() {
    hasEnded = true
    if closesAtEnd { close() }
  }
  func failed(_ error: TransportError) {
    failure = error
    close()
  }
  func sent() { sentCalls += 1 }
  func deadlinePassed() {
    hasEnded = true
    close()
  }
  func receivedPlainText() {
    plainTexts += 1
    connection.queue(Array("plain answer".utf8))
    connection.flush()
    connection.endWriting()
  }
}
