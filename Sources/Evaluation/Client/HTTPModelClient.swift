// A client of a server with OpenAI's chat API. Sends each request once; RetryingModelClient retries.
import Basics
import Foundation
import JSON
import Synchronization

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// Sends requests to a server over HTTP.
package final class HTTPModelClient: ModelClient {
  /// The base URL without user, password, query and fragment, which may be secret.
  package let address: String
  private let endpoint: URL
  private let key: String?
  private let session: URLSession
  private let receiver: ReplyReceiver
  private let timeout: Duration

  /// Creates a client. `base` is for instance `http://127.0.0.1:8000/v1`. `timeout` limits the time from a request to
  /// its complete reply, `maxReply` the size of a reply in bytes. Throws if `base` is not an HTTP URL.
  package init(
    base: String, key: String? = nil, timeout: Duration = .seconds(3600), maxReply: Int = 32 << 20
  ) throws(EvaluationError) {
    let trimmed = base.hasSuffix("/") ? String(base.dropLast()) : base
    guard let url = URL(string: trimmed + "/chat/completions"), let host = url.host, !host.isEmpty,
      ["http", "https"].contains(url.scheme?.lowercased()), var parts = URLComponents(string: trimmed)
    else {
      throw EvaluationError("\(base) is not an HTTP URL such as http://127.0.0.1:8000/v1")
    }
    (parts.user, parts.password, parts.query, parts.fragment) = (nil, nil, nil, nil)
    address = parts.string ?? host
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = timeout.seconds
    configuration.timeoutIntervalForResource = timeout.seconds
    configuration.httpMaximumConnectionsPerHost = 64
    receiver = ReplyReceiver(maxReply: maxReply)
    session = URLSession(configuration: configuration, delegate: receiver, delegateQueue: nil)
    endpoint = url
    self.key = key
    self.timeout = timeout
  }

  deinit { session.invalidateAndCancel() }

  package func complete(_ body: JSONValue) async throws -> JSONValue {
    var request = URLRequest(url: endpoint)
    request.httpMethod = "POST"
    request.httpBody = Data(body.encoded)
    request.timeoutInterval = timeout.seconds
    request.setValue("application/json", forHTTPHeaderField: "Content-Type")
    request.setValue("application/json", forHTTPHeaderField: "Accept")
    if let key { request.setValue("Bearer \(key)", forHTTPHeaderField: "Authorization") }
    let reply = try await receiver.reply(to: session.dataTask(with: request))
    guard (200...299).contains(reply.status) else {
      throw ModelClientError(status: reply.status, body: reply.body, retryAfter: reply.retryAfter)
    }
    do { return try JSONValue(parsing: reply.body) } catch {
      throw ModelClientError.fatal("the reply is not JSON: \(error)")
    }
  }
}

/// Collects replies in pieces, so that a reply that is too long is aborted and not stored. The session calls it on
/// one serial queue; tasks register from any thread, and the mutex protects the shared state.
private final class ReplyReceiver: NSObject, URLSessionDataDelegate {
  struct Reply: Sendable {
    var status = 0
    var retryAfter: String?
    var body: [UInt8] = []
    var isTooLong = false
  }
  private struct Waiting {
    var continuation: CheckedContinuation<Reply, any Error>
    var reply = Reply()
  }

  private let maxReply: Int
  private let waiting = Mutex<[Int: Waiting]>([:])

  init(maxReply: Int) { self.maxReply = maxReply }

  func reply(to task: URLSessionDataTask) async throws -> Reply {
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        waiting.withLock { $0[task.taskIdentifier] = Waiting(continuation: continuation) }
        task.resume()
        // The cancellation handler may have run before the task was registered.
        if Task.isCancelled { task.cancel() }
      }
    } onCancel: {
      task.cancel()
    }
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    let isTooLong = waiting.withLock { waiting -> Bool in
      guard var entry = waiting[dataTask.taskIdentifier] else { return false }
      waiting[dataTask.taskIdentifier] = nil  // Makes the reply uniquely owned, so that bytes are appended in place.
      // A piece that follows a dropped one might fit, but must be dropped too.
      entry.reply.isTooLong = entry.reply.isTooLong || entry.reply.body.count + data.count > maxReply
      if !entry.reply.isTooLong { entry.reply.body += data }
      let isTooLong = entry.reply.isTooLong
      waiting[dataTask.taskIdentifier] = entry
      return isTooLong
    }
    if isTooLong { dataTask.cancel() }
  }

  /// Rejects redirects, which would send the key elsewhere.
  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(nil)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    guard var entry = waiting.withLock({ $0.removeValue(forKey: task.taskIdentifier) }) else { return }
    if entry.reply.isTooLong {
      entry.continuation.resume(throwing: ModelClientError.fatal("the reply must have at most \(maxReply) bytes"))
    } else if let error {
      entry.continuation.resume(throwing: Self.translated(error))
    } else if let response = task.response as? HTTPURLResponse {
      entry.reply.status = response.statusCode
      entry.reply.retryAfter = response.value(forHTTPHeaderField: "Retry-After")
      entry.continuation.resume(returning: entry.reply)
    } else {
      entry.continuation.resume(throwing: ModelClientError.retryable("the server sent no HTTP reply", after: nil))
    }
  }

  /// Translates a connection error. Connection failures are retryable, an untrusted certificate is not.
  private static func translated(_ error: any Error) -> any Error {
    guard let error = error as? URLError else { return ModelClientError.retryable("\(error)", after: nil) }
    switch error.code {
    case .cancelled: return CancellationError()
    case .timedOut: return ModelClientError.fatal("the reply timed out")
    case .unsupportedURL, .badURL, .serverCertificateUntrusted, .serverCertificateHasBadDate,
      .serverCertificateNotYetValid, .serverCertificateHasUnknownRoot, .userAuthenticationRequired:
      return ModelClientError.fatal(error.localizedDescription)
    default: return ModelClientError.retryable(error.localizedDescription, after: nil)
    }
  }
}
