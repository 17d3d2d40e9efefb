// What log, metrics and ledger record about one request, gathered while it is served. The handler writes until the
// response is returned, then the stream of the body does.
import GenerationTypes
import HTTP
import JSON
import Ledger
import Synchronization
import Telemetry

/// The record of one request, closed exactly once.
final class RequestRecord: Sendable {
  struct Facts: Sendable {
    /// When the whole request had arrived.
    var arrival: ContinuousClock.Instant
    var keyName: String?
    var failure: ServerMetrics.Failure?
    var errorCode: String?
    /// The text of inner errors, for the log only.
    var detail: String?
    var figures: AnswerFigures?
    /// Further members of the log line.
    var more = JSONObject()
    var isClosed = false
  }

  let id: String
  let method: String
  /// The pattern of the route, or a label for requests without one.
  let route: String
  /// The peer's address without port; empty for a Unix-domain socket.
  let remoteAddress: String
  private let facts = Mutex(Facts(arrival: .now))

  /// Opens the record of `request`, whose head has arrived.
  init(_ request: HTTPRequest, route: String) {
    id = RequestID.adopt(request.headers["x-request-id"])
    method = request.method
    remoteAddress = request.remoteAddress
    self.route = route
  }

  /// When the whole request had arrived; times are measured from here.
  var arrival: ContinuousClock.Instant { facts.withLock { $0.arrival } }
  /// Notes that the body has arrived.
  func bodyArrived() { facts.withLock { $0.arrival = .now } }

  /// The name of the API key of the request; nil without one.
  var keyName: String? { facts.withLock { $0.keyName } }
  /// The client of the request: its key, or its address without a key.
  var client: ClientID { keyName.map(ClientID.init(key:)) ?? ClientID(address: remoteAddress) }
  /// Whether the request was answered by the model.
  var isAnswered: Bool { facts.withLock { $0.figures != nil } }
  var elapsed: Duration { ContinuousClock.now - arrival }

  func note(_ change: (inout sending Facts) -> Void) { facts.withLock { change(&$0) } }

  /// Notes why the request failed. Inner errors keep their text for the log.
  func fail(_ error: any Error, as shown: APIError) {
    facts.withLock {
      $0.failure = shown.failure
      $0.errorCode = shown.code
      if shown.status >= 500, !(error is APIError) { $0.detail = "\(error)" }
    }
  }

  /// Notes the figures of the answer, whose replies have ended.
  func answered(_ figures: AnswerFigures) { facts.withLock { $0.figures = figures } }

  /// The figures of this request's `replies`, which have ended.
  func figures(
    of replies: [Reply], requestedMode: ThinkingMode, textTokens: Int, imageTokens: Int = 0, preparation: Duration
  ) -> AnswerFigures {
    AnswerFigures(
      requestID: id, key: keyName, time: RequestID.now(), requestedMode: requestedMode, textTokens: textTokens,
      imageTokens: imageTokens, preparation: preparation, replies: replies.map(\.figures))
  }

  /// Notes that the client left.
  func cancel() { facts.withLock { $0.failure = .cancelled } }

  /// Writes the metrics, the row of the ledger and the log line. Later calls do nothing.
  func close(status: Int, _ metrics: ServerMetrics, _ log: JSONLog, _ ledger: Ledger?) {
    let facts = self.facts.withLock { facts -> Facts? in
      if facts.isClosed { return nil }
      facts.isClosed = true
      return facts
    }
    guard var facts else { return }
    let total = elapsed
    facts.figures?.times.total = total
    metrics.recordResponse(route: route, method: method, status: status)
    if let failure = facts.failure { metrics.failures.add(1, failure.rawValue) }
    if let figures = facts.figures {
      metrics.record(figures)
      ledger?.record(figures)
    }
    log.write(facts.failure == .inference ? .error : .info, "request", line(facts, status: status, total: total))
  }

  private func line(_ facts: Facts, status: Int, total: Duration) -> JSONObject {
    var line: JSONObject = [
      "request_id": .string(id), "method": .string(ServerMetrics.methodLabel(method)), "route": .string(route),
      "status": .integer(Int64(status)), "total_ms": .milliseconds(total),
    ]
    if let name = facts.keyName { line["key"] = .string(name) }
    if let failure = facts.failure { line["failure"] = .string(failure.rawValue) }
    if let code = facts.errorCode { line["code"] = .string(code) }
    if let detail = facts.detail { line["detail"] = .string(detail) }
    if let figures = facts.figures { line = line + figures.logMembers }
    return line + facts.more
  }
}
