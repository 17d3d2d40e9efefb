// A request's head, RFC 9112 2 to 6, parsed strictly from bytes that end with an empty line. Input that two parsers
// could read differently is rejected: bare CR or LF, folded lines, white space before a colon, repeated lengths, and
// lengths together with chunks.

import Text

/// The request line and header fields, and what they say about the body and the connection.
package struct RequestHead: Sendable, Equatable {
  /// How the body is delimited, RFC 9112 6.3.
  package enum Framing: Sendable, Equatable {
    case length(Int)
    case chunked
  }
  package var method: String
  /// The percent-decoded path.
  package var path: String
  /// The part after `?`, still percent-encoded.
  package var query: String
  package var headers: HTTPHeaders
  /// 0 for HTTP/1.0, 1 for HTTP/1.1 and later minor versions.
  package var minorVersion: Int
  package var framing: Framing
  /// Whether the peer wants to keep the connection open, RFC 9112 9.3.
  package var keepsAlive: Bool
  /// Whether the peer waits for `100 Continue`, RFC 9110 10.1.1.
  package var expectsContinue: Bool

  /// Parses `bytes` up to `end`. The last four bytes are the end of the last line and the empty line.
  package init(_ bytes: Span<UInt8>, end: Int, limits: HTTPLimits) throws(HTTPViolation) {
    var line = try bytes.line(from: 0, end)
    let start = try RequestLine(bytes, 0..<line, limits: limits)
    method = start.method
    path = start.target.path
    query = start.target.query
    minorVersion = start.minorVersion
    headers = [:]
    var summary = FieldSummary()
    var position = line + 2
    var count = 0
    while position < end - 2 {
      line = try bytes.line(from: position, end)
      count += 1
      guard count <= limits.headerCount else {
        throw HTTPViolation(431, .tooLarge, "the request has more than \(limits.headerCount) header fields")
      }
      let (name, value) = try bytes.field(position..<line)
      try summary.record(bytes, name, value)
      headers.append(bytes.text(name), bytes.text(value))
      position = line + 2
    }
    if let authority = start.target.authority { headers["Host"] = authority }
    guard summary.hosts == 1 || (summary.hosts == 0 && minorVersion == 0) else {
      throw .malformed("a request must have exactly one Host field")
    }
    framing = try summary.framing(method: method, minorVersion: minorVersion, limits: limits)
    keepsAlive = minorVersion == 0 ? summary.keepAlive && !summary.close : !summary.close
    expectsContinue = summary.expectsContinue && minorVersion > 0
  }
}

extension RequestHead {
  package static func == (a: RequestHead, b: RequestHead) -> Bool {
    a.method.isEqual(exactly: b.method) && a.path.isEqual(exactly: b.path) && a.query.isEqual(exactly: b.query)
      && a.headers == b.headers && a.minorVersion == b.minorVersion && a.framing == b.framing
      && a.keepsAlive == b.keepsAlive && a.expectsContinue == b.expectsContinue
  }
}

/// The request line: `method SP request-target SP HTTP-version`, RFC 9112 3.
private struct RequestLine {
  var method: String
  var target: RequestTarget
  var minorVersion: Int

  init(_ bytes: Span<UInt8>, _ range: Range<Int>, limits: HTTPLimits) throws(HTTPViolation) {
    guard let first = bytes.first(0x20, in: range), first > range.lowerBound,
      let second = bytes.first(0x20, in: first + 1..<range.upperBound), second > first + 1
    else { throw .malformed("the request line must consist of method, target and version") }
    guard first <= 32, ByteClass.all(bytes, 0..<first, of: ByteClass.token) else {
      throw .malformed("the method is invalid")
    }
    let version = second + 1..<range.upperBound
    guard version.count == 8, bytes.text(version.lowerBound..<version.lowerBound + 5).exact == "HTTP/",
      bytes[version.lowerBound + 6] == 0x2E, (0x30...0x39).contains(bytes[version.lowerBound + 5]),
      (0x30...0x39).contains(bytes[version.lowerBound + 7])
    else { throw .malformed("the HTTP version is invalid") }
    guard bytes[version.lowerBound + 5] == 0x31 else {
      throw HTTPViolation(505, .unsupported, "this server supports only HTTP/1.1 and HTTP/1.0")
    }
    guard second - first - 1 <= limits.targetBytes else {
      throw .tooLarge(414, "the request target", limit: limits.targetBytes)
    }
    minorVersion = bytes[version.lowerBound + 7] == 0x30 ? 0 : 1
    method = bytes.text(0..<first)
    target = try RequestTarget(bytes, first + 1..<second, method: method)
  }
}

/// The meaning of the header fields read so far that affect the connection.
private struct FieldSummary {
  var hosts = 0
  var close = false
  var keepAlive = false
  var expectsContinue = false
  private var length: Int?
  private var lengthFields = 0
  private var codingFields = 0
  /// Whether there are transfer codings besides `chunked`.
  private var hasOtherCoding = false

  mutating func record(_ bytes: Span<UInt8>, _ name: Range<Int>, _ value: Range<Int>) throws(HTTPViolation) {
    if bytes.matches("host", name) {
      hosts += 1
      guard RequestTarget.isAuthority(bytes, value) else { throw .malformed("the Host field is invalid") }
    } else if bytes.matches("content-length", name) {
      lengthFields += 1
      length = try bytes.decimal(value)
    } else if bytes.matches("transfer-encoding", name) {
      codingFields += 1
      try recordCodings(bytes, value)
    } else if bytes.matches("connection", name) {
      for option in bytes.list(value) {
        if bytes.matches("close", option) { close = true }
        if bytes.matches("keep-alive", option) { keepAlive = true }
      }
    } else if bytes.matches("expect", name) {
      guard bytes.matches("100-continue", value) else {
        throw HTTPViolation(417, .unsupported, "the only supported value of Expect is 100-continue")
      }
      expectsContinue = true
    }
  }

  /// Parses a list of transfer codings. A list in which `chunked` is not last does not delimit the body and is
  /// malformed, RFC 9112 6.3; so is one that two parsers could read differently. Other codings are unsupported, 6.1.
  private mutating func recordCodings(_ bytes: Span<UInt8>, _ value: Range<Int>) throws(HTTPViolation) {
    var isChunked = false
    for coding in bytes.list(value) {
      let end = bytes.first(0x3B, in: coding) ?? coding.upperBound
      let name = bytes.trimmed(coding.lowerBound..<end)
      guard !name.isEmpty, ByteClass.all(bytes, name, of: ByteClass.token) else {
        throw .malformed("the Transfer-Encoding is invalid")
      }
      if isChunked { throw .malformed("chunked must be the last transfer coding") }
      isChunked = bytes.matches("chunked", name)
      if isChunked, end < coding.upperBound { throw .malformed("the transfer coding chunked takes no parameters") }
      if !isChunked { hasOtherCoding = true }
    }
  }

  func framing(method: String, minorVersion: Int, limits: HTTPLimits) throws(HTTPViolation) -> RequestHead.Framing {
    if codingFields > 0 {
      guard lengthFields == 0 else {
        throw .malformed("a request must not have both Content-Length and Transfer-Encoding")
      }
      guard minorVersion > 0 else { throw .malformed("HTTP/1.0 does not support Transfer-Encoding") }
      guard codingFields == 1 else { throw .malformed("a request must have at most one Transfer-Encoding field") }
      if hasOtherCoding { throw HTTPViolation(501, .unsupported, "the only supported transfer coding is chunked") }
      return .chunked
    }
    guard lengthFields <= 1 else { throw .malformed("a request must have at most one Content-Length field") }
    guard let length else {
      guard !["POST", "PUT", "PATCH"].contains(exactly: method) else {
        throw HTTPViolation(411, .unsupported, "\(method) requires Content-Length or the chunked transfer coding")
      }
      return .length(0)
    }
    guard length <= limits.bodyBytes else { throw .tooLarge(413, "the body", limit: limits.bodyBytes) }
    return .length(length)
  }
}

extension Span<UInt8> {
  /// Returns the position of the CR that ends the line at `start`.
  func line(from start: Int, _ end: Int) throws(HTTPViolation) -> Int {
    guard let position = first(0x0D, in: start..<end), position + 1 < end, self[position + 1] == 0x0A else {
      throw .malformed("a CR must be followed by an LF")
    }
    return position
  }

  /// Splits `field-name ":" OWS field-value OWS`, RFC 9112 5.
  func field(_ range: Range<Int>) throws(HTTPViolation) -> (name: Range<Int>, value: Range<Int>) {
    guard let colon = first(0x3A, in: range), colon > range.lowerBound else {
      throw .malformed("a header line has no field name")
    }
    // Neither the leading space of a folded line (obs-fold) nor a space before the colon (request smuggling) is a
    // tchar.
    guard ByteClass.all(self, range.lowerBound..<colon, of: ByteClass.token) else {
      throw .malformed("a field name contains an invalid character")
    }
    let value = trimmed(colon + 1..<range.upperBound)
    guard ByteClass.all(self, value, of: ByteClass.value) else {
      throw .malformed("a field value contains a control character")
    }
    return (range.lowerBound..<colon, value)
  }

  /// Parses `1*DIGIT` with at most 18 digits.
  func decimal(_ range: Range<Int>) throws(HTTPViolation) -> Int {
    guard !range.isEmpty, range.count <= 18 else { throw .malformed("the Content-Length is invalid") }
    var value = 0
    for index in range {
      guard (0x30...0x39).contains(self[index]) else { throw .malformed("the Content-Length is invalid") }
      value = value * 10 + Int(self[index] - 0x30)
    }
    return value
  }

  /// Returns the elements of a comma-separated list.
  func list(_ range: Range<Int>) -> [Range<Int>] {
    var elements: [Range<Int>] = []
    var start = range.lowerBound
    for index in range where self[index] == 0x2C {
      elements.append(trimmed(start..<index))
      start = index + 1
    }
    elements.append(trimmed(start..<range.upperBound))
    return elements
  }
}
