import API
import Chat
import GenerationTypes
import HTTP
import JSON
import Synchronization
import Telemetry
import Testing
import Text

/// A server with one policy for all keys.
private func server(_ policy: KeyPolicy, _ change: (inout RequestDefaults) -> Void = { _ in }) -> TestServer {
  var server = TestServer()
  server.configuration.policies.others = policy
  change(&server.configuration.defaults)
  return server
}

private func policy(_ change: (inout KeyPolicy) -> Void) -> KeyPolicy {
  var policy = KeyPolicy()
  change(&policy)
  return policy
}

@Suite struct `Thinking plans` {
  private func rules(_ fields: String, _ server: TestServer = TestServer()) async throws -> ThoughtRules {
    _ = try await server.chat(fields)
    return try #require(server.engine.requests.withLock { $0.last }).thought
  }

  @Test(arguments: [
    #""thinking_budget":7"#, #""thinking_budget_tokens":7"#, #""thinking_token_budget":7"#,
    #""thinking":{"type":"enabled","budget_tokens":7}"#, #""thinking":{"type":"adaptive","budget_tokens":7}"#,
    #""thinking_budget":7,"thinking_budget_tokens":7,"thinking":{"type":"enabled","budget_tokens":7}"#,
  ])
  func `every spelling sets the budget`(fields: String) async throws {
    #expect(try await rules(fields).budget == 7)
  }

  @Test func `the server's budget is a default, the key's budget a limit`() async throws {
    let limited = server(KeyPolicy()) { $0.thought.budget = 100 }
    #expect(try await rules("", limited).budget == 100)
    #expect(try await rules(#""thinking_budget":300"#, limited).budget == 300)
    #expect(try await rules(#""thinking_budget":-1"#, limited).budget == nil)
    let key = server(policy { ($0.thinkingBudget, $0.maxTokens) = (50, 80) }) { $0.thought.budget = 100 }
    #expect(try await rules("", key).budget == 50)
    #expect(try await rules(#""thinking_budget":-1"#, key).budget == 50)
    #expect(try await rules(#""thinking_budget":9"#, key).budget == 9)
    #expect(key.engine.requests.withLock { $0.map(\.maxTokens) } == [80, 80, 80])
    _ = try await key.chat(#""max_tokens":5"#)
    #expect(key.engine.requests.withLock { $0.last?.maxTokens } == 5)
  }

  @Test func `efforts set a bias, and think_bias overrides it`() async throws {
    let server = server(KeyPolicy()) { ($0.lowEffortBias, $0.minimalEffortBias) = (1.5, 3) }
    #expect(try await rules(#""reasoning_effort":"low""#, server).bias == 1.5)
    #expect(try await rules(#""reasoning_effort":"minimal""#, server).bias == 3)
    #expect(try await rules(#""reasoning_effort":"medium""#, server).bias == 0)
    #expect(try await rules(#""reasoning_effort":"low","think_bias":-4"#, server).bias == -4)
    let threshold = try await rules(#""reasoning_effort":"low","think_threshold":0.25"#, server)
    #expect(threshold.bias == 0 && threshold.threshold == 0.25)
    let reserve = try await rules(#""answer_reserve":0"#, server)
    #expect(reserve.answerReserve == 0)
  }

  @Test func `a forced mode overrides the request, and the requested mode is reported`() async throws {
    let forced = server(policy { $0.forcedMode = .short })
    for fields in ["", #""thinking_mode":"long""#, #""think_bias":2"#] {
      let answer = try await forced.chat(fields)
      #expect(answer.status == 200)
      #expect(answer.json["thinking"]?["requested_mode"]?.string == (fields.contains("long") ? "long" : "auto"))
    }
    #expect(forced.chat.seen.withLock { $0.map(\.mode) } == [.short, .short, .short])
  }

  @Test func `a forbidden mode is rejected by name and is not the default`() async throws {
    let strict = server(policy { $0.forbiddenModes = [.long, .auto] })
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
    var server = TestServer()
    server.configuration.keys.add("a", name: "alice")
    server.configuration.keys.add("b", name: "bob")
    server.configuration.policies.byName["bob"] = policy { $0.forcedMode = .short }
    for key in ["a", "b"] {
      #expect(try await server.chat("", headers: ["authorization": "Bearer \(key)"]).status == 200)
    }
    #expect(server.chat.seen.withLock { $0.map(\.mode) } == [.auto, .short])
  }
}
