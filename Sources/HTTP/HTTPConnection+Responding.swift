// Sending responses: whole, streamed or rejecting, and the limits on unsent bytes.

import Synchronization
import Text
import Transport

extension HTTPConnection {
  func answer(_ body: [UInt8]) {
    guard case (var request, let handler)? = admitted else { return }
    phase = .responding
    admitted = nil
    began = nil
    socket.readSize = Self.headReadSize
    socket.setDeadline(nil)
    request.body = body
    task = Self.start(WaitingRequest(request, reservation), handler, loop, number)
    reservation = nil
  }

  private static func start(
    _ request: WaitingRequest, _ handler: @escaping HTTPHandler, _ loop: HTTPLoop, _ number: UInt64
  ) -> Task<Void, Never> {
    loop.service.handlers.add(1, ordering: .relaxed)
    return Task {
      await run(request, handler, loop, number)
      loop.service.handlers.subtract(1, ordering: .relaxed)
    }
  }

  private static func run(
    _ request: WaitingRequest, _ handler: HTTPHandler, _ loop: HTTPLoop, _ number: UInt64
  ) async {
    let response = await request.answer(by: handler)
    guard await loop.respond(response, on: number), case .stream(let produce) = response.body else { return }
    do {
      try await produce(HTTPLoopWriter(loop: loop, number: number))
      await loop.endStream(on: number, complete: true)
    } catch {
      await loop.endStream(on: number, complete: false)
    }
  }

  /// Queues a response or the head of a streamed one. Returns true if its stream must run.
  func respond(_ response: HTTPResponse) -> Bool {
    guard phase == .responding else { return false }
    if isDraining { encoder.keepsAlive = false }
    if case .bytes(let bytes) = response.body, !encoder.isHead, !makeSendSpace(for: bytes.count) {
      return respond(rejection(.sendBudgetExceeded))
    }
    guard let head = encoder.head(response, date: resources.date) else {
      // The handler set a header that would split the response. That is a bug of the server; the peer learns no
      // details.
      return respond(service.errorResponse(500, "internal error"))
    }
    framing = head.framing
    encoder.keepsAlive = head.keepsAlive
    queue(head.bytes)
    if case .stream = response.body, framing != .none {
      flush()
      return phase == .responding
    }
    if case .bytes(let bytes) = response.body, framing == .length { queue(bytes) }
    finish()
    return false
  }

  /// Queues a piece of a streamed body. Returns true if the writer must wait until bytes have been sent.
  func write(_ bytes: [UInt8]) -> Bool {
    guard phase == .responding else { return false }
    let piece = ResponseEncoder.piece(bytes, framing)
    guard makeSendSpace(for: piece.count) else {
      abort(.sendBudgetExceeded)
      return false
    }
    queue(piece)
    flush()
    return phase == .responding && socket.unsentBytes > limits.unsentBytes
  }

  func waitForSpace(_ waiter: CheckedContinuation<Void, any Error>) {
    guard phase == .responding else { return waiter.resume(throwing: HTTPAbort.peerGone) }
    waiters.append(waiter)
  }

  func endStream(complete: Bool) {
    guard phase == .responding else { return }
    guard complete else { return abort(.handler) }
    queue(ResponseEncoder.end(framing))
    finish()
  }

  // MARK: Unsent bytes

  func queue(_ bytes: [UInt8]) {
    queued += bytes.count
    socket.queue(bytes)
  }

  func flush() {
    socket.flush()
    countUnsent()
  }

  /// Updates the server's send budget with the current number of unsent bytes.
  func countUnsent() {
    let now = socket.unsentBytes
    service.unsent.change(by: now - counted)
    counted = now
  }

  /// Returns whether `size` more bytes may be queued. If they do not fit, disconnects slow readers, slowest first.
  private func makeSendSpace(for size: Int) -> Bool {
    while !service.unsent.fits(size) {
      let hasDropped = loop.assumeIsolated { [number] in $0.disconnectSlowestReader(except: number, DeadlineTimer.now) }
      guard hasDropped else { return false }
    }
    return true
  }

  /// The rate at which the peer takes the waiting bytes, in bytes per second; nil unless they have waited for
  /// `readerPatience`.
  func readingRate(_ now: UInt64) -> Double? { readRate?.rate(now, patience: limits.readerPatience) }

  /// Sets the deadline for a peer with unsent bytes.
  func updateReadDeadline() {
    guard socket.unsentBytes > 0 else { return readRate = nil }
    let (now, taken) = (DeadlineTimer.now, queued - socket.unsentBytes)
    var current = readRate ?? ReadRateMeter(since: now, taken: taken)
    current.record(now, taken: taken)
    readRate = current
    socket.setDeadline(current.deadline(limits))
  }

  private func finish() {
    phase = .flushing
    task = nil
    flush()
    if phase == .flushing { flushed() }
  }

  /// Starts the next request after a complete response, or ends the connection.
  func flushed() {
    guard phase == .flushing, socket.unsentBytes == 0 else { return }
    guard encoder.keepsAlive, !hasEnded else { return linger() }
    phase = .reading
    socket.setDeadline(after: limits.idleTimeout)
    guard !readAhead.isEmpty else {
      if isDraining { close() }
      return
    }
    let bytes = readAhead
    readAhead = []
    socket.isPaused = false
    read(bytes.span)
  }

  // MARK: Rejecting

  func reject(_ violation: HTTPViolation) {
    service.observer?.rejected(violation, remoteAddress: remoteAddress)
    encoder.keepsAlive = false
    encoder.isHead = admitted?.request.method.exact == "HEAD"
    // No request follows. Release the partial body now, not when the connection ends.
    parser = RequestParser(limits: limits)
    reservation = nil
    answer(with: errorResponse(violation))
  }

  private func errorResponse(_ violation: HTTPViolation) -> HTTPResponse {
    var response = service.errorResponse(violation.status, violation.message)
    if violation.status == 503, response.headers["Retry-After"] == nil { response.headers["Retry-After"] = "1" }
    return response
  }

  /// Returns the response to send in place of one that exceeds the send budget. If the error does not fit either, it
  /// has no body and ends the connection.
  func rejection(_ violation: HTTPViolation) -> HTTPResponse {
    service.observer?.rejected(violation, remoteAddress: remoteAddress)
    let response = errorResponse(violation)
    guard case .bytes(let bytes) = response.body, !service.unsent.fits(bytes.count) else { return response }
    encoder.keepsAlive = false
    return HTTPResponse(status: violation.status, headers: ["Retry-After": "1"])
  }

  /// Sends a response after the head, without reading the body.
  func answer(with response: HTTPResponse) {
    phase = .responding
    admitted = nil
    began = nil
    socket.readSize = Self.headReadSize
    var response = response
    if case .stream = response.body { response = service.errorResponse(500, "internal error") }
    _ = respond(response)
  }
}
