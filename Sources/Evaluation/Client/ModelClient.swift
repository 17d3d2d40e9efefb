// Who answers: a server over HTTP, the model in this process, or a script in a test.
import JSON

/// Answers chat completions.
package protocol ModelClient: Sendable {
  /// Answers a body of OpenAI's `/v1/chat/completions` with its reply. Throws `ModelClientError`, or `CancellationError` when the task is cancelled.
  func complete(_ body: JSONValue) async throws -> JSONValue
}

/// Why there is no reply.
package enum ModelClientError: Error, Equatable, CustomStringConvertible {
  /// The same request may succeed later, where known after this time.
  case retryable(String, after: Duration?)
  /// The same request will fail again, and others may, too.
  case fatal(String)
  /// The server does not take this request; it may take others.
  case refused(String)

  package var description: String {
    switch self {
    case .retryable(let message, _), .fatal(let message), .refused(let message): message
    }
  }

  /// Whether other requests are likely to fail as this one did.
  var blamesServer: Bool { if case .refused = self { false } else { true } }

  /// What a status other than 2xx says about trying again: 408, 409, 429 and 5xx pass, 501 and 505 do not. Of the other 4xx, 401, 403 and 404 speak of key
  /// and address, the rest of the request. `body` is searched for a message; `retryAfter` is the field's value in seconds.
  package init(status: Int, body: [UInt8], retryAfter: String?) {
    let message =
      (try? JSONValue(parsing: body))?["error"]?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self)
    let text = message.isEmpty ? "status \(status)" : "status \(status): \(message.prefix(500))"
    let passes = [408, 409, 429].contains(status) || (500...599).contains(status) && status != 501 && status != 505
    let seconds = retryAfter.flatMap(Double.init).flatMap { $0 >= 0 && $0 <= 86_400 ? $0 : nil }
    self =
      passes
      ? .retryable(text, after: seconds.map { .seconds($0) })
      : (400...499).contains(status) && ![401, 403, 404].contains(status) ? .refused(text) : .fatal(text)
  }
}
