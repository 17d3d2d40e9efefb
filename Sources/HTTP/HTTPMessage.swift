// HTTP requests and responses as values: the input and output of a handler.

import Text

/// Header fields in order of arrival. Names compare without case; values are trimmed.
package struct HTTPHeaders: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  package private(set) var fields: [(name: String, value: String)] = []

  package init() {}
  package init(dictionaryLiteral elements: (String, String)...) {
    for (name, value) in elements { append(name, value) }
  }

  /// The first value of `name`. Setting it replaces all values of that name.
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

/// A complete request: the whole body has arrived, and its transfer coding has been removed.
package struct HTTPRequest: Sendable {
  package var method: String
  /// The percent-decoded absolute path, for instance `/v1/models`.
  package var path: String
  /// The part after `?`, still percent-encoded; empty if there is none.
  package var query: String
  package var headers: HTTPHeaders
  package var body: [UInt8]
  /// The peer's address without port; empty for Unix-domain sockets and socket pairs.
  package var remoteAddress: String

  package init(
    method: String, path: String, query: String = "", headers: HTTPHeaders = [:], body: [UInt8] = [],
    remoteAddress: String = ""
  ) {
    self.method = method
    self.path = path
    self.query = query
    self.headers = headers
    self.body = body
    self.remoteAddress = remoteAddress
  }
}

/// Sends the pieces of a streamed body. `write` returns once the bounded send buffer has taken the bytes; it throws
/// when the peer is gone or too slow.
package protocol HTTPBodyWriter: Sendable {
  func write(_ bytes: [UInt8]) async throws
}

package struct HTTPResponse: Sendable {
  package enum Body: Sendable {
    case empty
    case bytes([UInt8])
    /// A body sent with chunked transfer coding (for HTTP/1.0: until the connection closes). The task that runs the
    /// closure is cancelled when the peer disconnects. If the closure throws, the connection ends without the last
    /// chunk, so that the peer detects an incomplete body.
    case stream(@Sendable (any HTTPBodyWriter) async throws -> Void)
  }
  package var status: Int
  package var headers: HTTPHeaders
  package var body: Body

  package init(status: Int, headers: HTTPHeaders = [:], body: Body = .empty) {
    self.status = status
    self.headers = headers
    self.body = body
  }
}

/// Answers one request. Runs in its own task, which is cancelled when the peer disconnects.
package typealias HTTPHandler = @Sendable (HTTPRequest) async -> HTTPResponse

/// The way to answer a request, decided when its head has arrived.
package enum HTTPAdmission: Sendable {
  /// Sends the response at once, without reading the body.
  case respond(HTTPResponse)
  /// Calls the handler once the body has arrived.
  case handle(HTTPHandler)
}

/// Decides how to answer a request whose `body` has not arrived. Runs on the event loop, so it must return quickly.
package typealias HTTPAdmit = @Sendable (_ request: HTTPRequest, _ hasBody: Bool) -> HTTPAdmission
