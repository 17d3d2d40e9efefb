import API
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Synchronization
import Telemetry
import Testing

@Suite struct `Shadows of auto requests` {
  /// A server that draws every auto request; the second reply of its engine, the shadow's, has `shadow` tokens.
  private func house(_ fraction: Double = 1, tokens: [TokenID], shadow: Int = 6) -> House {
    var house = House()
    house.configuration.shadowFraction = fraction
    var steps: [FakeEngine.Step] = [.prefilled]
    for place in 0..<shadow { steps.append(.event(.token(GeneratedToken(id: place == 0 ? Fake.close : 200)))) }
    let plain = FakeEngine(tokens: tokens, thinkProbability: 0.25)
    house.engine = FakeEngine(plain.steps, second: steps + [.event(.finished(.stop))])
    return house
  }

  /// What /metrics says in lines that begin so, once `count` shadows are settled.
  private func metrics(_ house: House, _ prefix: String, settled count: Int = 1) async throws -> [String] {
    for _ in 0..<200 {
      let lines = house.metrics.registry.text(.prometheus).split(separator: "\n").map(String.init)
      let settled = lines.filter { $0.hasPrefix("r4b_shadow_requests_total{") }
        .compactMap { $0.split(separator: " ").last.flatMap { Int($0) } }.reduce(0, +)
      if settled >= count { return lines.filter { $0.hasPrefix(prefix) } }
      try await Task.sleep(for: .milliseconds(10))
    }
    return []
  }

  private let direct: [TokenID] = [Fake.blank, Fake.close, Fake.blank, 200, Fake.end]
  private let thinking: [TokenID] = [100, 101, Fake.close, 200, Fake.end]

  @Test func `a request that did not think is answered again with a thought, and nobody is told`() async throws {
    let plain = House()
    let house = house(tokens: direct)
    let answer = try await house.chat(#""thinking_mode":"auto","max_tokens":40,"seed":3,"logprobs":true"#)
    #expect(
      try await metrics(house, "r4b_shadow").sorted() == [
        #"r4b_shadow_requests_total{mode="thinking",result="answered"} 1"#,
        #"r4b_shadow_tokens_total{mode="thinking"} 6"#,
      ])
    let requests = house.engine.requests.withLock { $0 }
    #expect(requests.map(\.serviceClass) == [.interactive, .shadow])
    #expect(requests.map(\.start) == [.insideThought, .insideThought] && requests.map(\.decides) == [true, false])
    #expect(requests.map(\.maxTokens) == [40, 40] && requests.map(\.sampling.topLogprobs) == [0, nil])
    // The reply and the figures by mode are those of a server without shadows.
    let names = try await plain.chat(#""thinking_mode":"auto""#).json.object?.names
    #expect(answer.json.object?.names == names && answer.json["usage"]?["completion_tokens"] == 5)
    #expect(try await metrics(house, "r4b_requests_total{").count == 1)
    #expect(!house.log.contains("shadow"))
  }

  @Test func `a request that thought is answered again without`() async throws {
    let house = house(tokens: thinking, shadow: 2)
    _ = try await house.chat()
    #expect(
      try await metrics(house, "r4b_shadow_requests_total") == [
        #"r4b_shadow_requests_total{mode="non_thinking",result="answered"} 1"#
      ])
    #expect(house.engine.requests.withLock { $0.last?.start } == .answer)
    #expect(try await metrics(house, "r4b_saved_tokens").first == #"r4b_saved_tokens{bound="estimate"} 0.0"#)
  }

  @Test func `what a thought would have cost is what was saved`() async throws {
    let house = house(tokens: direct, shadow: 25)
    _ = try await house.chat()
    // The only request and the only pair: nothing is left to chance.
    #expect(
      try await metrics(house, "r4b_saved_tokens") == [
        #"r4b_saved_tokens{bound="estimate"} 20.0"#, #"r4b_saved_tokens{bound="low"} 20.0"#,
        #"r4b_saved_tokens{bound="high"} 20.0"#,
      ])
  }

  @Test(arguments: [
    #""thinking_mode":"long""#, #""thinking_mode":"short""#, #""n":2"#,
  ])
  func `other requests are not drawn`(fields: String) async throws {
    let house = house(tokens: direct)
    _ = try await house.chat(fields)
    #expect(house.engine.requests.withLock { $0.allSatisfy { $0.serviceClass == .interactive } })
    #expect(house.chat.seen.withLock { $0.count } == 1)
  }

  @Test func `without a fraction nothing is drawn or counted`() async throws {
    let house = house(0, tokens: direct)
    _ = try await house.chat()
    #expect(house.engine.requests.withLock { $0.count } == 1)
    #expect(!house.metrics.registry.text(.prometheus).contains("r4b_saved_tokens{"))
  }

  @Test func `a shadow that fails is counted and harms nobody`() async throws {
    var house = house(tokens: direct)
    house.engine = FakeEngine(house.engine.steps, second: [.fail(GenerationError.shuttingDown)])
    let answer = try await house.chat()
    #expect(answer.status == 200)
    #expect(
      try await metrics(house, "r4b_shadow_requests_total") == [
        #"r4b_shadow_requests_total{mode="thinking",result="failed"} 1"#
      ])
  }

  @Test func `64 wait at most, whatever clients call their requests, and all are dropped when the server goes down`()
    async throws
  {
    var house = house(tokens: direct)
    house.engine = FakeEngine(house.engine.steps, spare: [.prefilled, .hang])
    let server = APIServer(
      configuration: house.configuration, chat: house.chat, engine: house.engine, metrics: house.metrics,
      log: JSONLog { _ in })
    let body = Array(#"{"messages":[{"role":"user","content":"x"}]}"#.utf8)
    let request = HTTPRequest(
      method: "POST", path: "/v1/chat/completions",
      headers: ["content-type": "application/json", "x-request-id": "mine"], body: body)
    for _ in 0..<70 { #expect(await server.respond(to: request).status == 200) }
    #expect(
      try await metrics(house, "r4b_shadow_requests_total", settled: 6) == [
        #"r4b_shadow_requests_total{mode="thinking",result="passed_over"} 6"#
      ])
    server.drain()
    #expect(
      try await metrics(house, "r4b_shadow_requests_total", settled: 70).contains(
        #"r4b_shadow_requests_total{mode="thinking",result="failed"} 64"#))
  }

  @Test func `a stream and a response are drawn as well`() async throws {
    for (path, body) in [
      ("/v1/chat/completions", #"{"messages":[{"role":"user","content":"one"}],"stream":true}"#),
      ("/v1/responses", #"{"input":"one"}"#),
    ] {
      let house = house(tokens: direct)
      #expect(try await house.post(to: path, body).status == 200)
      #expect(try await metrics(house, "r4b_shadow_tokens_total{") == [#"r4b_shadow_tokens_total{mode="thinking"} 6"#])
    }
  }
}
