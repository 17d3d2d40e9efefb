import Evaluation
import JSON
import Synchronization
import Testing

@Suite struct `Clients` {
  @Test func `a status determines whether to retry, and whether other requests may succeed`() {
    let errors: [([Int], (String) -> ModelClientError)] = [
      ([408, 409, 429, 500, 503, 599], { .retryable($0, after: .seconds(2)) }),
      ([400, 402, 413, 422, 451], { .rejected($0) }), ([302, 401, 403, 404, 501, 505], { .fatal($0) }),
    ]
    for (statuses, error) in errors {
      for status in statuses {
        let found = ModelClientError(
          status: status, body: Array(#"{"error": {"message": "no"}}"#.utf8), retryAfter: "2")
        #expect(found == error("status \(status): no"))
      }
    }
  }

  @Test(arguments: ["-1", "x", "1e9", "", "Wed, 21 Oct 2026 07:28:00 GMT"])
  func `a Retry-After that is not a number of seconds up to a day is ignored`(_ value: String) {
    #expect(ModelClientError(status: 503, body: [], retryAfter: value) == .retryable("status 503", after: nil))
  }

  @Test func `delays double, are as long as the server requests and end after the last attempt`() async throws {
    let waits = Mutex<[Duration]>([])
    let client = ScriptedClient { _, count in
      throw ModelClientError.retryable("busy \(count)", after: count == 1 ? .seconds(5) : nil)
    }
    let retrying = RetryingModelClient(client, tries: 4, firstWait: .seconds(1)) { wait in
      waits.withLock { $0.append(wait) }
    }
    await #expect(throws: ModelClientError.retryable("busy 3", after: nil)) { try await retrying.complete(.null) }
    #expect(waits.withLock { $0 } == [.seconds(1), .seconds(5), .seconds(4)])
  }

  @Test func `permanent failures and too long delays are not retried`() async throws {
    let fatal = ScriptedClient { _, _ in throw ModelClientError.fatal("no") }
    await #expect(throws: ModelClientError.fatal("no")) { try await RetryingModelClient(fatal).complete(.null) }
    #expect(fatal.bodies.count == 1)
    let slow = ScriptedClient { _, _ in throw ModelClientError.retryable("busy", after: .seconds(900)) }
    await #expect(throws: ModelClientError.self) { try await RetryingModelClient(slow).complete(.null) }
    #expect(slow.bodies.count == 1)
    let patient = ScriptedClient { _, count in
      if count == 0 { throw ModelClientError.retryable("busy", after: .seconds(600)) }
      return "fine"
    }
    let retrying = RetryingModelClient(patient) { #expect($0 == .seconds(600)) }
    #expect(try await retrying.complete(.null) == "fine")
  }

  @Test func `a second attempt can succeed`() async throws {
    let client = ScriptedClient { _, count in
      if count == 0 { throw ModelClientError.retryable("busy", after: nil) }
      return "fine"
    }
    #expect(try await RetryingModelClient(client, sleep: { _ in }).complete(.null) == "fine")
  }

  @Test(arguments: ["", "localhost:8000", "ftp://h/v1", "http:///v1", "/v1", "http://a b/"])
  func `a base that is not an HTTP URL is rejected`(_ base: String) {
    #expect(throws: EvaluationError.self) { try HTTPModelClient(base: base) }
  }

  @Test(arguments: [
    ("http://127.0.0.1:9/v1/", "http://127.0.0.1:9/v1"), ("https://user:secret@h.example/v1", "https://h.example/v1"),
    ("https://h.example/v1?key=secret#part", "https://h.example/v1"),
  ]) func `the address of a server contains no secrets`(_ base: String, _ address: String) throws {
    #expect(try HTTPModelClient(base: base).address == address)
  }

  @Test func `a refused connection is retryable`() async throws {
    let client = try HTTPModelClient(base: "http://127.0.0.1:9/v1", timeout: .seconds(20))
    let error = await #expect(throws: ModelClientError.self) { try await client.complete([:]) }
    guard case .retryable = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }
}

@Suite struct `Replies` {
  @Test func `the counts of this project's server are used unchanged`() throws {
    let reply = try ModelReply(reply("7", thinking: 5, control: 3, answer: 1, probability: 0.9))
    #expect((reply.thinkingTokens, reply.controlTokens, reply.answerTokens) == (5, 3, 1))
    #expect(reply.outputTokens == 9 && reply.isThinking == true && reply.thinkProbability == 0.9)
    #expect(reply.finish == "stop" && reply.stop == "natural" && reply.promptTokens == 9)
  }

  @Test func `only reported values of another server's reply are known`() throws {
    let some = try ModelReply([
      "choices": [["message": ["content": "7", "reasoning_content": "hm"], "finish_reason": "stop"]],
      "usage": ["completion_tokens": 9, "completion_tokens_details": ["reasoning_tokens": 5]],
    ])
    #expect(some.thinkingTokens == 5 && some.answerTokens == 4 && some.controlTokens == nil && some.isThinking == true)
    let few = try ModelReply(["choices": [["message": ["content": "7"]]]])
    #expect(few.outputTokens == nil && few.thinkingTokens == nil && few.isThinking == nil && few.answer == "7")
    let empty = try ModelReply(["choices": [["message": ["content": .null]]], "usage": .null])
    #expect(empty.answer == "")
  }

  @Test(arguments: ["-1", "1e300", "9223372036854775807", "2147483648", "1.5", "null", "\"3\""])
  func `an invalid count is unknown`(_ count: String) async throws {
    let usage = #"{"prompt_tokens": \#(count), "completion_tokens": \#(count)}"#
    let details = #"{"completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": \#(count)}}"#
    for usage in [usage, details] {
      let text = #"{"choices": [{"message": {"content": "7"}}], "usage": \#(usage)}"#
      let reply = try ModelReply(JSONValue(parsing: text))
      #expect(reply.promptTokens == nil && reply.thinkingTokens == nil && reply.answerTokens == nil)
    }
    let own =
      #"{"thinking_tokens": \#(count), "control_tokens": \#(count), "answer_tokens": \#(count), "p_think": 1e9}"#
    let reply = try ModelReply(JSONValue(parsing: #"{"choices": [{"message": {}}], "thinking": \#(own)}"#))
    #expect(reply.thinkingTokens == nil && reply.controlTokens == nil && reply.thinkProbability == nil)
    // The directory with such a reply can be read again.
    let folder = try TemporaryFolder()
    let set = try QuestionSet(files: [folder.write("s.jsonl", #"{"question": "?", "answer": 7}"#.utf8)])
    var parameters = RunParameters()
    parameters.modes = [.long]
    let run = try EvaluationRun(set, parameters, directory: folder.path)
    let body = #"{"choices": [{"message": {"content": "7"}}], "usage": \#(usage)}"#
    let client = ScriptedClient { _, _ in try JSONValue(parsing: body) }
    for _ in 0..<2 { #expect(try await run.run(with: client).map(\.outputTokens) == [nil]) }
    #expect(client.bodies.count == 1)
  }

  @Test(
    arguments: [
      ("<think>\nhm A\n</think>\n\nB", "B", "\nhm A\n", true), (" hm </think>B", "B", "hm ", true),
      ("<think>\n\n</think>\n\nB", "B", "\n\n", false), ("<think>a</think>b</think>c", "c", "a</think>b", true),
      ("\n<think>hm", "", "hm", true), ("B", "B", nil, nil), ("B <think>", "B <think>", nil, nil),
    ] as [(String, String, String?, Bool?)])
  func `a thought that a server leaves in the content is not part of the answer`(
    _ content: String, _ answer: String, _ thought: String?, _ thinks: Bool?
  ) throws {
    let message: JSONValue = ["content": .string(content)]
    let told = try ModelReply(["choices": [["message": message]]])
    #expect((told.answer, told.thought) == (answer, thought) && told.isThinking == thinks)
    let usage: JSONValue = ["completion_tokens": 9, "completion_tokens_details": ["reasoning_tokens": 0]]
    let counted = try ModelReply(["choices": [["message": message]], "usage": usage])
    #expect(counted.isThinking == (thinks ?? false))
    #expect(counted.thinkingTokens == (thinks == true ? nil : 0))
    let apart = try ModelReply(["choices": [["message": ["content": .string(content), "reasoning": "r"]]]])
    #expect(apart.answer == content && apart.thought == "r")
  }

  @Test(arguments: ["{}", "[]", #"{"choices": []}"#, #"{"choices": [{}]}"#, #"{"error": {"message": "x"}}"#])
  func `a reply without a message is an error`(_ text: String) throws {
    let json = try JSONValue(parsing: text)
    #expect(throws: ModelClientError.self) { try ModelReply(json) }
  }
}
