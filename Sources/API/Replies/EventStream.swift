// A response as a stream of events whose status is sent before anything can go wrong midway.
import HTTP

enum EventStream {
  /// The response whose events `write` writes. What it throws is told in the stream as `failure` puts it.
  static func response(
    _ record: RequestRecord, failure: @escaping @Sendable (APIError) -> [UInt8] = Self.chatFailure,
    write: @escaping @Sendable (any HTTPBodyWriter) async throws -> Void
  ) -> HTTPResponse {
    HTTPResponse(
      status: 200,
      headers: [
        "content-type": "text/event-stream; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no",
      ],
      body: .stream { writer in
        do {
          try await write(writer)
        } catch {
          // A peer that left cannot be told; anything else is told in the stream, whose status is long sent.
          if Task.isCancelled || error is CancellationError { throw error }
          let shown = APIError(translating: error, requestID: record.id)
          record.fail(error, as: shown)
          try await writer.write(failure(shown))
        }
      })
  }

  /// How chats and completions end early.
  static let chatFailure: @Sendable (APIError) -> [UInt8] = { ServerSentEvent.data($0.body) + ServerSentEvent.done }
}
