// Encodes responses as bytes, RFC 9112 6 and 7. A pure value. Only the encoder writes the framing fields, so that
// handlers cannot forget or contradict them. It rejects headers that could split the response.

import Text

/// How one response is sent. The request that it answers decides.
struct ResponseEncoder: Sendable {
  /// The delimiter of the body.
  enum Framing: Sendable, Equatable {
    /// No body: HEAD, 204, 304 or an empty body.
    case none
    case length
    case chunked
    /// The end of the connection: a stream to an HTTP/1.0 client.
    case untilClose
  }

  var isHead = false
  var minorVersion = 1
  /// Whether the connection may serve another request after this one.
  var keepsAlive = true

  /// Returns the head of `response`, or nil if a header name or value cannot be sent.
  func head(_ response: HTTPResponse, date: [UInt8]) -> (bytes: [UInt8], framing: Framing, keepsAlive: Bool)? {
    guard (200...999).contains(response.status) else { return nil }
    let isBodiless = response.status == 204 || response.status == 304
    var framing = Framing.none
    var length: Int?
    switch response.body {
    case .empty: length = 0
    case .bytes(let bytes): (framing, length) = (.length, bytes.count)
    case .stream: framing = minorVersion > 0 ? .chunked : .untilClose
    }
    var keepsAlive = keepsAlive
    var declared: String?
    var bytes: [UInt8] = []
    bytes.reserveCapacity(512)
    bytes += "HTTP/1.1 ".utf8
    bytes += String(response.status).utf8
    bytes += " \(Self.phrase(response.status))\r\nDate: ".utf8
    bytes += date
    bytes += "\r\n".utf8
    for (name, value) in response.headers.fields {
      guard !name.isEmpty, name.utf8.allSatisfy({ ByteClass.isMember($0, of: ByteClass.token) }),
        value.utf8.allSatisfy({ ByteClass.isMember($0, of: ByteClass.value) })
      else { return nil }
      switch name.utf8.count {
      case 4 where name.lowercasedASCII.exact == "date": continue
      case 10 where name.lowercasedASCII.exact == "connection":
        if value.lowercasedASCII.exact == "close" { keepsAlive = false }
        continue
      case 14 where name.lowercasedASCII.exact == "content-length":
        declared = value
        continue
      case 17 where name.lowercasedASCII.exact == "transfer-encoding": continue
      default: break
      }
      bytes += name.utf8
      bytes += ": ".utf8
      bytes += value.utf8
      bytes += "\r\n".utf8
    }
    if isHead || response.status == 304 {
      // HEAD sends the fields that GET would send: a handler that does not load the body may declare its length.
      if case .empty = response.body {
        length = declared.flatMap { Int($0) }.flatMap { $0 >= 0 ? $0 : nil } ?? (isHead ? 0 : nil)
      }
    }
    if framing == .untilClose { keepsAlive = false }
    if response.status != 204 {
      if let length { bytes += "Content-Length: \(length)\r\n".utf8 }
      if framing == .chunked && !isBodiless { bytes += "Transfer-Encoding: chunked\r\n".utf8 }
    }
    if !keepsAlive {
      bytes += "Connection: close\r\n".utf8
    } else if minorVersion == 0 {
      bytes += "Connection: keep-alive\r\n".utf8
    }
    bytes += "\r\n".utf8
    return (bytes, isHead || isBodiless ? .none : framing, keepsAlive)
  }

  /// Encodes a piece of a streamed body. Returns nothing for an empty piece, which would end a chunked body.
  static func piece(_ bytes: [UInt8], _ framing: Framing) -> [UInt8] {
    guard framing == .chunked, !bytes.isEmpty else { return bytes }
    var chunk: [UInt8] = []
    chunk.reserveCapacity(bytes.count + 20)
    chunk += String(bytes.count, radix: 16).utf8
    chunk += "\r\n".utf8
    chunk += bytes
    chunk += "\r\n".utf8
    return chunk
  }

  /// Returns the bytes that end a complete streamed body.
  static func end(_ framing: Framing) -> [UInt8] { framing == .chunked ? Array("0\r\n\r\n".utf8) : [] }

  static func phrase(_ status: Int) -> String {
    switch status {
    case 200: "OK"
    case 201: "Created"
    case 202: "Accepted"
    case 204: "No Content"
    case 206: "Partial Content"
    case 301: "Moved Permanently"
    case 302: "Found"
    case 304: "Not Modified"
    case 307: "Temporary Redirect"
    case 308: "Permanent Redirect"
    case 400: "Bad Request"
    case 401: "Unauthorized"
    case 403: "Forbidden"
    case 404: "Not Found"
    case 405: "Method Not Allowed"
    case 408: "Request Timeout"
    case 409: "Conflict"
    case 411: "Length Required"
    case 412: "Precondition Failed"
    case 413: "Content Too Large"
    case 414: "URI Too Long"
    case 415: "Unsupported Media Type"
    case 416: "Range Not Satisfiable"
    case 417: "Expectation Failed"
    case 422: "Unprocessable Content"
    case 429: "Too Many Requests"
    case 431: "Request Header Fields Too Large"
    case 500: "Internal Server Error"
    case 501: "Not Implemented"
    case 503: "Service Unavailable"
    case 504: "Gateway Timeout"
    case 505: "HTTP Version Not Supported"
    default: "Status"
    }
  }
}
