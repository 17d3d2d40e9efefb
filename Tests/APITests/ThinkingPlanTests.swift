import API
import Chat
import GenerationTypes
import HTTP
import JSON
import Synchronization
import Telemetry
import Testing
import Text

/// A server with one policy for all.
private func house(_ policy: KeyPolicy, _ change: (inout RequestDefaults) -> Void = { _ in }) -> House {
  var house = House()
  house.configuration.policies.others = policy
  change(&house.configuration.defaults)
  return house
}

private func policy(_ change: (inout KeyPolicy) -> Void) -> KeyPolicy {
  var policy = KeyPolicy()
  change(&policy)
  return policy
}

@Suite struct `What a request's thought keeps to` {
  private func rules(_ fields: String, _ house: House = House()) async throws -> ThoughtRules {
    _ = try await house.chat(fields)
    return try #require(house.engine.requests.withLock { $0.last }).thought
  }

  @Test(arguments: [
    #""thinking_budget":7"#, #""thinking_budget_tokens":7"#, #""thinking_token_budget":7"#,
    #""thinking":{"type":"enabled","budget_tokens":7}"#, #""thinking":{"type":"adaptive","budget_tokens":7}"#,
    #""thinking_budget":7,"thinking_budget_tokens":7,"thinking":{"type":"enabled","budget_tokens":7}"#,
  ])
  func `every spelling of the budget is one`(fields: String) async throws {
    #expect(try await rules(fields).budget == 7)
  }

  @Test func `the server's budget is for those who do not say, the key's for all`() async throws {
    let server = house(KeyPolicy()) { $0.thought.budget = 100 }
    #expect(try await rules("", server).budget == 100)
    #expect(try await rules(#""thinking_budget":300"#, server).budget == 300)
    #expect(try await rules(#""thinking_budget":-1"#, server).budget == nil)
    let key = house(policy { ($0.thinkingBudget, $0.maxTokens) = (50, 80) }) { $0.thought.budget = 100 }
    #expect(try await rules("", key).budget == 50)
    #expect(try await rules(#""thinking_budget":-1"#, key).budget == 50)
    #expect(try await rules(#""thinking_budget":9"#, key).budget == 9)
    #expect(key.engine.requests.withLock { $0.map(\.maxTokens) } == [80, 80, 80])
    _ = try await key.chat(#""max_tokens":5"#)
    #expect(key.engine.requests.withLock { $0.last?.maxTokens } == 5)
  }

  @Test func `efforts lean against thinking, and what is said outright goes before`() async throws {
    let house = house(KeyPolicy()) { ($0.lowEffortBias, $0.minimalEffortBias) = (1.5, 3) }
    #expect(try await rules(#""reasoning_effort":"low""#, house).bias == 1.5)
    #expect(try await rules(#""reasoning_effort":"minimal""#, house).bias == 3)
    #expect(try await rules(#""reasoning_effort":"medium""#, house).bias == 0)
    #expect(try await rules(#""reasoning_effort":"low","think_bias":-4"#, house).bias == -4)
    let threshold = try await rules(#""reasoning_effort":"low","think_threshold":0.25"#, house)
    #expect(threshold.bias == 0 && threshold.threshold == 0.25)
    let reserve = try await rules(#""answer_reserve":0"#, house)
    #expect(reserve.answerReserve == 0)
  }

  @Test func `a forced mode is used whatever is asked, and what was asked is reported`() async throws {
    let forced = house(policy { $0.forcedMode = .short })
    for fields in ["", #""thinking_mode":"long""#, #""think_bias":2"#] {
      let answer = try await forced.chat(fields)
      #expect(answer.status == 200)
      #expect(answer.json["thinking"]?["requested_mode"]?.string == (fields.contains("long") ? "long" : "auto"))
    }
    #expect(forced.chat.seen.withLock { $0.map(\.mode) } == [.short, .short, .short])
  }

  @Test func `a forbidden mode is refused by name, and not taken by default`() async throws {
    let strict = house(policy { $0.forbiddenModes = [.long, .auto] })
    for (fields, param) in [
      (#""thinking_mode":"long""#, "thinking_mode"), (#""reasoning_effort":"low""#, "reasoning_effort"),
      (#""chat_template_kwargs":{"enable_thinking":true}"#, "chat_template_kwargs.enable_thinking"),
    ] {
      let answer = try await strict.chat(fields)
      #expect(answer.status == 403)
      #expect(answer.json["error"]?["code"] == "mode_forbidden" && answer.json["error"]?["param"]?.string == param)
    }
    #expect(try await strict.chat("").status == 200)
    #expect(strict.chat.seen.withLock { $0.map(\.mode) } == [.short])
  }

  @Test func `a policy belongs to its key`() async throws {
    var house = House()
    house.configuration.keys.add("a", name: "alice")
    house.configuration.keys.add("b", name: "bob")
    house.configuration.policies.byName["bob"] = policy { $0.forcedMode = .short }
    for key in ["a", "b"] {
      #expect(try await house.chat("", headers: ["authorization": "Bearer \(key)"]).status == 200)
    }
    #expect(house.chat.seen.withLock { $0.map(\.mode) } == [.auto, .short])
  }
}
