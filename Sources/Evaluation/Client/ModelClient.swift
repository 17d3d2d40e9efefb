// The interface to the answering model: a server over HTTP, the model in this process, or a script in a test.
import JSON

/// Answers chat completions.
package protocol ModelClient: Sendable {
  /// Returns the reply to a body of OpenAI's `/v1/chat/completions`. Throws `ModelClientError`, or
  /// `CancellationError` if the task is cancelled.
  func complete(_ body: JSONValue) async throws -> JSONValue
}

/// The reason why there is no reply.
package enum ModelClientError: Error, Equatable, CustomStringConvertible {
  /// The same request may succeed later; if known, after the given time.
  case retryable(String, after: Duration?)
  /// The same request will fail again, and others may, too.
  case fatal(String)
  /// The server rejects this request; it may accept others.
  case rejected(String)

  package var description: String {
    switch self {
    case .retryable(let message, _), .fatal(let message), .rejected(let message): message
    }
  }

  /// Whether other requests are likely to fail in the same way.
  var blamesServer: Bool { if case .rejected = self { false } else { true } }

  /// Classifies a status other than 2xx. 408, 409, 429 and 5xx are retryable, except 501 and 505. Of the other 4xx,
  /// 401, 403 and 404 concern key and address, the rest the request. The message comes from `body`; `retryAfter` is
  /// the field's value in seconds.
  package init(status: Int, body: [UInt8], retryAfter: String?) {
    let message =
      (try? JSONValue(parsing: body))?["error"]?["message"]?.string ?? String(decoding: body.prefix(200), as: UTF8.self)
    let text = message.isEmpty ? "status \(status)" : "status \(status): \(message.prefix(500))"
    let passes = [408, 409, 429].contains(status) || (500...599).contains(status) && status != 501 && status != 505
    let seconds = retryAfter.flatMap(Double.init).flatMap { $0 >= 0 && $0 <= 86_400 ? $0 : nil }
    self =
      passes
      ? .retryable(text, after: seconds.map { .seconds($0) })
      : (400...499).contains(status) && ![401, 403, 404].contains(status) ? .rejected(text) : .fatal(text)
  }
}
