// A resumable parser of a connection's requests. A pure value: bytes in any pieces go in, events come out, and the same bytes
// give the same events however they were cut. Every byte is copied once, into the body, which grows by doubling.

/// Reads requests one after the other, RFC 9112.
package struct RequestParser: Sendable {
  /// What the bytes given so far amount to.
  package enum Event: Sendable, Equatable {
    /// All input was taken; the request is not complete.
    case needsMore
    /// A head is complete; parsing goes on with its body.
    case head(RequestHead)
    /// The request of the last head is complete; the next call begins the next request.
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
  /// Head bytes of earlier pieces.
  private var head: [UInt8] = []
  private var body: [UInt8] = []
  /// How much of CR LF CR LF the last head bytes are.
  private var matched = 0
  /// Whether an empty line before the request line was skipped, RFC 9112 2.2 allows one.
  private var skippedLine = false

  package init(limits: HTTPLimits) { self.limits = limits }

  /// Whether a request has begun: some bytes of its head have arrived.
  package var isInHead: Bool { if case .head = state { !head.isEmpty || skippedLine } else { false } }
  /// Whether a head is complete and its body is not.
  package var isInBody: Bool {
    switch state {
    case .sized, .chunked: true
    case .head, .failed: false
    }
  }
  /// Body bytes taken so far.
  package var bodyCount: Int { body.count }

  /// Takes bytes from `input` at `position`, which moves on, up to the next event. After a violation every call repeats it.
  package mutating func parse(_ input: Span<UInt8>, at position: inout Int) throws(HTTPViolation) -> Event {
    do throws(HTTPViolation) {
      switch state {
      case .head: return try parseHead(input, &position)
      case .sized(let remaining): return parseBody(input, &position, remaining)
      case .chunked(var decoder):
        state = .head  // The decoder is the only owner of its buffer while it works.
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
      // Kept in `head` until its LF is seen.
      head.append(0x0D)
      position += 1
    }
    if head.count == 1, head[0] == 0x0D, position < input.count {
      guard input[position] == 0x0A else { throw .malformed("a CR without LF") }
      head.removeAll(keepingCapacity: true)
      skippedLine = true
      position += 1
    }
    if head.count == 1, head[0] == 0x0D { return .needsMore }
    let start = position
    // Bytes that cannot begin a request, for instance TLS, are refused without waiting for a line that never ends.
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
      // A declared length is a promise, not yet bytes: memory follows what arrives.
      body.reserveCapacity(min(count, 64 << 10))
    case .chunked: state = .chunked(ChunkedDecoder(limits: limits))
    }
    return .head(parsed)
  }

  /// The position after the empty line that ends the head; a CR or LF that stands alone is refused as soon as it is seen.
  private mutating func headEnd(_ input: Span<UInt8>, _ start: Int) throws(HTTPViolation) -> Int? {
    for index in start..<input.count {
      switch (matched, input[index]) {
      case (0, 0x0D), (1, 0x0A), (2, 0x0D): matched += 1
      case (3, 0x0A):
        matched = 0
        return index + 1
      case (1, _), (3, _): throw .malformed("a CR without LF")
      case (_, 0x0A): throw .malformed("an LF without CR")
      default: matched = 0
      }
    }
    return nil
  }

  /// A request line that alone fills the head is a target that is too long.
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
  /// Appends a part of a span in one copy.
  mutating func append(contentsOf bytes: Span<UInt8>, _ range: Range<Int>) {
    guard !range.isEmpty else { return }
    bytes.extracting(range).withUnsafeBufferPointer { append(contentsOf: $0) }
  }
}
