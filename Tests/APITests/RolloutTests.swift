import API
import GenerationTypes
import HTTP
import JSON
import Synchronization
import Telemetry
import Testing

@Suite struct `Rollouts of one prompt` {
  private func ask(_ server: TestServer, _ fields: String = "") async throws -> TestServer.Answer {
    try await server.post(
      to: "/v1/rollouts",
      #"{"messages":[{"role":"user","content":"one two three"}]"# + (fields.isEmpty ? "" : ",\(fields)") + "}")
  }

  private func server() -> TestServer {
    var server = TestServer()
    server.engine = FakeEngine(tokens: [100, Fake.close, 200, Fake.end], logprobs: true)
    return server
  }

  @Test func `both modes are submitted together, thinking replies first, each with its own seed`() async throws {
    let server = server()
    let answer = try await ask(server, #""g":2,"seed":40,"max_tokens":9,"temperature":0.5"#)
    #expect(answer.status == 200, "\(answer.text)")
    let requests = server.engine.requests.withLock { $0 }
    #expect(requests.map(\.start) == [.insideThought, .insideThought, .answer, .answer])
    #expect(requests.map(\.sampling.seed) == [40, 41, 42, 43])
    #expect(requests.allSatisfy { $0.maxTokens == 9 && $0.sampling.temperature == 0.5 && $0.serviceClass == .batch })
    #expect(requests.allSatisfy { $0.sampling.topLogprobs == 0 && !$0.decides })
    #expect(server.chat.seen.withLock { $0.count } == 1, "images are decoded once")
    #expect(answer.json["g"] == 2 && answer.json["seed"] == 40 && answer.json["prompt_tokens"] == 3)
  }

  @Test func `a reply has its text, its counts and the sum of its log-probabilities`() async throws {
    let answer = try await ask(server(), #""g":1"#)
    let thought = try #require(answer.json["groups"]?["thinking"]?.array?.first)
    #expect(thought["reasoning_content"] == "w100 " && thought["content"] == "w200 ")
    #expect(thought["text"] == "w100w1w200w3")
    #expect(thought["logprob_sum"] == -2.0 && thought["logprobs"] == .null)
    #expect(thought["completion_tokens"] == 4 && thought["thinking"]?["thinking_tokens"] == 1)
    let direct = try #require(answer.json["groups"]?["non_thinking"]?.array?.first)
    #expect(direct["thinking"]?["thinking_tokens"] == 0 && direct["reasoning_content"] == .null)
    #expect(answer.json["usage"]?["thinking"]?["completion_tokens"] == 4)
  }

  @Test func `logprobs lists the tokens`() async throws {
    let answer = try await ask(server(), #""g":1,"logprobs":true,"top_logprobs":1"#)
    let tokens = answer.json["groups"]?["thinking"]?.array?.first?["logprobs"]?.array ?? []
    #expect(tokens.count == 4)
    #expect(tokens.first?["id"] == 100 && tokens.first?["token"] == "w100" && tokens.first?["logprob"] == -0.5)
    #expect(tokens.first?["top_logprobs"]?.array?.count == 1)
  }

  @Test func `too many log-probabilities are rejected before anything is submitted`() async throws {
    let server = server()
    let fields = #""g":16,"logprobs":true,"top_logprobs":20,"max_tokens""#
    let answer = try await ask(server, fields + ":3200")
    #expect(answer.status == 400 && answer.json["error"]?["param"] == "max_tokens")
    #expect(answer.text.contains("32 replies of up to 3200 tokens with 21 each make 2150400"))
    #expect(server.engine.requests.withLock { $0.isEmpty })
    #expect(try await ask(server, fields + ":3000").status == 200)
  }

  @Test func `without seed and temperature the replies differ and are repeatable`() async throws {
    let server = server()
    let answer = try await ask(server)
    let requests = server.engine.requests.withLock { $0 }
    #expect(requests.count == 8 && requests.allSatisfy { $0.sampling.temperature == 1 })
    let seed = try #require(answer.json["seed"]?.int)
    #expect(requests.map(\.sampling.seed) == (0..<8).map { UInt64(seed + $0) })
  }

  @Test func `rollouts count in their own metrics only`() async throws {
    let server = server()
    _ = try await ask(server, #""g":3"#)
    #expect(server.metrics.rollouts.value("thinking", "stop") == 3)
    #expect(server.metrics.rolloutTokens.value("answer", "non_thinking") == 6)
    #expect(server.metrics.requests.value("long", "thinking", "stop") == 0)
    #expect(server.log.contains(#""rollouts":6"#))
  }

  @Test func `a key without both modes is rejected`() async throws {
    var forced = server()
    forced.configuration.policies.others.forcedMode = .short
    var forbidden = server()
    forbidden.configuration.policies.others.forbiddenModes = [.long]
    for server in [forced, forbidden] {
      let answer = try await ask(server)
      #expect(answer.status == 403 && answer.json["error"]?["code"] == "mode_forbidden")
      #expect(server.engine.requests.withLock { $0.isEmpty })
    }
  }

  @Test(arguments: [
    (#""g":17"#, "g"), (#""g":0"#, "g"), (#""g":"x""#, "g"), (#""temperature":3"#, "temperature"),
    (#""top_logprobs":2"#, "top_logprobs"),
    (#""thinking_budget":1,"thinking_budget_tokens":2"#, "thinking_budget_tokens"),
    (#""max_tokens":0"#, "max_tokens"), (#""temprature":1"#, "temprature"),
  ])
  func `values out of range are rejected by name`(fields: String, param: String) async throws {
    let answer = try await ask(server(), fields)
    #expect(answer.status == 400 && answer.json["error"]?["param"] == .string(param), "\(answer.text)")
  }

  @Test func `fields that select a mode are ignored and listed`() async throws {
    let answer = try await ask(server(), #""thinking_mode":"short","n":3,"stream":true"#)
    #expect(answer.status == 200)
    #expect(answer.headers["x-ignored-parameters"] == "thinking_mode, n, stream")
  }
}
