// One connection's conversation: read a request, answer it, begin again. Not Sendable: owned by its loop's actor, driven by
// socket events on the loop's queue and by handler tasks through the actor. One request at a time; later ones wait in a bounded
// read-ahead. A FIN while a request is read or answered counts as the peer's departure (curl and browsers never half-close);
// once the whole response is queued it is still delivered.

import Synchronization
import Text
import Transport

/// The state machine between the parser, the handler's task and the socket.
final class HTTPConnection: ConnectionDelegate {
  private enum Phase: Equatable {
    /// Waiting for a request or in the middle of one.
    case reading
    /// The handler's task runs; the response may be under way.
    case responding
    /// The whole response is queued.
    case flushing
    /// FIN sent; what still comes is dropped, so that the peer reads the response instead of a reset, RFC 9112 9.6.
    case lingering
    case closed
  }

  private let number: UInt64
  private let remoteAddress: String
  /// Held strongly: a loop lives as long as it has connections.
  private let loop: HTTPLoop
  private let resources: HTTPLoopResources
  private let socket: Connection
  private var service: HTTPService { loop.service }
  private var limits: HTTPLimits { loop.service.limits }

  private var phase = Phase.reading
  private var parser: RequestParser
  /// The request whose body is being read, and what will answer it.
  private var admitted: (request: HTTPRequest, handler: HTTPHandler)?
  /// What the body being read takes of the server's room.
  private var share: BodyShare?
  /// Bytes after the request in progress.
  private var readAhead: [UInt8] = []
  private var encoder = ResponseEncoder()
  private var framing = ResponseEncoder.Framing.none
  private var requests = 0
  private var hasEnded = false
  private var isDraining = false
  /// When the head or body being read began, in `DeadlineTimer.now` nanoseconds.
  private var began: UInt64?
  private var task: Task<Void, Never>?
  private var waiters: [CheckedContinuation<Void, any Error>] = []
  /// Bytes queued on the socket so far, and those of them that wait as the server's room knows them.
  private var queued = 0, counted = 0
  /// Set while bytes wait for the peer.
  private var pace: ReaderPace?

  /// Bytes per read while a body arrives.
  private static let bodyReadSize = 256 << 10
  private static let headReadSize = 16 << 10

  init(
    number: UInt64, socket: consuming SocketDescriptor, remoteAddress: String, tls context: TLSContext?,
    loop: HTTPLoop, resources: HTTPLoopResources
  ) {
    (self.number, self.remoteAddress, self.loop, self.resources) = (number, remoteAddress, loop, resources)
    self.socket = Connection(
      socket, loop: resources.events, timer: resources.timer, scratch: resources.scratch, tls: context)
    parser = RequestParser(limits: loop.service.limits)
  }

  /// Waits for the first request, and for a TLS handshake before it, within the time that a head has.
  func open() {
    socket.open(delegate: self)
    socket.setDeadline(after: limits.headTimeout)
  }

  // MARK: Reading

  func received(_ bytes: Span<UInt8>) {
    switch phase {
    case .reading: read(bytes)
    case .responding: keep(bytes, from: 0)
    case .flushing where encoder.keepsAlive: keep(bytes, from: 0)
    case .flushing, .lingering, .closed: break
    }
  }

  /// Parses up to the end of one request and keeps what follows.
  private func read(_ bytes: Span<UInt8>) {
    var position = 0
    let now = DeadlineTimer.now
    do throws(HTTPViolation) {
      while phase == .reading {
        switch try parser.parse(bytes, at: &position) {
        case .needsMore:
          try makeRoom(for: parser.bodyCount, now)
          return waitForMore(now)
        case .head(let head): beginBody(head, now, hasMore: position < bytes.count)
        case .body(let body):
          try makeRoom(for: body.count, now)
          answer(body)
        }
      }
    } catch {
      return refuse(error)
    }
    keep(bytes, from: position)
  }

  /// Sets the deadline of what is being read; idle connections keep the one they have.
  private func waitForMore(_ now: UInt64) {
    if parser.isInBody {
      let start = began ?? now
      let earned = UInt64(parser.bodyCount / max(1, limits.bodyBytesPerSecond)) * 1_000_000_000
      let timeout = limits.bodyTimeout.nanoseconds
      socket.setDeadline(min(start + timeout + earned, now + timeout))
    } else if parser.isInHead, began == nil {
      began = now
      socket.setDeadline(now + limits.headTimeout.nanoseconds)
    }
  }

  /// Takes room for a body that has come to `size` bytes. Where there is none, bodies that have had their time give theirs up.
  private func makeRoom(for size: Int, _ now: UInt64) throws(HTTPViolation) {
    guard size > 0 else { return }
    if share == nil { share = BodyShare(service.bodies) }
    while share?.grow(to: size) == false {
      guard dropSlowestBody(now) else { throw .noRoom }
    }
  }

  private func dropSlowestBody(_ now: UInt64) -> Bool {
    loop.assumeIsolated { [number] in $0.dropSlowestBody(except: number, now) }
  }

  /// When the body in progress began, if it has taken longer than any body is entitled to while others lack room.
  func overdueBody(_ now: UInt64) -> UInt64? {
    guard phase == .reading, share != nil, let began, now - began > limits.bodyTimeout.nanoseconds else { return nil }
    return began
  }

  /// Refuses the body in progress for the sake of others.
  func dropBody() { refuse(.noRoom) }

  private func beginBody(_ head: RequestHead, _ now: UInt64, hasMore: Bool) {
    began = now
    requests += 1
    encoder = ResponseEncoder(
      isHead: head.method.exact == "HEAD", minorVersion: head.minorVersion,
      keepsAlive: head.keepsAlive && requests < limits.requestsPerConnection && !isDraining)
    let hasBody = head.framing != .length(0)
    let request = HTTPRequest(
      method: head.method, path: head.path, query: head.query, headers: head.headers, remoteAddress: remoteAddress)
    switch service.admit(request, hasBody) {
    case .respond(let response):
      // The body is not wanted: answer, and drop what still comes of it.
      if hasBody { encoder.keepsAlive = false }
      return answer(with: response)
    case .handle(let handler): admitted = (request, handler)
    }
    guard hasBody else { return }
    if case .length(let count) = head.framing {
      while !service.bodies.hasRoom(for: count) {
        guard dropSlowestBody(now) else { return refuse(.noRoom) }
      }
    }
    socket.readSize = Self.bodyReadSize
    if head.expectsContinue, !hasMore {
      queue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      flush()
    }
  }

  private func keep(_ bytes: Span<UInt8>, from position: Int) {
    guard position < bytes.count, phase == .responding || phase == .flushing, encoder.keepsAlive else { return }
    readAhead.append(contentsOf: bytes, position..<bytes.count)
    if readAhead.count >= limits.readAheadBytes { socket.isPaused = true }
  }

  // MARK: Answering

  private func answer(_ body: [UInt8]) {
    guard case (var request, let handler)? = admitted else { return }
    phase = .responding
    admitted = nil
    began = nil
    socket.readSize = Self.headReadSize
    socket.setDeadline(nil)
    request.body = body
    task = Self.start(WaitingRequest(request, share), handler, loop, number)
    share = nil
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

  /// Queues a response or the head of a streamed one; true if its stream is to run.
  func respond(_ response: HTTPResponse) -> Bool {
    guard phase == .responding else { return false }
    if isDraining { encoder.keepsAlive = false }
    if case .bytes(let bytes) = response.body, !encoder.isHead, !makeSendRoom(for: bytes.count) {
      return respond(refusal(.noSendRoom))
    }
    guard let head = encoder.head(response, date: resources.date) else {
      // A header that would split the response is our mistake, and the peer learns no more than that.
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

  /// Queues a piece; true if the writer has to wait for room.
  func write(_ bytes: [UInt8]) -> Bool {
    guard phase == .responding else { return false }
    let piece = ResponseEncoder.piece(bytes, framing)
    guard makeSendRoom(for: piece.count) else {
      abort(.noRoom)
      return false
    }
    queue(piece)
    flush()
    return phase == .responding && socket.unsentBytes > limits.unsentBytes
  }

  func waitForRoom(_ waiter: CheckedContinuation<Void, any Error>) {
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

  private func queue(_ bytes: [UInt8]) {
    queued += bytes.count
    socket.queue(bytes)
  }

  private func flush() {
    socket.flush()
    countUnsent()
  }

  /// Tells the server's room what waits now.
  private func countUnsent() {
    let now = socket.unsentBytes
    service.unsent.change(by: now - counted)
    counted = now
  }

  /// Whether `size` more bytes may wait; drops readers that have been slow where they may not.
  private func makeSendRoom(for size: Int) -> Bool {
    while !service.unsent.hasRoom(for: size) {
      let hasDropped = loop.assumeIsolated { [number] in $0.dropSlowestReader(except: number, DeadlineTimer.now) }
      guard hasDropped else { return false }
    }
    return true
  }

  /// The rate at which the peer takes the bytes that wait for it, in bytes a second; nil where none have waited long.
  func readingRate(_ now: UInt64) -> Double? { pace?.rate(now, patience: limits.readerPatience) }

  /// Sets the deadline for a peer that has bytes to take.
  private func keepPace() {
    guard socket.unsentBytes > 0 else { return pace = nil }
    let (now, taken) = (DeadlineTimer.now, queued - socket.unsentBytes)
    var current = pace ?? ReaderPace(since: now, taken: taken)
    current.note(now, taken: taken)
    pace = current
    socket.setDeadline(current.deadline(limits))
  }

  private func finish() {
    phase = .flushing
    task = nil
    flush()
    if phase == .flushing { flushed() }
  }

  /// After a complete response: the next request, or the end.
  private func flushed() {
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

  // MARK: Refusing

  private func refuse(_ violation: HTTPViolation) {
    service.observer?.rejected(violation, remoteAddress: remoteAddress)
    encoder.keepsAlive = false
    encoder.isHead = admitted?.request.method.exact == "HEAD"
    // No request follows; what has come of the body is let go now and not when the connection ends.
    parser = RequestParser(limits: limits)
    share = nil
    answer(with: errorResponse(violation))
  }

  private func errorResponse(_ violation: HTTPViolation) -> HTTPResponse {
    var response = service.errorResponse(violation.status, violation.message)
    if violation.status == 503, response.headers["Retry-After"] == nil { response.headers["Retry-After"] = "1" }
    return response
  }

  /// What is sent in place of a response that has no room. An error that itself finds none ends the connection.
  private func refusal(_ violation: HTTPViolation) -> HTTPResponse {
    service.observer?.rejected(violation, remoteAddress: remoteAddress)
    let response = errorResponse(violation)
    guard case .bytes(let bytes) = response.body, !service.unsent.hasRoom(for: bytes.count) else { return response }
    encoder.keepsAlive = false
    return HTTPResponse(status: violation.status, headers: ["Retry-After": "1"])
  }

  /// Answers at the head: the body, if there is one, is not read.
  private func answer(with response: HTTPResponse) {
    phase = .responding
    (admitted, began) = (nil, nil)
    socket.readSize = Self.headReadSize
    var response = response
    if case .stream = response.body { response = service.errorResponse(500, "internal error") }
    _ = respond(response)
  }

  // MARK: Socket events

  func sent() {
    countUnsent()
    keepPace()
    if socket.unsentBytes <= limits.unsentBytes / 2, !waiters.isEmpty {
      let ready = waiters
      waiters = []
      for waiter in ready { waiter.resume() }
    }
    switch phase {
    case .flushing: flushed()
    case .responding where socket.unsentBytes == 0: socket.setDeadline(nil)
    case .responding, .reading, .lingering, .closed: break
    }
  }

  func receivedEnd() {
    hasEnded = true
    switch phase {
    case .reading, .lingering: close()
    case .responding: abort(.peerGone)
    case .flushing, .closed: break
    }
  }

  func receivedPlainText() { refuse(.malformed("this port speaks TLS: use https")) }

  func failed(_ error: TransportError) {
    if phase == .responding || phase == .flushing { abort(.peerGone) } else { close() }
  }

  func deadlinePassed() {
    switch phase {
    case .reading where admitted != nil: refuse(HTTPViolation(408, .timeout, "the body came too slowly"))
    case .reading where parser.isInHead: refuse(HTTPViolation(408, .timeout, "the request head came too slowly"))
    case .responding, .flushing: abort(.writeTimeout)
    case .reading, .lingering: close()
    case .closed: break
    }
  }

  // MARK: The end

  func drain() {
    isDraining = true
    if phase == .reading, !parser.isInHead, !parser.isInBody { close() }
  }

  private func linger() {
    guard !hasEnded else { return close() }
    phase = .lingering
    readAhead = []
    socket.isPaused = false
    socket.endWriting()
    socket.setDeadline(after: limits.lingerTimeout)
  }

  /// Ends the connection in the middle of a response: the handler is cancelled and its writes throw.
  func abort(_ reason: HTTPAbort) {
    guard phase != .closed else { return }
    if phase == .responding || phase == .flushing {
      service.observer?.aborted(reason, remoteAddress: remoteAddress)
      // Without length or chunks a FIN would look like the end of the body; a reset does not.
      if framing == .untilClose { socket.resetOnClose() }
    }
    let ready = waiters
    waiters = []
    task?.cancel()
    close()
    for waiter in ready { waiter.resume(throwing: reason) }
  }

  private func close() {
    guard phase != .closed else { return }
    phase = .closed
    task = nil
    readAhead = []
    share = nil
    socket.close()
    countUnsent()
    service.leave(remoteAddress)
    loop.assumeIsolated { [number] in $0.remove(number) }
  }
}

/// A request between its connection and its handler's task, which takes it out: what a task's closure captures lives as long as
/// the task, and a body must not be held until the last token of a streamed reply.
private final class WaitingRequest: Sendable {
  private let content: Mutex<(request: HTTPRequest, share: BodyShare?)?>

  init(_ request: HTTPRequest, _ share: BodyShare?) { content = Mutex((request, share)) }

  /// Calls the handler, once. Body and share are let go when it returns.
  func answer(by handler: HTTPHandler) async -> HTTPResponse {
    guard let (request, share) = content.withLock({ $0.take() }) else {
      preconditionFailure("a request has one answer")
    }
    let response = await handler(request)
    withExtendedLifetime(share) {}
    return response
  }
}

extension Connection {
  fileprivate func setDeadline(after timeout: Duration) { setDeadline(DeadlineTimer.now + timeout.nanoseconds) }
}

extension Duration {
  /// Whole nanoseconds, at least 0 and at most 292 years.
  var nanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    return UInt64(min(seconds, 9_000_000_000)) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
  }
}
