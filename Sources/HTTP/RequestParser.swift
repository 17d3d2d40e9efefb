// A resumable parser of a connection's requests. A pure value: bytes go in, events come out, and the events do not
// depend on where the input was split. Every byte is copied once, into the body, which grows by doubling.

/// Parses consecutive requests, RFC 9112.
package struct RequestParser: Sendable {
  /// The result of parsing the bytes given so far.
  package enum Event: Sendable, Equatable {
    /// All input was consumed; the request is not complete.
    case needsMore
    /// A head is complete; parsing continues with its body.
    case head(RequestHead)
    /// The request of the last head is complete; the next call starts the next request.
    case body([UInt8])
  }

  private enum State: Sendable {
    case head
    case sized(remaining: Int)
    case chunked(ChunkedDecoder)
    case failed(HTTPViolation)
  }

  private let limits: HTTPLimits
  private var state = State.head
  /// The bytes of the head from earlier input.
  private var head: [UInt8] = []
  private var body: [UInt8] = []
  /// The number of bytes of CR LF CR LF that the head ends with.
  private var matched = 0
  /// Whether an empty line before the request line was skipped; RFC 9112 2.2 allows one.
  private var skippedLine = false

  package init(limits: HTTPLimits) { self.limits = limits }

  /// Whether a request has begun, that is, some bytes of its head have arrived.
  package var isInHead: Bool { if case .head = state { !head.isEmpty || skippedLine } else { false } }
  /// Whether a head is complete and its body is not.
  package var isInBody: Bool {
    switch state {
    case .sized, .chunked: true
    case .head, .failed: false
    }
  }
  /// The number of body bytes received so far.
  package var bodyCount: Int { body.count }

  /// Parses `input` from `position`, which it advances, up to the next event. After a violation every call throws it
  /// again.
  package mutating func parse(_ input: Span<UInt8>, at position: inout Int) throws(HTTPViolation) -> Event {
    do throws(HTTPViolation) {
      switch state {
      case .head: return try parseHead(input, &position)
      case .sized(let remaining): return parseBody(input, &position, remaining)
      case .chunked(var decoder):
        state = .head  // The decoder must own its buffer uniquely to append in place.
        let isComplete = try decoder.decode(input, at: &position, into: &body)
        if isComplete { return complete() }
        state = .chunked(decoder)
        return .needsMore
      case .failed(let violation): throw violation
      }
    } catch {
      (head, body) = ([], [])
      state = .failed(error)
      throw error
    }
  }

  private mutating func parseHead(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPViolation) -> Event {
    if head.isEmpty, position < input.count, !skippedLine, input[position] == 0x0D {
      // The skipped CR is stored in `head` until its LF arrives.
      head.append(0x0D)
      position += 1
    }
    if head.count == 1, head[0] == 0x0D, position < input.count {
      guard input[position] == 0x0A else { throw .malformed("a CR must be followed by an LF") }
      head.removeAll(keepingCapacity: true)
      skippedLine = true
      position += 1
    }
    if head.count == 1, head[0] == 0x0D { return .needsMore }
    let start = position
    // Bytes that cannot start a request, for instance TLS, are rejected at once: their line might never end.
    if head.isEmpty, start < input.count, !ByteClass.isMember(input[start], of: ByteClass.token) {
      throw .malformed("the method is invalid")
    }
    guard let end = try headEnd(input, start) else {
      guard head.count + input.count - start <= limits.headBytes else { throw tooLargeHead(input, start) }
      head.append(contentsOf: input, start..<input.count)
      position = input.count
      return .needsMore
    }
    position = end
    guard head.count + end - start <= limits.headBytes else { throw tooLargeHead(input, start) }
    let parsed: RequestHead
    if head.isEmpty {
      let span = input.extracting(start..<end)
      parsed = try RequestHead(span, end: end - start, limits: limits)
    } else {
      head.append(contentsOf: input, start..<end)
      parsed = try RequestHead(head.span, end: head.count, limits: limits)
      head = []
    }
    skippedLine = false
    switch parsed.framing {
    case .length(let count):
      state = .sized(remaining: count)
      // A declared length is not trusted: memory grows with the bytes that arrive.
      body.reserveCapacity(min(count, 64 << 10))
    case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
    }
    return .head(parsed)
  }

  /// Returns the position after the empty line that ends the head. Rejects a CR or LF that stands alone as soon as it
  /// arrives.
  private mutating func headEnd(_ input: Span<UInt8>, _ start: Int) throws(HTTPViolation) -> Int? {
    for index in start..<input.count {
      switch (matched, input[index]) {
      case (0, 0x0D), (1, 0x0A), (2, 0x0D): matched += 1
      case (3, 0x0A):
        matched = 0
        return index + 1
      case (1, _), (3, _): throw .malformed("a CR must be followed by an LF")
      case (_, 0x0A): throw .malformed("an LF must follow a CR")
      default: matched = 0
      }
    }
    return nil
  }

  /// If the request line alone fills the head, reports the target as too long.
  private func tooLargeHead(_ input: Span<UInt8>, _ start: Int) -> HTTPViolation {
    var hasLine = head.contains(0x0A)
    if !hasLine { hasLine = input.first(0x0A, in: start..<min(input.count, start + limits.headBytes)) != nil }
    return hasLine
      ? .tooLarge(431, "the request head", limit: limits.headBytes)
      : .tooLarge(414, "the request target", limit: limits.targetBytes)
  }

  private mutating func parseBody(_ input: Span<UInt8>, _ position: inout Int, _ remaining: Int) -> Event {
    let count = min(remaining, input.count - position)
    body.append(contentsOf: input, position..<position + count)
    position += count
    if count == remaining { return complete() }
    state = .sized(remaining: remaining - count)
    return .needsMore
  }

  private mutating func complete() -> Event {
    state = .head
    defer { body = [] }
    return .body(body)
  }
}

extension [UInt8] {
  /// Appends a part of a span with a single copy.
  mutating func append(contentsOf bytes: Span<UInt8>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    bytes.extracting(range).withUnsafeBufferPointer { append(contentsOf: $0) }
  }
}
