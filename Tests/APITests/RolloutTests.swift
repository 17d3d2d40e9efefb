import API
import GenerationTypes
import HTTP
import JSON
import Synchronization
import Telemetry
import Testing

@Suite struct `Rollouts of one prompt` {
  private func ask(_ house: House, _ fields: String = "") async throws -> House.Answer {
    try await house.post(
      to: "/v1/rollouts",
      #"{"messages":[{"role":"user","content":"one two three"}]"# + (fields.isEmpty ? "" : ",\(fields)") + "}")
  }

  private func house() -> House {
    var house = House()
    house.engine = FakeEngine(tokens: [100, Fake.close, 200, Fake.end], logprobs: true)
    return house
  }

  @Test func `both modes are submitted together, thinking ones first, each with a seed of its own`() async throws {
    let house = house()
    let answer = try await ask(house, #""g":2,"seed":40,"max_tokens":9,"temperature":0.5"#)
    #expect(answer.status == 200, "\(answer.text)")
    let requests = house.engine.requests.withLock { $0 }
    #expect(requests.map(\.start) == [.insideThought, .insideThought, .answer, .answer])
    #expect(requests.map(\.sampling.seed) == [40, 41, 42, 43])
    #expect(requests.allSatisfy { $0.maxTokens == 9 && $0.sampling.temperature == 0.5 && $0.serviceClass == .batch })
    #expect(requests.allSatisfy { $0.sampling.topLogprobs == 0 && !$0.decides })
    #expect(house.chat.seen.withLock { $0.count } == 1, "images are decoded once")
    #expect(answer.json["g"] == 2 && answer.json["seed"] == 40 && answer.json["prompt_tokens"] == 3)
  }

  @Test func `a reply has its text, its counts and the sum of its log-probabilities`() async throws {
    let answer = try await ask(house(), #""g":1"#)
    let thought = try #require(answer.json["groups"]?["thinking"]?.array?.first)
    #expect(thought["reasoning_content"] == "w100 " && thought["content"] == "w200 ")
    #expect(thought["text"] == "w100w1w200w3")
    #expect(thought["logprob_sum"] == -2.0 && thought["logprobs"] == .null)
    #expect(thought["completion_tokens"] == 4 && thought["thinking"]?["thinking_tokens"] == 1)
    let direct = try #require(answer.json["groups"]?["non_thinking"]?.array?.first)
    #expect(direct["thinking"]?["thinking_tokens"] == 0 && direct["reasoning_content"] == .null)
    #expect(answer.json["usage"]?["thinking"]?["completion_tokens"] == 4)
  }

  @Test func `tokens are told where log-probabilities are asked for`() async throws {
    let answer = try await ask(house(), #""g":1,"logprobs":true,"top_logprobs":1"#)
    let tokens = answer.json["groups"]?["thinking"]?.array?.first?["logprobs"]?.array ?? []
    #expect(tokens.count == 4)
    #expect(tokens.first?["id"] == 100 && tokens.first?["token"] == "w100" && tokens.first?["logprob"] == -0.5)
    #expect(tokens.first?["top_logprobs"]?.array?.count == 1)
  }

  @Test func `more log-probabilities than are held are refused before anything is done`() async throws {
    let house = house()
    let fields = #""g":16,"logprobs":true,"top_logprobs":20,"max_tokens""#
    let answer = try await ask(house, fields + ":3200")
    #expect(answer.status == 400 && answer.json["error"]?["param"] == "max_tokens")
    #expect(answer.text.contains("32 replies of up to 3200 tokens with 21 each make 2150400"))
    #expect(house.engine.requests.withLock { $0.isEmpty })
    #expect(try await ask(house, fields + ":3000").status == 200)
  }

  @Test func `who names neither seed nor temperature gets different replies that can be had again`() async throws {
    let house = house()
    let answer = try await ask(house)
    let requests = house.engine.requests.withLock { $0 }
    #expect(requests.count == 8 && requests.allSatisfy { $0.sampling.temperature == 1 })
    let seed = try #require(answer.json["seed"]?.int)
    #expect(requests.map(\.sampling.seed) == (0..<8).map { UInt64(seed + $0) })
  }

  @Test func `they enter no figure of the modes, but have their own`() async throws {
    let house = house()
    _ = try await ask(house, #""g":3"#)
    #expect(house.metrics.rollouts.value("thinking", "stop") == 3)
    #expect(house.metrics.rolloutTokens.value("answer", "non_thinking") == 6)
    #expect(house.metrics.requests.value("long", "thinking", "stop") == 0)
    #expect(house.log.contains(#""rollouts":6"#))
  }

  @Test func `a key that may not use both modes may have none`() async throws {
    var forced = house()
    forced.configuration.policies.others.forcedMode = .short
    var forbidden = house()
    forbidden.configuration.policies.others.forbiddenModes = [.long]
    for house in [forced, forbidden] {
      let answer = try await ask(house)
      #expect(answer.status == 403 && answer.json["error"]?["code"] == "mode_forbidden")
      #expect(house.engine.requests.withLock { $0.isEmpty })
    }
  }

  @Test(arguments: [
    (#""g":17"#, "g"), (#""g":0"#, "g"), (#""g":"x""#, "g"), (#""temperature":3"#, "temperature"),
    (#""top_logprobs":2"#, "top_logprobs"),
    (#""thinking_budget":1,"thinking_budget_tokens":2"#, "thinking_budget_tokens"),
    (#""max_tokens":0"#, "max_tokens"), (#""temprature":1"#, "temprature"),
  ])
  func `what is out of bounds is named`(fields: String, param: String) async throws {
    let answer = try await ask(house(), fields)
    #expect(answer.status == 400 && answer.json["error"]?["param"] == .string(param), "\(answer.text)")
  }

  @Test func `fields that choose a mode have no effect and are named`() async throws {
    let answer = try await ask(house(), #""thinking_mode":"short","n":3,"stream":true"#)
    #expect(answer.status == 200)
    #expect(answer.headers["x-ignored-parameters"] == "thinking_mode, n, stream")
  }
}
