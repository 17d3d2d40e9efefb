// HTTP messages as values: what a handler is given and what it gives back.

import Text

/// Header fields in order of arrival. Names compare without case; values are trimmed.
package struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  package private(set) var fields: [(name: String, value: String)] = []

  package init() {}
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { append(name, value) }
  }

  /// The first value of `name`. Assigning replaces all values of that name.
  package subscript(name: String) -> String? {
    get { fields.first { Self.same($0.name, name) }?.value }
    set {
      fields.removeAll { Self.same($0.name, name) }
      if let newValue { append(name, newValue) }
    }
  }

  package func all(_ name: String) -> [String] { fields.filter { Self.same($0.name, name) }.map(\.value) }

  package mutating func append(_ name: String, _ value: String) { fields.append((name: name, value: value)) }

  private static func same(_ a: String, _ b: String) -> Bool {
    a.utf8.count == b.utf8.count && zip(a.utf8, b.utf8).allSatisfy { lowercase($0) == lowercase($1) }
  }

  private static func lowercase(_ byte: UInt8) -> UInt8 { byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte }

  package static func == (a: HTTPHeaders, b: HTTPHeaders) -> Bool {
    a.fields.count == b.fields.count
      && zip(a.fields, b.fields).allSatisfy { same($0.name, $1.name) && $0.value.isEqual(exactly: $1.value) }
  }
}

/// A whole request; the body has been received and its transfer coding removed.
package struct HTTPRequest: Sendable {
  package var method: String
  /// Percent-decoded absolute path, for instance `/v1/models`.
  package var path: String
  /// The part after `?`, still encoded; empty without one.
  package var query: String
  package var headers: HTTPHeaders
  package var body: [UInt8]
  /// The peer's address without port; empty for a Unix-domain socket and a socket pair.
  package var remoteAddress: String

  package init(
    method: String, path: String, query: String = "", headers: HTTPHeaders = [:], body: [UInt8] = [],
    remoteAddress: String = ""
  ) {
    (self.method, self.path, self.query, self.headers) = (method, path, query, headers)
    (self.body, self.remoteAddress) = (body, remoteAddress)
  }
}

/// Accepts the pieces of a streamed body. `write` returns when the peer's window took the bytes into the bounded send
/// buffer, and throws once the peer is gone or too slow.
package protocol HTTPBodyWriter: Sendable {
  func write(_ bytes: [UInt8]) async throws
}

package struct HTTPResponse: Sendable {
  package enum Body: Sendable {
    case empty
    case bytes([UInt8])
    /// Sent with chunked transfer coding (to HTTP/1.0 peers: until close). The task that runs it is cancelled when the peer
    /// disconnects; throwing ends the connection without the last chunk, so that the peer sees an incomplete body.
    case stream(@Sendable (any HTTPBodyWriter) async throws -> Void)
  }
  package var status: Int
  package var headers: HTTPHeaders
  package var body: Body

  package init(status: Int, headers: HTTPHeaders = [:], body: Body = .empty) {
    (self.status, self.headers, self.body) = (status, headers, body)
  }
}

/// Answers one request. Runs in a task of its own that is cancelled when the peer disconnects.
package typealias HTTPHandler = @Sendable (HTTPRequest) async -> HTTPResponse

/// How a request is answered, decided when its head has arrived.
package enum HTTPAdmission: Sendable {
  /// The response is sent at once; a body that follows is not read.
  case respond(HTTPResponse)
  /// The handler answers when the body has arrived.
  case handle(HTTPHandler)
}

/// Decides how to answer a request whose `body` has not arrived. Runs on the event loop, so it must return quickly.
package typealias HTTPAdmit = @Sendable (_ request: HTTPRequest, _ hasBody: Bool) -> HTTPAdmission
