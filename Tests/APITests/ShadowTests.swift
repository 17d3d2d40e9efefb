import API
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Synchronization
import Telemetry
import Testing

@Suite struct `Shadows of auto requests` {
  /// A server that draws every auto request. Its second reply, that of the shadow, has `shadow` tokens.
  private func server(_ fraction: Double = 1, tokens: [TokenID], shadow: Int = 6) -> TestServer {
    var server = TestServer()
    server.configuration.shadowFraction = fraction
    var steps: [FakeEngine.Step] = [.prefilled]
    for place in 0..<shadow { steps.append(.event(.token(GeneratedToken(id: place == 0 ? Fake.close : 200)))) }
    let plain = FakeEngine(tokens: tokens, thinkProbability: 0.25)
    server.engine = FakeEngine(plain.steps, second: steps + [.event(.finished(.stop))])
    return server
  }

  /// The lines of /metrics with this prefix, once `count` shadows are settled.
  private func metrics(_ server: TestServer, _ prefix: String, settled count: Int = 1) async throws -> [String] {
    for _ in 0..<200 {
      let lines = server.metrics.registry.text(.prometheus).split(separator: "\n").map(String.init)
      let settled = lines.filter { $0.hasPrefix("r4b_shadow_requests_total{") }
        .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
      if settled >= count { return lines.filter { $0.hasPrefix(prefix) } }
      try await Task.sleep(for: .milliseconds(10))
    }
    return []
  }

  private let direct: [TokenID] = [Fake.blank, Fake.close, Fake.blank, 200, Fake.end]
  private let thinking: [TokenID] = [100, 101, Fake.close, 200, Fake.end]

  @Test func `a non-thinking request is answered again with thinking, unseen by the client`() async throws {
    let plain = TestServer()
    let server = server(tokens: direct)
    let answer = try await server.chat(#""thinking_mode":"auto","max_tokens":40,"seed":3,"logprobs":true"#)
    #expect(
      try await metrics(server, "r4b_shadow").sorted() == [
        #"r4b_shadow_requests_total{mode="thinking",result="answered"} 1"#,
        #"r4b_shadow_tokens_total{mode="thinking"} 6"#,
      ])
    let requests = server.engine.requests.withLock { $0 }
    #expect(requests.map(\.serviceClass) == [.interactive, .shadow])
    #expect(requests.map(\.start) == [.insideThought, .insideThought] && requests.map(\.decides) == [true, false])
    #expect(requests.map(\.maxTokens) == [40, 40] && requests.map(\.sampling.topLogprobs) == [0, nil])
    // The reply and the metrics by mode are those of a server without shadows.
    let names = try await plain.chat(#""thinking_mode":"auto""#).json.object?.names
    #expect(answer.json.object?.names == names && answer.json["usage"]?["completion_tokens"] == 5)
    #expect(try await metrics(server, "r4b_requests_total{").count == 1)
    #expect(!server.log.contains("shadow"))
  }

  @Test func `a thinking request is answered again without thinking`() async throws {
    let server = server(tokens: thinking, shadow: 2)
    _ = try await server.chat()
    #expect(
      try await metrics(server, "r4b_shadow_requests_total") == [
        #"r4b_shadow_requests_total{mode="non_thinking",result="answered"} 1"#
      ])
    #expect(server.engine.requests.withLock { $0.last?.start } == .answer)
    #expect(try await metrics(server, "r4b_saved_tokens").first == #"r4b_saved_tokens{bound="estimate"} 0.0"#)
  }

  @Test func `the savings are the cost of the shadow's thought`() async throws {
    let server = server(tokens: direct, shadow: 25)
    _ = try await server.chat()
    // With a single request and a single pair the interval has no width.
    #expect(
      try await metrics(server, "r4b_saved_tokens") == [
        #"r4b_saved_tokens{bound="estimate"} 20.0"#, #"r4b_saved_tokens{bound="low"} 20.0"#,
        #"r4b_saved_tokens{bound="high"} 20.0"#,
      ])
  }

  @Test(arguments: [
    #""thinking_mode":"long""#, #""thinking_mode":"short""#, #""n":2"#,
  ])
  func `other requests are not drawn`(fields: String) async throws {
    let server = server(tokens: direct)
    _ = try await server.chat(fields)
    #expect(server.engine.requests.withLock { $0.allSatisfy { $0.serviceClass == .interactive } })
    #expect(server.chat.seen.withLock { $0.count } == 1)
  }

  @Test func `with fraction 0 nothing is drawn or counted`() async throws {
    let server = server(0, tokens: direct)
    _ = try await server.chat()
    #expect(server.engine.requests.withLock { $0.count } == 1)
    #expect(!server.metrics.registry.text(.prometheus).contains("r4b_saved_tokens{"))
  }

  @Test func `a failed shadow is counted and does not affect the reply`() async throws {
    var server = server(tokens: direct)
    server.engine = FakeEngine(server.engine.steps, second: [.fail(GenerationError.shuttingDown)])
    let answer = try await server.chat()
    #expect(answer.status == 200)
    #expect(
      try await metrics(server, "r4b_shadow_requests_total") == [
        #"r4b_shadow_requests_total{mode="thinking",result="failed"} 1"#
      ])
  }

  @Test func `at most 64 shadows wait, and all are dropped at shutdown`()
    async throws
  {
    var server = server(tokens: direct)
    server.engine = FakeEngine(server.engine.steps, spare: [.prefilled, .hang])
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics,
      log: JSONLog { _ in })
    let body = Array(#"{"messages":[{"role":"user","content":"x"}]}"#.utf8)
    let request = HTTPRequest(
      method: "POST", path: "/v1/chat/completions",
      headers: ["content-type": "application/json", "x-request-id": "mine"], body: body)
    for _ in 0..<70 { #expect(await api.respond(to: request).status == 200) }
    #expect(
      try await metrics(server, "r4b_shadow_requests_total", settled: 6) == [
        #"r4b_shadow_requests_total{mode="thinking",result="passed_over"} 6"#
      ])
    api.drain()
    #expect(
      try await metrics(server, "r4b_shadow_requests_total", settled: 70).contains(
        #"r4b_shadow_requests_total{mode="thinking",result="failed"} 64"#))
  }

  @Test func `streams and responses are drawn as well`() async throws {
    for (path, body) in [
      ("/v1/chat/completions", #"{"messages":[{"role":"user","content":"one"}],"stream":true}"#),
      ("/v1/responses", #"{"input":"one"}"#),
    ] {
      let server = server(tokens: direct)
      #expect(try await server.post(to: path, body).status == 200)
      #expect(try await metrics(server, "r4b_shadow_tokens_total{") == [#"r4b_shadow_tokens_total{mode="thinking"} 6"#])
    }
  }
}
