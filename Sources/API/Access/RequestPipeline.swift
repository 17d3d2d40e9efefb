// The path of every request around its endpoint: Host, key, then the endpoint; errors become bodies; every response
// gets its headers, its metrics and its log line here. Requests share only immutable state.
import Basics
import HTTP
import Ledger
import Telemetry
import Work

/// Serves endpoints under the rules that all of them share.
struct RequestPipeline: Sendable {
  /// Answers a request whose body has arrived. Throws what `APIError(translating:)` understands.
  typealias Handler = @Sendable (HTTPRequest, RequestRecord) async throws -> HTTPResponse

  /// How a request is answered once its route is known.
  enum Answer {
    case error(APIError)
    /// On the event loop, without a body.
    case instant(needsKey: Bool, () throws(APIError) -> HTTPResponse)
    /// In a task, with a key.
    case task(takesBody: Bool, Handler)
  }

  let keys: APIKeys
  let browsers: BrowserGuard
  let metrics: ServerMetrics
  let log: JSONLog
  let ledger: Ledger?
  let work: WorkQueue

  init(configuration: APIConfiguration, metrics: ServerMetrics, log: JSONLog, ledger: Ledger?) {
    keys = configuration.keys
    work = configuration.work
    self.metrics = metrics
    self.log = log
    self.ledger = ledger
    browsers = BrowserGuard(
      allowedHosts: configuration.allowedHosts?.map { $0.lowercased() }, origins: configuration.corsOrigins)
  }

  /// Admits a request whose head has arrived. A wrong host, key, body or content coding is answered before the body is
  /// read. `route` is the pattern of the route, for metrics and log.
  func admit(_ request: HTTPRequest, hasBody: Bool, route: String, _ answer: Answer) -> HTTPAdmission {
    let record = RequestRecord(request, route: route)
    var response: HTTPResponse
    do throws(APIError) {
      try checkHost(of: request)
      switch answer {
      case .error(let error): throw error
      case .instant(let needsKey, let respond):
        if needsKey { try checkKey(of: request, record) }
        if hasBody { throw .unexpectedBody }
        response = try respond()
      case .task(let takesBody, let handler):
        if hasBody, !takesBody { throw .unexpectedBody }
        try checkKey(of: request, record)
        if takesBody { try JSONBody.checkCoding(request.headers) }
        return .handle { await serve($0, record, handler) }
      }
    } catch {
      record.fail(error, as: error)
      response = error.response
    }
    finish(&response, for: request, record)
    return .respond(response)
  }

  /// Answers an admitted request whose body has arrived.
  private func serve(_ request: HTTPRequest, _ record: RequestRecord, _ handler: Handler) async -> HTTPResponse {
    record.bodyArrived()
    var response: HTTPResponse
    do {
      let context = WorkContext(client: record.client, budget: work.newBudget)
      response = try await WorkContext.$current.withValue(context) { try await handler(request, record) }
      if case .stream(let write) = response.body {
        response.body = .stream { writer in
          try await WorkContext.$current.withValue(context) { try await write(writer) }
        }
      }
    } catch {
      if Task.isCancelled || error is CancellationError {
        record.cancel()
        // Nobody reads this response. Log and metrics show 499, as nginx does.
        response = HTTPResponse(status: 499)
      } else {
        let shown = APIError(translating: error, requestID: record.id)
        record.fail(error, as: shown)
        response = shown.response
      }
    }
    finish(&response, for: request, record)
    // A client that has its answer finds it counted even if the process dies now.
    if record.isAnswered { await ledger?.settleCount() }
    return response
  }

  /// Adds the headers that every response has, and closes the record.
  private func finish(_ response: inout HTTPResponse, for request: HTTPRequest, _ record: RequestRecord) {
    response.headers.append("x-request-id", record.id)
    response.headers.append("openai-processing-ms", String(Int(record.elapsed.seconds * 1000)))
    browsers.decorate(&response, for: request)
    close(record, on: &response)
  }

  private func checkHost(of request: HTTPRequest) throws(APIError) {
    if !browsers.admits(host: request.headers["host"]) { throw .unknownHost }
  }

  private func checkKey(of request: HTTPRequest, _ record: RequestRecord) throws(APIError) {
    if keys.isEmpty { return }
    guard let name = keys.name(authorization: request.headers["authorization"]) else { throw .missingKey }
    record.note { $0.keyName = name }
  }

  /// Closes the record now, or when the body's stream ends.
  private func close(_ record: RequestRecord, on response: inout HTTPResponse) {
    let (metrics, log, ledger, status) = (metrics, log, ledger, response.status)
    guard case .stream(let write) = response.body else { return record.close(status: status, metrics, log, ledger) }
    response.body = .stream { writer in
      do {
        try await write(writer)
      } catch {
        // The endpoint reports every other failure within the stream, so the client has left.
        record.cancel()
        record.close(status: 499, metrics, log, ledger)
        throw error
      }
      record.close(status: status, metrics, log, ledger)
    }
  }
}
