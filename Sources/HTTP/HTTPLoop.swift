// The actor that owns the connections of one event loop. Its executor is the loop's queue, so socket events (Dispatch) and
// calls from handler tasks (`await`) take turns there; nothing else touches a connection.

import Dispatch
import Transport

/// Owns connections; handler tasks speak to a connection by its number, which outlives it harmlessly.
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

  /// Starts serving a connected socket; callable from anywhere. The socket has been admitted by the service.
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

  /// Refuses the body that has been under way longest, if that is longer than any is entitled to; false if there is none.
  func dropSlowestBody(except number: UInt64, _ now: UInt64) -> Bool {
    let overdue = connections.compactMap { other, connection in
      other == number ? nil : connection.overdueBody(now).map { (began: $0, connection: connection) }
    }
    guard let slowest = overdue.min(by: { $0.began < $1.began }) else { return false }
    slowest.connection.dropBody()
    return true
  }

  /// Drops the slowest of the readers that have had their time; false if there is none.
  func dropSlowestReader(except number: UInt64, _ now: UInt64) -> Bool {
    let late = connections.compactMap { other, connection in
      other == number ? nil : connection.readingRate(now).map { (rate: $0, connection: connection) }
    }
    guard let slowest = late.min(by: { $0.rate < $1.rate }) else { return false }
    slowest.connection.abort(.noRoom)
    return true
  }

  // MARK: From handler tasks

  /// Sends a response, or the head of a streamed one; true if the stream's closure is to run.
  func respond(_ response: HTTPResponse, on number: UInt64) -> Bool { connections[number]?.respond(response) ?? false }

  /// Queues a piece of a streamed body and waits while too much is unsent.
  func write(_ bytes: [UInt8], on number: UInt64) async throws {
    try Task.checkCancellation()
    guard let connection = connections[number] else { throw HTTPAbort.peerGone }
    guard connection.write(bytes) else { return }
    try await withCheckedThrowingContinuation { connection.waitForRoom($0) }
  }

  func endStream(on number: UInt64, complete: Bool) { connections[number]?.endStream(complete: complete) }

  // MARK: Shutdown

  /// Closes idle connections; the others after their response.
  func drain() {
    isDraining = true
    for connection in connections.values { connection.drain() }
  }

  /// Closes everything and cancels the handlers.
  func closeAll() { for connection in connections.values { connection.abort(.shutdown) } }
}

/// Writes a streamed body to its connection.
struct HTTPLoopWriter: HTTPBodyWriter {
  let loop: HTTPLoop
  let number: UInt64

  func write(_ bytes: [UInt8]) async throws { try await loop.write(bytes, on: number) }
}
