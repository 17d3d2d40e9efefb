import API
import Foundation
import GenerationTypes
import HTTP
import JSON
import Ledger
import Testing

/// A server with a ledger in a folder of its own, which goes with it.
private final class Office {
  let folder = FileManager.default.temporaryDirectory.appendingPathComponent("usage-\(UUID().uuidString)")
  let ledger: Ledger
  var house = House()

  init() {
    ledger = Ledger(path: folder.appendingPathComponent("ledger.sqlite").path)
    house.ledger = ledger
  }

  deinit {
    ledger.close()
    try? FileManager.default.removeItem(at: folder)
  }

  func usage(_ query: String = "") async throws -> House.Answer {
    await ledger.flush()
    return try await house.get("/v1/usage", query: query)
  }
}

@Suite struct `Usage over HTTP` {
  @Test func `an answered request is a row with the reply's own numbers`() async throws {
    let office = Office()
    let reply = try await office.house.chat(#""thinking_mode":"auto""#)
    let usage = try await office.usage("group_by=requested_mode,mode,key")
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

  @Test func `a think rate is of what the model decided, and savings of what shadows are drawn from`() async throws {
    let office = Office()
    _ = try await office.house.chat(#""thinking_mode":"auto""#)
    var usage = try await office.usage().json
    #expect(usage["totals"]?["decided_requests"] == 1 && usage["totals"]?["think_rate"] == 1.0)
    #expect(usage["savings"]?["requests"] == 0, "no shadows are drawn")
    office.house.configuration.shadowFraction = 1e-9
    _ = try await office.house.chat(#""thinking_mode":"auto""#)
    _ = try await office.house.chat(#""thinking_mode":"auto","n":2"#)
    _ = try await office.house.chat(#""thinking_mode":"long""#)
    office.house.configuration.policies.others.forcedMode = .long
    _ = try await office.house.chat(#""thinking_mode":"auto""#)
    office.house.configuration.policies.others.forcedMode = .auto
    _ = try await office.house.chat(#""thinking_mode":"short""#)
    usage = try await office.usage().json
    #expect(usage["totals"]?["requests"] == 6 && usage["totals"]?["decided_requests"] == 2)
    #expect(usage["savings"]?["requests"] == 1)
  }

  @Test func `requests that fail, and those whose client leaves, are no rows`() async throws {
    let office = Office()
    office.house.engine = FakeEngine([.prefilled, .fail(GenerationFailure())])
    _ = try await office.house.chat()
    _ = try await office.house.chat(#""temperature":9"#)
    #expect(try await office.usage().json["totals"]?["requests"] == 0)
  }

  private struct GenerationFailure: Error {}

  @Test func `names are written so that a table's program takes them for text`() async throws {
    let office = Office()
    for name in [#"=cmd("x"),1"#, "plain", "-1", "two\nlines"] {
      office.ledger.record(
        AnswerFigures(
          requestID: "r", key: name, time: 1000, requestedMode: .auto, textTokens: 1,
          replies: [ReplyFigures(outcome: .thinking)]))
    }
    let answer = try await office.usage("from=0&to=2000&group_by=key&format=csv")
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
  func `what is wrong is named`(query: String, param: String) async throws {
    let answer = try await Office().usage(query)
    #expect(answer.status == 400 && answer.json["error"]?["param"] == .string(param), "\(answer.text)")
  }

  @Test func `a query that cannot be decoded, or is too long, is refused`() async throws {
    let office = Office()
    for query in [
      "a=%ff", "a=%zz", String(repeating: "a=1&", count: 3000), (0..<65).map { "p\($0)=1" }.joined(separator: "&"),
    ] {
      #expect(try await office.usage(query).status == 400, "\(query.prefix(20))")
    }
  }

  @Test func `times are seconds or RFC 3339, and other names are ignored and named`() async throws {
    let office = Office()
    let answer = try await office.usage("from=2026-11-25T00%3A00%3A00%2B01%3A00&to=1795700000.5&colour=red")
    #expect(answer.json["from"] == 1_795_561_200.0 && answer.json["to"] == 1_795_700_000.5, "\(answer.text)")
    #expect(answer.headers["x-ignored-parameters"] == "colour")
  }

  @Test func `without a ledger there is no such thing`() async throws {
    let answer = try await House().get("/v1/usage")
    #expect(answer.status == 404 && answer.json["error"]?["code"] == "ledger_off")
  }
}
