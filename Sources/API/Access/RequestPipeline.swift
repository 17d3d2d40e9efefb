// The way every request takes around its endpoint: id, Host, key; then errors become bodies, and the response gets its headers,
// its metrics and its log line at one place. Requests run in their own tasks and share only immutable state.
import HTTP
import Ledger
import Telemetry
import Work

/// Serves endpoints under the rules that hold for all of them.
struct RequestPipeline: Sendable {
  /// Answers a request or throws what `APIError(translating:)` understands.
  typealias Endpoint = (RequestRecord) async throws -> HTTPResponse

  let keys: APIKeys
  let browsers: BrowserGuard
  let metrics: ServerMetrics
  let log: JSONLog
  let ledger: Ledger?
  let work: WorkQueue

  init(configuration: APIConfiguration, metrics: ServerMetrics, log: JSONLog, ledger: Ledger?) {
    (keys, work, self.metrics, self.log, self.ledger) = (configuration.keys, configuration.work, metrics, log, ledger)
    browsers = BrowserGuard(
      allowedHosts: configuration.allowedHosts?.map { $0.lowercased() }, origins: configuration.corsOrigins)
  }

  /// Answers `request` with `endpoint`. `route` is the pattern, for metrics and log.
  func serve(_ request: HTTPRequest, route: String, needsKey: Bool, _ endpoint: Endpoint) async -> HTTPResponse {
    let record = RequestRecord(request)
    record.note { $0.route = route }
    var response: HTTPResponse
    do {
      try admit(request, needsKey: needsKey, record)
      let context = WorkContext(client: record.client, budget: work.newBudget)
      response = try await WorkContext.$current.withValue(context) { try await endpoint(record) }
      if case .stream(let write) = response.body {
        response.body = .stream { writer in
          try await WorkContext.$current.withValue(context) { try await write(writer) }
        }
      }
    } catch {
      if Task.isCancelled || error is CancellationError {
        record.cancel()
        // Nobody reads this; 499 is what the log and the metrics show, as nginx writes it.
        response = HTTPResponse(status: 499)
      } else {
        let shown = APIError(translating: error, requestID: record.id)
        record.fail(error, as: shown)
        response = shown.response
      }
    }
    conclude(record, request, &response)
    // A client that has its answer finds it counted, whatever becomes of the process.
    if record.hasAccount { await ledger?.settleCount() }
    return response
  }

  /// The same for an endpoint that answers at once, on the caller's thread.
  func answer(
    _ request: HTTPRequest, route: String, needsKey: Bool, _ endpoint: () throws(APIError) -> HTTPResponse
  ) -> HTTPResponse {
    let record = RequestRecord(request)
    record.note { $0.route = route }
    var response: HTTPResponse
    do {
      try admit(request, needsKey: needsKey, record)
      response = try endpoint()
    } catch {
      record.fail(error, as: error)
      response = error.response
    }
    conclude(record, request, &response)
    return response
  }

  /// The refusal of a request whose head alone shows that it will not be served; nil when Host and key, and the coding of its body
  /// if it has one, are good.
  func refusal(of request: HTTPRequest, route: String, hasBody: Bool) -> HTTPResponse? {
    let record = RequestRecord(request)
    record.note { $0.route = route }
    do {
      try admit(request, needsKey: true, record)
      if hasBody { try JSONBody.checkCoding(request.headers) }
      return nil
    } catch {
      record.fail(error, as: error)
      var response = error.response
      conclude(record, request, &response)
      return response
    }
  }

  /// What every response has in common.
  private func conclude(_ record: RequestRecord, _ request: HTTPRequest, _ response: inout HTTPResponse) {
    response.headers.append("x-request-id", record.id)
    response.headers.append("openai-processing-ms", String(Int(record.elapsed.seconds * 1000)))
    browsers.decorate(&response, for: request)
    close(record, on: &response)
  }

  private func admit(_ request: HTTPRequest, needsKey: Bool, _ record: RequestRecord) throws(APIError) {
    if !browsers.admits(host: request.headers["host"]) {
      throw APIError(
        403, "This server does not answer to the name in the Host header.", type: "permission_error",
        code: "host_not_allowed")
    }
    if keys.isEmpty || !needsKey { return }
    guard let name = keys.name(authorization: request.headers["authorization"]) else {
      throw APIError(
        401, "A valid API key is required: authorization: Bearer KEY.", type: "authentication_error",
        code: "invalid_api_key")
    }
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
        // The endpoint told every other failure in the stream; what is left is that the peer took no more.
        record.cancel()
        record.close(status: 499, metrics, log, ledger)
        throw error
      }
      record.close(status: status, metrics, log, ledger)
    }
  }
}
