// Retries requests. The delay doubles with each attempt and is at least as long as the server requests.
import JSON

/// A client that retries another client's requests.
package struct RetryingModelClient: ModelClient {
  private let client: any ModelClient
  private let tries: Int
  private let firstWait: Duration
  private let longestWait: Duration
  private let sleep: @Sendable (Duration) async throws -> Void

  /// Creates a client that sends each request up to `tries` times. A server that requests a delay above `longestWait`
  /// has failed.
  package init(
    _ client: any ModelClient, tries: Int = 5, firstWait: Duration = .milliseconds(500),
    longestWait: Duration = .seconds(600),
    sleep: @escaping @Sendable (Duration) async throws -> Void = { try await Task.sleep(for: $0) }
  ) {
    precondition(tries > 0)
    self.client = client
    self.tries = tries
    self.firstWait = firstWait
    self.longestWait = longestWait
    self.sleep = sleep
  }

  package func complete(_ body: JSONValue) async throws -> JSONValue {
    var wait = firstWait
    for attempt in 1... {
      do {
        return try await client.complete(body)
      } catch let error as ModelClientError {
        guard case .retryable(let message, let asked) = error, attempt < tries else { throw error }
        if let asked, asked > longestWait {
          throw ModelClientError.fatal("\(message) (retry after \(asked))")
        }
        try await sleep(max(wait, asked ?? .zero))
        wait = min(wait * 2, longestWait)
      }
    }
    throw CancellationError()  // Not reached: the loop has no end.
  }
}
