// The actor that owns the connections of one event loop. Its executor is the loop's queue: socket events (Dispatch)
// and calls from handler tasks (`await`) take turns there, and nothing else touches a connection.

import Dispatch
import Transport

/// Owns connections. Handler tasks refer to a connection by its number, which may safely outlive the connection.
actor HTTPLoop {
  nonisolated let events: EventLoop
  nonisolated let service: HTTPService
  private let resources: HTTPLoopResources
  private var connections: [UInt64: HTTPConnection] = [:]
  private var lastNumber: UInt64 = 0
  private var isDraining = false

  nonisolated var unownedExecutor: UnownedSerialExecutor { events.asUnownedSerialExecutor() }

  init(service: HTTPService, label: String) {
    self.service = service
    events = EventLoop(label: label)
    resources = HTTPLoopResources(events: events)
  }

  /// Starts serving a connected socket that the service has admitted; callable from anywhere.
  nonisolated func adopt(_ socket: consuming SocketDescriptor, remoteAddress: String, tls context: TLSContext?) {
    let number = socket.release()
    events.queue.async { self.assumeIsolated { $0.open(SocketDescriptor(owning: number), remoteAddress, context) } }
  }

  private func open(_ socket: consuming SocketDescriptor, _ remoteAddress: String, _ context: TLSContext?) {
    lastNumber += 1
    let connection = HTTPConnection(
      number: lastNumber, socket: socket, remoteAddress: remoteAddress, tls: context, loop: self, resources: resources)
    connections[lastNumber] = connection
    connection.open()
    if isDraining { connection.drain() }
  }

  func remove(_ number: UInt64) { connections[number] = nil }

  /// Rejects the oldest request body that is older than `bodyTimeout`. Returns false if there is none.
  func rejectOldestBody(except number: UInt64, _ now: UInt64) -> Bool {
    let overdue = connections.compactMap { other, connection in
      other == number ? nil : connection.overdueBody(now).map { (began: $0, connection: connection) }
    }
    guard let oldest = overdue.min(by: { $0.began < $1.began }) else { return false }
    oldest.connection.rejectBody()
    return true
  }

  /// Disconnects the slowest reader whose bytes have waited for `readerPatience`. Returns false if there is none.
  func disconnectSlowestReader(except number: UInt64, _ now: UInt64) -> Bool {
    let late = connections.compactMap { other, connection in
      other == number ? nil : connection.readingRate(now).map { (rate: $0, connection: connection) }
    }
    guard let slowest = late.min(by: { $0.rate < $1.rate }) else { return false }
    slowest.connection.abort(.sendBudgetExceeded)
    return true
  }

  // MARK: From handler tasks

  /// Sends a response, or the head of a streamed one. Returns true if the stream's closure must run.
  func respond(_ response: HTTPResponse, on number: UInt64) -> Bool { connections[number]?.respond(response) ?? false }

  /// Queues a piece of a streamed body and waits while too many bytes are unsent.
  func write(_ bytes: [UInt8], on number: UInt64) async throws {
    try Task.checkCancellation()
    guard let connection = connections[number] else { throw HTTPAbort.peerGone }
    guard connection.write(bytes) else { return }
    try await withCheckedThrowingContinuation { connection.waitForSpace($0) }
  }

  func endStream(on number: UInt64, complete: Bool) { connections[number]?.endStream(complete: complete) }

  // MARK: Shutdown

  /// Closes idle connections now and the others after their response.
  func drain() {
    isDraining = true
    for connection in connections.values { connection.drain() }
  }

  /// Closes every connection and cancels the handlers.
  func closeAll() { for connection in connections.values { connection.abort(.shutdown) } }
}

/// Writes a streamed body to its connection.
struct HTTPLoopWriter: HTTPBodyWriter {
  let loop: HTTPLoop
  let number: UInt64

  func write(_ bytes: [UInt8]) async throws { try await loop.write(bytes, on: number) }
}
