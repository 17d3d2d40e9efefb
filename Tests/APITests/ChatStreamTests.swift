import API
import GenerationTypes
import HTTP
import JSON
import Scheduling
import Synchronization
import Telemetry
import Testing

@Suite struct `Chat streams` {
  /// The stream with ids and times replaced.
  private func steady(_ text: String) -> String {
    text.replacing(/chatcmpl-[a-z0-9]+/, with: "ID").replacing(/"created":\d+/, with: "\"created\":0")
      .replacing(/"(first_token|first_answer_token|decode)_ms":[0-9.e-]+/) { "\"\($0.1)_ms\":0" }
  }

  @Test func `the stream has the exact bytes that SDKs expect`() async throws {
    var server = TestServer()
    server.engine = FakeEngine(
      tokens: [100, Fake.close, 200, Fake.half, Fake.otherHalf, Fake.end], thinkProbability: 0.5)
    let answer = try await server.chat(#""stream":true,"stream_options":{"include_usage":true}"#)
    #expect(answer.headers["content-type"] == "text/event-stream; charset=utf-8")
    #expect(answer.headers["cache-control"] == "no-cache" && answer.headers["x-accel-buffering"] == "no")
    let head = #"{"id":"ID","object":"chat.completion.chunk","created":0,"model":"r4b","choices":["#
    func chunk(_ delta: String, _ finish: String = "null") -> String {
      #"data: \#(head){"index":0,"delta":\#(delta),"logprobs":null,"finish_reason":\#(finish)}],"usage":null}"#
    }
    let expected = [
      chunk(#"{"role":"assistant","content":""}"#), ": prefill 2/4", chunk(#"{"reasoning_content":"w100 "}"#),
      chunk(#"{"content":"w200 "}"#), chunk(#"{"content":"é"}"#), chunk("{}", "\"stop\""),
      #"data: \#(head)],"usage":{"prompt_tokens":3,"completion_tokens":6,"total_tokens":9,"#
        + #""prompt_tokens_details":{"text_tokens":3,"image_tokens":0,"cached_tokens":1},"#
        + #""completion_tokens_details":{"reasoning_tokens":1,"text_tokens":3}},"#
        + #""thinking":{"requested_mode":"auto","mode":"thinking","p_think":0.5,"thinking_tokens":1,"control_tokens":2,"#
        + #""answer_tokens":3,"stop":"natural"},"timings":{"queue_ms":1.0,"image_ms":0.0,"prefill_ms":2.0,"first_token_ms":0,"#
        + #""first_answer_token_ms":0,"decode_ms":0}}"#,
      "data: [DONE]", "",
    ].joined(separator: "\n\n")
    #expect(steady(answer.text) == expected)
  }

  @Test func `without include_usage the last chunk has thinking and timings, and no chunk has usage`() async throws {
    let chunks = try await TestServer().chat(#""stream":true"#).chunks
    #expect(chunks.allSatisfy { $0["usage"] == nil && $0["choices"]?.array?.count == 1 })
    #expect(chunks.last?["thinking"]?["thinking_tokens"] == 2 && chunks.last?["timings"] != nil)
    #expect(chunks.dropLast().allSatisfy { $0["thinking"] == nil })
    #expect(Set(chunks.compactMap { $0["id"]?.string }).count == 1)
  }

  @Test func `progress is sent in comments, or in chunks without choices with include_progress`() async throws {
    var server = TestServer()
    let steps: [FakeEngine.Step] = [
      .event(.encoding(image: 1, done: 4, total: 9)), .event(.prefill(done: 2, total: 4)), .prefilled,
      .event(.token(GeneratedToken(id: 100))), .event(.finished(.length)),
    ]
    server.engine = FakeEngine(steps)
    let plain = try await server.chat(#""stream":true"#)
    #expect(plain.text.contains("\n\n: image 1 4/9\n\n: prefill 2/4\n\n"))
    server.engine = FakeEngine(steps)
    let told = try await server.chat(#""stream":true,"stream_options":{"include_progress":true}"#)
    #expect(!told.text.contains("\n: "))
    let progress = told.chunks.filter { $0["progress"] != nil }
    #expect(progress.allSatisfy { $0["choices"]?.array?.isEmpty == true && $0["id"] == told.chunks[0]["id"] })
    #expect(
      progress.compactMap { $0["progress"] } == [
        ["choice": 0, "stage": "image", "image": 1, "done": 4, "total": 9],
        ["choice": 0, "stage": "prefill", "done": 2, "total": 4],
      ])
  }

  @Test func `a reply over the time limit ends with an error in the stream, or with 503 and Retry-After`()
    async throws
  {
    for stream in [true, false] {
      var server = TestServer()
      server.engine = FakeEngine([.prefilled, .event(.token(GeneratedToken(id: 100))), .fail(GenerationError.deadline)])
      let answer = try await server.chat(#""stream":\#(stream)"#)
      #expect(answer.text.contains(#""code":"deadline_exceeded""#))
      #expect(stream ? answer.text.hasSuffix("data: [DONE]\n\n") : answer.status == 503)
      #expect(stream || answer.headers["retry-after"] == "10")
      #expect(server.metrics.failures.value("capacity") == 1)
    }
  }

  @Test func `several replies interleave and each ends once`() async throws {
    let chunks = try await TestServer().chat(#""stream":true,"n":4"#).chunks
    let choices = chunks.compactMap { $0["choices"]?.array?.first }
    for index in 0..<4 {
      let own = choices.filter { $0["index"]?.int == index }
      #expect(own.first?["delta"]?["role"] == "assistant")
      #expect(own.compactMap { $0["delta"]?["content"]?.string }.joined() == "w200 w201 w202 ")
      #expect(own.filter { $0["finish_reason"]?.isNull == false }.count == 1)
    }
    #expect(chunks.filter { $0["thinking"] != nil }.count == 1)
  }

  @Test func `a failure within the stream is an error event without internal text`() async throws {
    var server = TestServer()
    server.engine = FakeEngine([.event(.token(GeneratedToken(id: 100))), .fail(GenerationError.inference("secret"))])
    let answer = try await server.chat(#""stream":true"#)
    #expect(answer.status == 200)
    let error = try #require(answer.chunks.last?["error"]?.object)
    #expect(error.names == ["message", "type", "param", "code"])
    #expect(!answer.text.contains("secret") && server.log.contains("secret"))
    #expect(server.log.contains(#""failure":"inference""#))
    #expect(server.metrics.requests.value("auto", "thinking", "stop") == 0)
  }

  @Test(.timeLimit(.minutes(10)))
  func `keep-alive comments fill a silence, and a disconnect cancels the engine's requests`()
    async throws
  {
    var server = TestServer()
    server.configuration.keepAlive = .milliseconds(5)
    server.engine = FakeEngine([.event(.token(GeneratedToken(id: 100))), .hang])
    let log = JSONLog { [lines = server.lines] line in lines.bytes.withLock { $0 += line } }
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics, log: log)
    let body = Array(#"{"messages":[{"role":"user","content":"x"}],"stream":true,"n":2}"#.utf8)
    let response = await api.respond(
      to: HTTPRequest(
        method: "POST", path: "/v1/chat/completions", headers: ["content-type": "application/json"], body: body))
    guard case .stream(let write) = response.body else { return #expect(Bool(false), "expected a stream") }
    let collector = Collector()
    let task = Task { try await write(collector) }
    while !collector.text.contains(": keep-alive\n\n: keep-alive\n\n") { try await Task.sleep(for: .milliseconds(2)) }
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(server.engine.cancelled.withLock { $0 } == 2)
    #expect(server.metrics.failures.value("cancelled") == 1)
    log.flush()
    #expect(server.log.contains(#""status":499"#) && server.log.contains(#""failure":"cancelled""#))
  }

  @Test(.timeLimit(.minutes(10))) func `a stop string cancels one reply while another continues`()
    async throws
  {
    let server = TestServer()
    let words = [100, Fake.close, 200, 201].map { FakeEngine.Step.event(.token(GeneratedToken(id: $0))) }
    let engine = FakeEngine(words + [.hang], second: [.hang])
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: engine, metrics: server.metrics,
      log: JSONLog { _ in })
    let body = Array(#"{"messages":[{"role":"user","content":"x"}],"stream":true,"n":2,"stop":"w201"}"#.utf8)
    let response = await api.respond(
      to: HTTPRequest(
        method: "POST", path: "/v1/chat/completions", headers: ["content-type": "application/json"], body: body))
    guard case .stream(let write) = response.body else { return #expect(Bool(false), "expected a stream") }
    let collector = Collector()
    let task = Task { try await write(collector) }
    while engine.cancelled.withLock({ $0 }) == 0 { try await Task.sleep(for: .milliseconds(2)) }
    #expect(!collector.text.contains("[DONE]"))
    task.cancel()
    await #expect(throws: CancellationError.self) { try await task.value }
    #expect(engine.cancelled.withLock { $0 } == 2)
  }

  @Test func `a client that disconnects before the last chunk counts as cancelled`() async throws {
    struct Gone: Error {}
    struct Impatient: HTTPBodyWriter {
      func write(_ bytes: [UInt8]) async throws {
        if String(decoding: bytes, as: UTF8.self).contains("[DONE]") { throw Gone() }
      }
    }
    let server = TestServer()
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics,
      log: JSONLog { _ in })
    let body = Array(#"{"messages":[{"role":"user","content":"x"}],"stream":true}"#.utf8)
    let response = await api.respond(
      to: HTTPRequest(
        method: "POST", path: "/v1/chat/completions", headers: ["content-type": "application/json"], body: body))
    guard case .stream(let write) = response.body else { return #expect(Bool(false), "expected a stream") }
    await #expect(throws: Gone.self) { try await write(Impatient()) }
    #expect(server.metrics.failures.value("cancelled") == 1)
    #expect(server.metrics.requests.value("auto", "thinking", "stop") == 0)
    #expect(server.metrics.tokens.value("answer", "auto", "thinking") == 0)
  }

  @Test(.timeLimit(.minutes(10))) func `a failed write ends the stream and counts as cancelled`() async throws {
    struct Gone: Error {}
    struct Broken: HTTPBodyWriter { func write(_ bytes: [UInt8]) async throws { throw Gone() } }
    let server = TestServer()
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: FakeEngine([.hang]), metrics: server.metrics,
      log: JSONLog { _ in })
    let body = Array(#"{"messages":[{"role":"user","content":"x"}],"stream":true}"#.utf8)
    let response = await api.respond(
      to: HTTPRequest(
        method: "POST", path: "/v1/chat/completions", headers: ["content-type": "application/json"], body: body))
    guard case .stream(let write) = response.body else { return #expect(Bool(false), "expected a stream") }
    await #expect(throws: Gone.self) { try await write(Broken()) }
    #expect(server.metrics.failures.value("cancelled") == 1 && server.metrics.failures.value("inference") == 0)
  }
}
