import Chat
import GenerationTypes
import JSON
import Synchronization
import Testing

private let tools = #""tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}]"#

private func calling() -> TestServer {
  var server = TestServer()
  server.engine = FakeEngine(tokens: [
    100, Fake.close, 200, Fake.call, Fake.arguments, Fake.otherArguments, Fake.call, Fake.arguments,
    Fake.otherArguments, Fake.end,
  ])
  return server
}

@Suite struct `Replies that call tools` {
  @Test func `a whole reply lists its calls`() async throws {
    let choice = try await calling().chat(tools).json["choices"]?.array?.first
    #expect(choice?["finish_reason"] == "tool_calls")
    let message = choice?["message"]
    #expect(message?["content"] == "w200" && message?["reasoning_content"] == "w100 ")
    let calls = message?["tool_calls"]?.array ?? []
    #expect(calls.map { $0["function"] } == Array(repeating: ["name": "f", "arguments": "{\"a\": 1}"], count: 2))
    let ids = Set(calls.compactMap { $0["id"]?.string })
    #expect(ids.count == 2 && ids.allSatisfy { $0.hasPrefix("call_") } && calls.allSatisfy { $0["type"] == "function" })
  }

  @Test func `a reply of calls alone has no content`() async throws {
    var server = TestServer()
    server.engine = FakeEngine(tokens: [Fake.close, Fake.call, Fake.arguments, Fake.otherArguments, Fake.end])
    let message = try await server.chat(tools).json["choices"]?.array?.first?["message"]
    #expect(message?["content"] == .null && message?["tool_calls"]?.array?.count == 1)
  }

  @Test func `a stream sends the name first and then the arguments`() async throws {
    let chunks = try await calling().chat(tools + #","stream":true"#).chunks
    let choices = chunks.compactMap { $0["choices"]?.array?.first }
    let deltas = choices.compactMap { $0["delta"]?["tool_calls"]?.array?.first }
    #expect(deltas.map { $0["index"]?.int } == [0, 0, 0, 1, 1, 1])
    #expect(deltas.map { $0["function"]?["arguments"]?.string } == ["", "{\"a\": ", "1}", "", "{\"a\": ", "1}"])
    #expect(deltas.map { $0["id"] != nil } == [true, false, false, true, false, false])
    #expect(deltas.map { $0["function"]?["name"]?.string } == ["f", nil, nil, "f", nil, nil])
    #expect(choices.last?["finish_reason"] == "tool_calls")
  }

  @Test func `a call that the limit cuts off ends with length`() async throws {
    var server = TestServer()
    server.engine = FakeEngine(tokens: [Fake.close, Fake.call, Fake.arguments], finish: .length)
    let choice = try await server.chat(tools).json["choices"]?.array?.first
    #expect(choice?["finish_reason"] == "length")
    #expect(choice?["message"]?["tool_calls"]?.array?.first?["function"]?["arguments"] == "{\"a\": ")
  }

  @Test func `log and metrics report the finish reason`() async throws {
    let server = calling()
    _ = try await server.chat(tools)
    #expect(server.log.contains(#""finish":"tool_calls""#))
    let text = try await server.get("/metrics").text
    #expect(text.contains(#"r4b_requests_total{requested_mode="auto",mode="thinking",finish="tool_calls"} 1"#))
  }

  @Test(arguments: [
    ("", ToolUse.Choice.auto, true), (#","tool_choice":"auto""#, .auto, true),
    (#","tool_choice":"required""#, .required, true),
    (#","tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false"#, .named("f"), false),
    (#","tool_choice":{"type":"function","name":"f"}"#, .named("f"), true),
  ])
  func `tools and tool_choice reach the model`(fields: String, choice: ToolUse.Choice, parallel: Bool) async throws {
    let server = TestServer()
    #expect(try await server.chat(tools + fields).status == 200)
    let use = try #require(server.chat.seen.withLock { $0.first?.answer.tools })
    #expect(use.choice == choice && use.isParallel == parallel)
    #expect(use.tools.map(\.name) == ["f"] && use.tools[0].parameters == ["type": "object"])
    #expect(
      use.tools[0].definition == ["type": "function", "function": ["name": "f", "parameters": ["type": "object"]]])
    #expect(use.tools[0].path == "tools[0].function.parameters")
  }

  @Test func `tool_choice none removes the tools from the prompt`() async throws {
    let server = TestServer()
    _ = try await server.chat(tools + #","tool_choice":"none""#)
    #expect(server.chat.seen.withLock { $0.first?.answer == AnswerForm() } == true)
  }
}

@Suite struct `Responses` {
  private func events(_ text: String) -> [JSONValue] {
    text.split(separator: "\n").filter { $0.hasPrefix("data: ") }.compactMap {
      try? JSONValue(parsing: String($0.dropFirst(6)))
    }
  }

  @Test func `calls are items with unique ids`() async throws {
    let body = #"{"input":"one two","tools":[{"type":"function","name":"f","parameters":{"type":"object"}}]}"#
    let answer = try await calling().post(to: "/v1/responses", body)
    let output = answer.json["output"]?.array ?? []
    #expect(output.map { $0["type"]?.string } == ["reasoning", "message", "function_call", "function_call"])
    #expect(output[2]["arguments"] == "{\"a\": 1}" && output[2]["call_id"] != output[3]["call_id"])
    #expect(answer.json["tools"]?.array?.count == 1 && answer.json["status"] == "completed")
  }

  @Test func `events of a stream add up to the items`() async throws {
    let body = #"{"input":"one","stream":true,"tools":[{"type":"function","name":"f"}]}"#
    let answer = try await calling().post(to: "/v1/responses", body)
    let events = events(answer.text)
    #expect(events.map { $0["sequence_number"]?.int } == Array(0..<events.count))
    let names = answer.text.split(separator: "\n").filter { $0.hasPrefix("event: ") }.map { String($0.dropFirst(7)) }
    #expect(names == events.compactMap { $0["type"]?.string })
    let done = events.filter { $0["type"] == "response.output_item.done" }.compactMap { $0["item"] }
    #expect(events.last?["type"] == "response.completed" && events.last?["response"]?["output"] == .array(done))
    let arguments = events.filter { $0["type"] == "response.function_call_arguments.delta" && $0["output_index"] == 3 }
    #expect(arguments.compactMap { $0["delta"]?.string }.joined() == "{\"a\": 1}")
  }

  @Test func `a failure within the stream is the last event`() async throws {
    struct Surprise: Error {}
    var server = TestServer()
    server.engine = FakeEngine([.prefilled, .event(.token(GeneratedToken(id: 100))), .fail(Surprise())])
    let answer = try await server.post(to: "/v1/responses", #"{"input":"one","stream":true}"#)
    let last = events(answer.text).last
    #expect(last?["type"] == "response.failed" && last?["response"]?["status"] == "failed")
    #expect(last?["response"]?["error"]?["code"] == "server_error")
    #expect(!answer.text.contains("Surprise") && server.log.contains("Surprise"))
  }

  @Test func `items become messages`() async throws {
    let server = TestServer()
    let body = """
      {"instructions":"Be brief.","input":[{"role":"user","content":"Hi"},{"type":"reasoning","id":"rs_1","summary":[],"content":[{"type":"reasoning_text","text":"hm"}]},
      {"type":"message","role":"assistant","content":[{"type":"output_text","text":"Hello","annotations":[]}]},
      {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},{"type":"function_call_output","call_id":"c1","output":"7"},
      {"role":"user","content":[{"type":"input_text","text":"So?"}]}]}
      """
    #expect(try await server.post(to: "/v1/responses", body).status == 200)
    let messages = try #require(server.chat.seen.withLock { $0.first?.messages })
    #expect(messages.map(\.role) == [.system, .user, .assistant, .tool, .user])
    #expect(messages[2].reasoning == "hm" && messages[2].toolCalls.count == 1 && messages[2].parts.count == 1)
    #expect(messages[3].toolCallID == "c1")
  }
}
