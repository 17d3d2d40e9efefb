import API
import Foundation
import GenerationTypes
import HTTP
import JSON
import Ledger
import Testing

/// A server with a ledger in a temporary folder, which is removed afterwards.
private final class LedgerServer {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("usage-\(UUID().uuidString)")
  let ledger: Ledger
  var server = TestServer()

  init() {
    ledger = Ledger(path: folder.appendingPathComponent("ledger.sqlite").path)
    server.ledger = ledger
  }

  deinit {
    ledger.close()
    try? FileManager.default.removeItem(at: folder)
  }

  func usage(_ query: String = "") async throws -> TestServer.Answer {
    await ledger.flush()
    return try await server.get("/v1/usage", query: query)
  }
}

@Suite struct `Usage over HTTP` {
  @Test func `an answered request becomes a row with the counts of its reply`() async throws {
    let recorded = LedgerServer()
    let reply = try await recorded.server.chat(#""thinking_mode":"auto""#)
    let usage = try await recorded.usage("group_by=requested_mode,mode,key")
    #expect(usage.status == 200 && usage.headers["cache-control"] == "no-store")
    let group = try #require(usage.json["groups"]?.array?.first)
    #expect(group["requested_mode"] == "auto" && group["mode"] == "thinking" && group["key"] == .null)
    for (kind, name) in [("thinking", "thinking_tokens"), ("control", "control_tokens"), ("answer", "answer_tokens")] {
      #expect(group[name]?["total"] == reply.json["thinking"]?["\(kind)_tokens"])
    }
    #expect(group["prompt_text_tokens"]?["total"] == 3 && group["prompt_cached_tokens"]?["total"] == 1)
    #expect(group["queue_seconds"]?["mean"] == 0.001 && group["prefill_seconds"]?["p50"]?.double != nil)
    #expect(group["image_seconds"]?["mean"] == .null)
    #expect(usage.json["think_probability"]?["mean"] == 0.75)
  }

  @Test func `the think rate covers decided requests, and savings cover those with shadows enabled`() async throws {
    let recorded = LedgerServer()
    _ = try await recorded.server.chat(#""thinking_mode":"auto""#)
    var usage = try await recorded.usage().json
    #expect(usage["totals"]?["decided_requests"] == 1 && usage["totals"]?["think_rate"] == 1.0)
    #expect(usage["savings"]?["requests"] == 0, "no shadows are drawn")
    recorded.server.configuration.shadowFraction = 1e-9
    _ = try await recorded.server.chat(#""thinking_mode":"auto""#)
    _ = try await recorded.server.chat(#""thinking_mode":"auto","n":2"#)
    _ = try await recorded.server.chat(#""thinking_mode":"long""#)
    recorded.server.configuration.policies.others.forcedMode = .long
    _ = try await recorded.server.chat(#""thinking_mode":"auto""#)
    recorded.server.configuration.policies.others.forcedMode = .auto
    _ = try await recorded.server.chat(#""thinking_mode":"short""#)
    usage = try await recorded.usage().json
    #expect(usage["totals"]?["requests"] == 6 && usage["totals"]?["decided_requests"] == 2)
    #expect(usage["savings"]?["requests"] == 1)
  }

  @Test func `failed requests are not recorded`() async throws {
    let recorded = LedgerServer()
    recorded.server.engine = FakeEngine([.prefilled, .fail(GenerationFailure())])
    _ = try await recorded.server.chat()
    _ = try await recorded.server.chat(#""temperature":9"#)
    #expect(try await recorded.usage().json["totals"]?["requests"] == 0)
  }

  private struct GenerationFailure: Error {}

  @Test func `names in CSV are escaped so that spreadsheets read them as text`() async throws {
    let recorded = LedgerServer()
    for name in [#"=cmd("x"),1"#, "plain", "-1", "two\nlines"] {
      recorded.ledger.record(
        AnswerFigures(
          requestID: "r", key: name, time: 1000, requestedMode: .auto, textTokens: 1,
          replies: [ReplyFigures(outcome: .thinking)]))
    }
    let answer = try await recorded.usage("from=0&to=2000&group_by=key&format=csv")
    #expect(answer.headers["content-type"]?.hasPrefix("text/csv") == true)
    let lines = answer.text.split(separator: "\r\n").map(String.init)
    #expect(lines.count == 5 && lines[0].hasPrefix("from,to,key,requests,"))
    let columns = lines[0].split(separator: ",")
    #expect(Set(columns).count == columns.count)
    for cell in [#""'=cmd(""x""),1""#, "plain", "'-1", "\"two\nlines\""] {
      #expect(lines.contains { $0.contains(",\(cell),1,1,") }, "\(cell)")
    }
  }

  @Test(arguments: [
    ("from=1&from=2", "from"), ("from=2026-11-26T00:00:00Z&to=2026-11-25T00:00:00Z", "from"), ("to=soon", "to"),
    ("to=-1", "to"), ("group_by=", "group_by"), ("bucket=hours", "bucket"), ("form=1", "form"), ("mode=auto", "mode"),
  ])
  func `invalid parameters are rejected by name`(query: String, param: String) async throws {
    let answer = try await LedgerServer().usage(query)
    #expect(answer.status == 400 && answer.json["error"]?["param"] == .string(param), "\(answer.text)")
  }

  @Test func `an undecodable or too long query is rejected`() async throws {
    let recorded = LedgerServer()
    for query in [
      "a=%ff", "a=%zz", String(repeating: "a=1&", count: 3000), (0..<65).map { "p\($0)=1" }.joined(separator: "&"),
    ] {
      #expect(try await recorded.usage(query).status == 400, "\(query.prefix(20))")
    }
  }

  @Test func `times are seconds or RFC 3339, and unknown parameters are ignored and listed`() async throws {
    let recorded = LedgerServer()
    let answer = try await recorded.usage("from=2026-11-25T00%3A00%3A00%2B01%3A00&to=1795700000.5&colour=red")
    #expect(answer.json["from"] == 1_795_561_200.0 && answer.json["to"] == 1_795_700_000.5, "\(answer.text)")
    #expect(answer.headers["x-ignored-parameters"] == "colour")
  }

  @Test func `without a ledger the endpoint is 404`() async throws {
    let answer = try await TestServer().get("/v1/usage")
    #expect(answer.status == 404 && answer.json["error"]?["code"] == "ledger_off")
  }
}
