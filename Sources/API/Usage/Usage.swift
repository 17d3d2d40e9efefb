// GET /v1/usage: usage over time from the ledger, and the savings of auto-thinking compared with always thinking.
import Chat
import GenerationTypes
import HTTP
import JSON
import Ledger
import Statistics
import Synchronization
import Text

/// The endpoint `/v1/usage`.
final class Usage: Sendable {
  private let chat: any Chatting
  private let ledger: Ledger?
  /// The number of tokens with which a reply in mode `auto` decides to think; nil until the first report.
  private let decisionTokens = Mutex<Int?>(nil)

  init(chat: any Chatting, ledger: Ledger?) { (self.chat, self.ledger) = (chat, ledger) }

  /// Answers one request. Throws what `APIError(translating:)` understands.
  func respond(to request: HTTPRequest, _ record: RequestRecord) async throws -> HTTPResponse {
    guard let ledger else {
      throw APIError(404, "This server keeps no usage history: the setting ledger.path is not set.", code: "ledger_off")
    }
    let wanted = try UsageRequest(query: request.query, now: RequestID.now())
    // Read before the report, so that it counts no row that the report lacks.
    let status = ledger.status
    let report: UsageReport
    do throws(LedgerError) {
      report = try await ledger.usage(UsageQuery(wanted))
    } catch {
      throw try APIError(error, wanted)
    }
    var response: HTTPResponse
    if wanted.isCSV {
      response = HTTPResponse(
        status: 200,
        headers: [
          "content-type": "text/csv; charset=utf-8; header=present",
          "content-disposition": "attachment; filename=\"usage.csv\"",
        ], body: .bytes(Array(UsageTable.text(report, wanted).utf8)))
    } else {
      response = .json(document(report, wanted, status, decisionTokens: await decisionTokens()))
    }
    response.headers["cache-control"] = "no-store"
    response.list(wanted.ignored)
    return response
  }

  private func document(
    _ report: UsageReport, _ request: UsageRequest, _ status: LedgerStatus, decisionTokens: Int
  ) -> JSONValue {
    func groups(_ groups: [UsageGroup], of all: Int) -> JSONValue {
      .array(groups.map { UsageReport.json($0.label, $0.summary, of: all) })
    }
    let buckets = request.bucket == nil ? [] : report.buckets.filter { $0.total.requests > 0 }
    return [
      "object": "usage", "from": .number(report.from), "to": .number(report.to),
      "bucket": request.bucket.map(JSONValue.string) ?? .null,
      "group_by": .array(request.groupBy.map(JSONValue.string)),
      "totals": UsageReport.json(UsageLabel(), report.total, of: report.total.requests),
      "groups": groups(report.groups.filter { $0.summary.requests > 0 }, of: report.total.requests),
      "buckets": .array(
        buckets.map { bucket in
          [
            "start": .number(bucket.from), "end": .number(bucket.to),
            "groups": groups(bucket.groups.filter { $0.summary.requests > 0 }, of: bucket.total.requests),
          ]
        }),
      "think_probability": [
        "bins": .array(report.total.probabilityBins.map(JSONValue.count)),
        "mean": report.total.probabilityMean.map(JSONValue.number) ?? .null,
      ],
      "savings": Savings(report.total, decisionTokens: decisionTokens).json,
      "ledger": Self.json(status),
    ]
  }

  private static func json(_ status: LedgerStatus) -> JSONValue {
    let (state, reason): (JSONValue, String?) =
      switch status.state {
      case .ok: ("ok", nil)
      case .degraded(let why): ("degraded", why)
      case .closed: ("closed", nil)
      }
    return [
      "state": state, "reason": reason.map(JSONValue.string) ?? .null,
      "rows": .count(status.rowsHeld), "oldest": status.oldestTime.map(JSONValue.number) ?? .null,
      "written": .count(status.written), "dropped": .count(status.dropped),
      "lost": .count(status.lost), "lost_is_exact": .bool(status.lostIsExact),
      "pending": .count(status.pending),
      "bytes": .count(status.fileBytes),
    ]
  }

  /// The number of tokens that the template adds in mode `long` compared with mode `auto`.
  private func decisionTokens() async -> Int {
    if let known = decisionTokens.withLock({ $0 }) { return known }
    let conversation = Conversation(messages: [.init(role: .user, parts: [.text("?")])], mode: .auto)
    guard let prepared = try? await chat.prepare(conversation, modes: [.auto, .long]) else { return 0 }
    let tokens = max(0, prepared[1].textTokens - prepared[0].textTokens)
    decisionTokens.withLock { $0 = tokens }
    return tokens
  }
}

extension UsageQuery {
  /// The ledger's query for a request.
  init(_ request: UsageRequest) {
    self.init(
      from: request.from, to: request.to, bucket: request.bucket.flatMap(Bucket.init(exactly:)) ?? .none,
      groupBy: Set(request.groupBy.compactMap(Grouping.init(exactly:))), key: request.key,
      mode: request.mode.flatMap(ThinkingOutcome.init(exactly:)),
      requestedMode: request.requestedMode.flatMap(ThinkingMode.init(exactly:)))
  }
}

extension APIError {
  /// The error for a query that the ledger rejected. Throws `CancellationError` if the client has left.
  init(_ error: LedgerError, _ request: UsageRequest) throws(CancellationError) {
    switch error {
    case .cancelled: throw CancellationError()
    case .invalidRange:
      self = .invalid("from", "from and to do not form a range of time.", code: "invalid_value")
    case .tooManyCells(let limit):
      self = .invalid(
        "bucket", "The range has more than \(limit) buckets × groups; request larger buckets.", code: "invalid_value"
      )
    case .rangeTooLongForMinutes(let limit):
      self = .invalid(
        "bucket",
        "bucket minute allows a range of at most \(limit) s, got \(Int((request.to - request.from).rounded(.up))) s.",
        code: "invalid_value")
    case .timeout(let seconds):
      self = APIError(
        503, "The usage history did not answer within \(Int(seconds)) s.", type: "server_error", code: "ledger_slow",
        retryAfter: 10)
    case .unavailable(let reason):
      self = APIError(
        503, "The usage history cannot be read: \(reason).", type: "server_error", code: "ledger_unavailable",
        retryAfter: 5)
    }
  }
}
