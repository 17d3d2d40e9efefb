// Reading requests: parsing, deadlines, and the memory that bodies reserve.

import Basics
import Text
import Transport

extension HTTPConnection {
  /// Parses one request and stores the bytes that follow it.
  func read(_ bytes: Span<UInt8>) {
    var position = 0
    let now = DeadlineTimer.now
    do throws(HTTPViolation) {
      while phase == .reading {
        switch try parser.parse(bytes, at: &position) {
        case .needsMore:
          try reserveBody(for: parser.bodyCount, now)
          return waitForMore(now)
        case .head(let head): beginBody(head, now, hasMore: position < bytes.count)
        case .body(let body):
          try reserveBody(for: body.count, now)
          answer(body)
        }
      }
    } catch {
      return reject(error)
    }
    storeReadAhead(bytes, from: position)
  }

  /// Sets the deadline of the current head or body. Idle connections keep the deadline they have.
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

  /// Reserves memory for a body that has grown to `size` bytes. If it does not fit, rejects bodies older than
  /// `bodyTimeout`, oldest first.
  private func reserveBody(for size: Int, _ now: UInt64) throws(HTTPViolation) {
    guard size > 0 else { return }
    if reservation == nil { reservation = BodyReservation(service.bodies) }
    while reservation?.grow(to: size) == false {
      guard rejectOldestBody(now) else { throw .bodyBudgetExceeded }
    }
  }

  private func rejectOldestBody(_ now: UInt64) -> Bool {
    loop.assumeIsolated { [number] in $0.rejectOldestBody(except: number, now) }
  }

  /// The time at which the current body began, or nil if it is younger than `bodyTimeout`. Older bodies may be
  /// rejected when others lack memory.
  func overdueBody(_ now: UInt64) -> UInt64? {
    guard phase == .reading, reservation != nil, let began, now - began > limits.bodyTimeout.nanoseconds else {
      return nil
    }
    return began
  }

  /// Rejects the current body to free memory for others.
  func rejectBody() { reject(.bodyBudgetExceeded) }

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
      // The body is not needed: answer now and discard the rest of it.
      if hasBody { encoder.keepsAlive = false }
      return answer(with: response)
    case .handle(let handler): admitted = (request, handler)
    }
    guard hasBody else { return }
    if case .length(let count) = head.framing {
      while !service.bodies.fits(count) {
        guard rejectOldestBody(now) else { return reject(.bodyBudgetExceeded) }
      }
    }
    socket.readSize = Self.bodyReadSize
    if head.expectsContinue, !hasMore {
      queue(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
      flush()
    }
  }

  func storeReadAhead(_ bytes: Span<UInt8>, from position: Int) {
    guard position < bytes.count, phase == .responding || phase == .flushing, encoder.keepsAlive else { return }
    readAhead.append(contentsOf: bytes, position..<bytes.count)
    if readAhead.count >= limits.readAheadBytes { socket.isPaused = true }
  }
}
