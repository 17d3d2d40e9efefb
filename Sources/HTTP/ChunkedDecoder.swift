// The chunked transfer coding, RFC 9112 7.1. Extensions and trailer fields are validated, limited and discarded.
import Text

/// Decodes one chunked body from input split at any byte.
struct ChunkedDecoder: Sendable {
  private enum State: Sendable {
    /// Reading the chunk size and extensions into `line`.
    case size
    case data(remaining: Int)
    /// Reading the CR LF after a chunk's data.
    case dataEnd
    /// Reading trailer fields up to an empty line.
    case trailer
  }

  private let limits: HTTPLimits
  private var state = State.size
  private var line: [UInt8] = []
  /// The bytes of extensions and trailer fields, which count against the limit of the head.
  private var overhead = 0
  private var trailerFields = 0

  init(limits: HTTPLimits) { self.limits = limits }

  /// Appends decoded bytes to `body`. Returns true once the last chunk and the trailer are complete.
  mutating func decode(_ input: Span<UInt8>, at position: inout Int, into body: inout [UInt8]) throws(HTTPViolation)
    -> Bool
  {
    while position < input.count {
      if case .data(let remaining) = state {
        let count = min(remaining, input.count - position)
        body.append(contentsOf: input, position..<position + count)
        position += count
        state = count == remaining ? .dataEnd : .data(remaining: remaining - count)
        continue
      }
      guard try takeLine(input, &position) else { continue }
      switch state {
      case .size:
        let size = try chunkSize()
        guard size <= limits.bodyBytes - body.count else { throw .tooLarge(413, "the body", limit: limits.bodyBytes) }
        state = size == 0 ? .trailer : .data(remaining: size)
      case .dataEnd:
        guard line.isEmpty else { throw .malformed("a chunk has more data than its size announces") }
        state = .size
      case .trailer:
        if line.isEmpty { return true }
        trailerFields += 1
        guard trailerFields <= limits.headerCount else {
          throw HTTPViolation(431, .tooLarge, "the request has more than \(limits.headerCount) trailer fields")
        }
        _ = try line.span.field(0..<line.count)
      case .data: break
      }
      line.removeAll(keepingCapacity: true)
    }
    return false
  }

  /// Appends bytes to `line` up to CR LF. Returns true when the line, stored without CR LF, is complete.
  private mutating func takeLine(_ input: Span<UInt8>, _ position: inout Int) throws(HTTPViolation) -> Bool {
    while position < input.count {
      let byte = input[position]
      position += 1
      if line.last == 0x0D {
        guard byte == 0x0A else { throw .malformed("a CR must be followed by an LF") }
        line.removeLast()
        return true
      }
      guard byte != 0x0A else { throw .malformed("an LF must follow a CR") }
      if case .dataEnd = state, byte != 0x0D { throw .malformed("a chunk has more data than its size announces") }
      line.append(byte)
      // 16 digits and CR are not counted, so that the number of chunks is not limited; everything else is overhead.
      if line.count > 17 || isInTrailer { overhead += 1 }
      guard overhead <= limits.headBytes else {
        throw .tooLarge(431, "the total size of chunk extensions and trailer fields", limit: limits.headBytes)
      }
    }
    return false
  }

  private var isInTrailer: Bool { if case .trailer = state { true } else { false } }

  /// Parses `1*HEXDIG [ BWS ";" chunk-ext ]`.
  private func chunkSize() throws(HTTPViolation) -> Int {
    var size = 0
    var digits = 0
    while digits < line.count, let digit = Hexadecimal.value(of: line[digits]) {
      guard digits < 15 else { throw .malformed("the chunk size is invalid") }
      size = size << 4 | Int(digit)
      digits += 1
    }
    guard digits > 0 else { throw .malformed("the chunk size is invalid") }
    let rest = line.span.trimmed(digits..<line.count)
    guard rest.isEmpty ? digits == line.count : line[rest.lowerBound] == 0x3B else {
      throw .malformed("the chunk size is invalid")
    }
    guard ByteClass.all(line.span, rest, of: ByteClass.value) else { throw .malformed("a chunk extension is invalid") }
    return size
  }
}
