import API
import Basics
import Chat
import GenerationTypes
import HTTP
import Imaging
import JSON
import Scheduling
import Synchronization
import Telemetry
import Testing

@Suite struct `Chat completions` {
  @Test func `a reply has message, usage, thinking and timings`() async throws {
    let answer = try await TestServer().chat()
    #expect(answer.status == 200)
    #expect(answer.headers["content-type"] == "application/json")
    let json = answer.json
    #expect(
      json.object?.names == ["id", "object", "created", "model", "choices", "usage", "thinking", "timings"])
    #expect(json["id"]?.string?.hasPrefix("chatcmpl-") == true)
    #expect(json["object"] == "chat.completion")
    let choice = try #require(json["choices"]?.array?.first)
    #expect(
      choice == [
        "index": 0,
        "message": [
          "role": "assistant", "content": "w200 w201 w202 ", "refusal": nil, "reasoning_content": "w100 w101 ",
        ],
        "logprobs": nil, "finish_reason": "stop",
      ])
    #expect(
      json["usage"] == [
        "prompt_tokens": 3, "completion_tokens": 8, "total_tokens": 11,
        "prompt_tokens_details": ["text_tokens": 3, "image_tokens": 0, "cached_tokens": 1],
        "completion_tokens_details": ["reasoning_tokens": 2, "text_tokens": 3],
      ])
    #expect(
      json["thinking"] == [
        "requested_mode": "auto", "mode": "thinking", "p_think": 0.75, "thinking_tokens": 2, "control_tokens": 3,
        "answer_tokens": 3, "stop": "natural",
      ])
    let timings = try #require(json["timings"])
    #expect(
      timings.object?.names == [
        "queue_ms", "image_ms", "prefill_ms", "first_token_ms", "first_answer_token_ms", "decode_ms",
      ])
    #expect(timings["queue_ms"]?.double == 1 && timings["prefill_ms"]?.double == 2 && timings["image_ms"]?.double == 0)
    let first = try #require(timings["first_token_ms"]?.double)
    #expect(try #require(timings["first_answer_token_ms"]?.double) >= first)
  }

  @Test(arguments: [
    (ReasoningField.reasoningContent, ["reasoning_content"]), (.reasoning, ["reasoning"]),
    (.both, ["reasoning_content", "reasoning"]),
  ])
  func `the thought has the configured field names`(field: ReasoningField, names: [String]) async throws {
    var server = TestServer()
    server.configuration.reasoningField = field
    let message = try #require(try await server.chat().json["choices"]?.array?.first?["message"]?.object)
    #expect(message.names == ["role", "content", "refusal"] + names)
    #expect(names.allSatisfy { message[$0] == "w100 w101 " })
    let deltas = try await server.chat(#""stream":true"#).chunks.compactMap {
      $0["choices"]?.array?.first?["delta"]?.object
    }
    let thoughts = deltas.filter { $0["role"] == nil && $0["content"] == nil && $0.count > 0 }
    #expect(thoughts.count == 2 && thoughts.allSatisfy { $0.names == names })
    #expect(names.allSatisfy { thoughts.first?[$0] == "w100 " })
  }

  @Test func `a thought that reaches the token limit ends with stop length`() async throws {
    var server = TestServer()
    server.engine = FakeEngine(tokens: [100, 101], finish: .length)
    let json = try await server.chat().json
    #expect(json["choices"]?.array?.first?["finish_reason"] == "length")
    #expect(json["choices"]?.array?.first?["message"]?["content"] == "")
    #expect(json["thinking"]?["stop"] == "length")
    #expect(json["timings"]?["first_answer_token_ms"] == .null)
    #expect(server.metrics.thinkingClosed.value("length") == 1)
  }

  @Test func `every sampling field reaches the engine`() async throws {
    let server = TestServer()
    let fields = """
      "temperature":0.5,"top_p":0.25,"top_k":7,"min_p":0.125,"presence_penalty":-1,"frequency_penalty":1.5,
      "repetition_penalty":1.25,"seed":-1,"logprobs":true,"top_logprobs":4,"logit_bias":{"5":-100,"999":2.5},"max_tokens":9,
      "user":"u","metadata":{"a":"b"},"response_format":{"type":"text"},"parallel_tool_calls":true,"tool_choice":"none",
      "tools":[{"type":"function","function":{"name":"f"}}],"stop":null
      """
    #expect(try await server.chat(fields).status == 200)
    let request = try #require(server.engine.requests.withLock { $0.first })
    let sampling = request.sampling
    #expect(sampling.temperature == 0.5 && sampling.topP == 0.25 && sampling.topK == 7 && sampling.minP == 0.125)
    #expect(sampling.presencePenalty == -1 && sampling.frequencyPenalty == 1.5 && sampling.repetitionPenalty == 1.25)
    #expect(sampling.seed == .max && sampling.topLogprobs == 4 && sampling.logitBias == [5: -100, 999: 2.5])
    #expect(request.maxTokens == 9 && request.decides)
    #expect(server.chat.seen.withLock { $0.first?.answer == AnswerForm() } == true)
  }

  @Test func `defaults apply to absent fields, and the default limit shrinks to the context`() async throws {
    var server = TestServer()
    server.configuration.defaults.sampling.temperature = 0.75
    server.configuration.defaults.mode = .short
    _ = try await server.chat()
    let request = try #require(server.engine.requests.withLock { $0.first })
    #expect(request.sampling.temperature == 0.75 && request.sampling.topLogprobs == nil)
    #expect(request.maxTokens == 4096 - 3)
    #expect(server.chat.seen.withLock { $0.first?.mode } == .short)
  }

  @Test func `messages are decoded with roles, parts, thoughts and calls`() async throws {
    let server = TestServer()
    let call = #"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#
    let body = #"""
      {"messages":[{"role":"developer","content":"d"},
      {"role":"user","name":"bob","content":[{"type":"text","text":"t"},
        {"type":"image_url","image_url":{"url":"data:image/png;base64,AQID","detail":"low"}},
        {"type":"input_image","image_url":"data:image/jpeg;base64,BAU=","detail":"auto"}]},
      {"role":"assistant","content":null,"refusal":null,"reasoning":"r","tool_calls":[\#(call)],"annotations":[],"audio":null},
      {"role":"tool","tool_call_id":"c","content":[{"type":"text","text":"x"}]}]}
      """#
    let answer = try await server.post(body)
    #expect(answer.status == 200, "\(answer.text)")
    #expect(answer.headers["x-ignored-parameters"] == nil)
    let messages = try #require(server.chat.seen.withLock { $0.first?.messages })
    #expect(messages.map(\.role) == [.system, .user, .assistant, .tool])
    #expect(messages[1].name == "bob" && messages[2].reasoning == "r" && messages[3].toolCallID == "c")
    #expect(messages[2].toolCalls == [try JSONValue(parsing: call)])
    guard case .image(let first, let detail, let field) = messages[1].parts[1],
      case .image(let second, let other, let otherField) = messages[1].parts[2]
    else { return #expect(Bool(false), "expected two images") }
    #expect(first == [1, 2, 3] && detail == .low && field == "messages[1].content[1].image_url.url")
    #expect(second == [4, 5] && other == .high && otherField == "messages[1].content[2].image_url")
    #expect(answer.json["usage"]?["prompt_tokens_details"]?["image_tokens"] == 20)
  }

  @Test(arguments: [
    ("", ThinkingMode.auto), (#""thinking_mode":"auto""#, .auto), (#""thinking_mode":"long""#, .long),
    (#""thinking_mode":"on""#, .long),
    (#""thinking_mode":"thinking""#, .long), (#""thinking_mode":"non-thinking""#, .short),
    (#""thinking_mode":"off""#, .short),
    (#""chat_template_kwargs":{"thinking_mode":"short"}"#, .short),
    (#""chat_template_kwargs":{"enable_thinking":true}"#, .long),
    (#""enable_thinking":false"#, .short), (#""enable_thinking":null"#, .auto),
    (#""thinking":{"type":"enabled"}"#, .long),
    (#""thinking":{"type":"disabled"}"#, .short), (#""thinking":{"type":"adaptive"}"#, .auto),
    (#""reasoning_effort":"none""#, .short), (#""reasoning_effort":"low""#, .auto),
    (#""reasoning_effort":"medium""#, .auto),
    (#""reasoning_effort":"high""#, .long), (#""reasoning_effort":"xhigh""#, .long),
    (#""thinking_mode":"long","enable_thinking":true,"thinking":{"type":"enabled"},"reasoning_effort":"high""#, .long),
  ])
  func `every spelling selects its mode`(fields: String, mode: ThinkingMode) async throws {
    let server = TestServer()
    let answer = try await server.chat(fields)
    #expect(answer.json["thinking"]?["requested_mode"] == .string(mode.rawValue))
    #expect(server.chat.seen.withLock { $0.first?.mode } == mode)
    #expect(answer.headers["x-ignored-parameters"] == nil)
  }

  @Test func `fields without effect are listed in a header, unless a header cannot contain them`() async throws {
    let answer = try await TestServer().chat(
      #""service_tier":"auto","store":false,"min_tokens":3,"functions":[],"":1,"evil\r\nx":1,"enable_thinking":false,"thinking_budget":7"#
    )
    #expect(answer.status == 200)
    #expect(answer.headers["x-ignored-parameters"] == "store, min_tokens, functions, thinking_budget")
  }

  @Test func `log-probabilities list every generated token in order`() async throws {
    var server = TestServer()
    let tokens: [TokenID] = [100, Fake.close, Fake.half, Fake.otherHalf, Fake.end]
    server.engine = FakeEngine(tokens: tokens, logprobs: true)
    let fields = #""logprobs":true,"top_logprobs":1"#
    let whole = try await server.chat(fields).json["choices"]?.array?.first?["logprobs"]?["content"]?.array
    #expect(whole?.compactMap { $0["token"]?.string } == tokens.map { "w\($0)" })
    #expect(
      whole?.first == [
        "token": "w100", "logprob": -0.5, "bytes": [119, 49, 48, 48],
        "top_logprobs": [["token": "w100", "logprob": -0.5, "bytes": [119, 49, 48, 48]]],
      ])
    let chunks = try await server.chat(fields + #","stream":true"#).chunks
    let streamed = chunks.flatMap { $0["choices"]?.array?.first?["logprobs"]?["content"]?.array ?? [] }
    #expect(streamed == whole)
  }

  @Test func `n replies count the prompt once, derive their seeds and report their own thinking`() async throws {
    let server = TestServer()
    let json = try await server.chat(#""n":3,"seed":10"#).json
    #expect(json["choices"]?.array?.map { $0["index"] } == [0, 1, 2])
    #expect(json["choices"]?.array?.allSatisfy { $0["thinking"]?["thinking_tokens"] == 2 } == true)
    #expect(json["usage"]?["prompt_tokens"] == 3 && json["usage"]?["completion_tokens"] == 24)
    #expect(json["thinking"]?["thinking_tokens"] == 6)
    #expect(server.engine.requests.withLock { $0.map(\.sampling.seed) } == [10, 11, 12])
    #expect(server.metrics.tokens.value("prompt_text", "auto", "thinking") == 3)
    #expect(server.metrics.requests.value("auto", "thinking", "stop") == 3)
  }

  @Test func `service tier, key and shortness reach the engine`() async throws {
    var server = TestServer()
    server.configuration.replyTimeout = .seconds(10_000)
    server.configuration.keys.add("secret", name: "anna")
    for (fields, shown, isIdle, isShort) in [
      ("", nil, false, false), (#""service_tier":"flex","thinking_mode":"short""#, "flex", true, false),
      (#""thinking_mode":"short","max_tokens":256"#, nil, false, true),
      (#""n":2,"max_tokens":128"#, nil, false, true), (#""n":2,"max_tokens":129"#, nil, false, false),
      (#""service_tier":"auto","max_tokens":256"#, "default", false, true),
      (#""service_tier":"priority","max_tokens":257"#, "default", false, false),
    ] as [(String, JSONValue?, Bool, Bool)] {
      let body = #"{"messages":[{"role":"user","content":"one"}]"# + (fields.isEmpty ? "" : "," + fields) + "}"
      let answer = try await server.post(body, headers: ["authorization": "Bearer secret"])
      #expect(answer.json["service_tier"] == shown && answer.status == 200)
      let sent = try #require(server.engine.requests.withLock { $0.last })
      #expect(sent.serviceClass == (isIdle ? .batch : .interactive) && sent.isShort == isShort && sent.salt == "anna")
      let left = try #require(sent.deadline) - .now
      #expect(left > .seconds(5000) && left <= .seconds(10_000))
    }
    let wrong = try await server.post(
      #"{"messages":[{"role":"user","content":"one"}],"service_tier":"free"}"#,
      headers: ["authorization": "Bearer secret"])
    #expect(wrong.status == 400 && wrong.json["error"]?["param"] == "service_tier")
  }

  @Test func `the same options make the same engine request through every endpoint`() async throws {
    let options = #""temperature":0.5,"seed":3,"service_tier":"flex","think_bias":1"#
    var sent: [GenerationRequest] = []
    for (path, body) in [
      ("/v1/chat/completions", #"{"messages":[{"role":"user","content":"one"}],"max_tokens":9,\#(options)}"#),
      ("/v1/responses", #"{"input":"one","max_output_tokens":9,\#(options)}"#),
      ("/v1/completions", #"{"prompt":"one","max_tokens":9,\#(options)}"#),
    ] {
      let server = TestServer()
      #expect(try await server.post(to: path, body).status == 200)
      sent.append(try #require(server.engine.requests.withLock { $0.first }))
    }
    for request in sent {
      #expect(request.maxTokens == 9 && request.isShort && request.serviceClass == .batch)
      #expect(request.sampling.temperature == 0.5 && request.sampling.seed == 3)
      #expect(request.client == sent[0].client && request.salt.isEmpty && request.deadline == nil)
      #expect(request.prompt.tokens == [100])
    }
    #expect(sent.map(\.thought.bias) == [1, 1, 0], "raw completions do not think")
    #expect(sent.map(\.start) == [.insideThought, .insideThought, .plainText])
  }

  @Test func `a stop string ends the reply and cancels the engine's request`() async throws {
    var server = TestServer()
    server.engine = FakeEngine(
      [.prefilled] + [100, Fake.close, 200, 201, 202].map { .event(.token(GeneratedToken(id: $0))) } + [.hang])
    for fields in [#""stop":["w201"]"#, #""stop":"w201","stream":true"#] {
      let answer = try await server.chat(fields)
      #expect(answer.text.contains(#""finish_reason":"stop""#))
      #expect(!answer.text.contains("w201") && !answer.text.contains("w202"))
      #expect(answer.text.contains("w200 "))
      // The times are known although the engine's last events were not read.
      #expect(answer.text.contains(#""timings":{"queue_ms":1.0,"image_ms":0.0,"prefill_ms":2.0,"first_token_ms":"#))
    }
    #expect(server.metrics.queue.total().count == 2 && server.metrics.prefill.total().count == 2)
    #expect(server.metrics.tokens.value("prompt_cached", "auto", "thinking") == 2)
    #expect(server.engine.cancelled.withLock { $0 } == 2)
  }

  @Test func `reply, stream and metrics have the same counts for random replies`() async throws {
    var generator = SplitMix64(seed: 7)
    for _ in 0..<40 {
      let thought = Int.random(in: 0...5, using: &generator), answer = Int.random(in: 0...5, using: &generator)
      let isCut = Bool.random(using: &generator)
      var tokens = Array(repeating: TokenID(100), count: thought) + [Fake.blank, Fake.close]
      tokens += Array(repeating: 200, count: answer) + (isCut ? [] : [Fake.end])
      var server = TestServer()
      server.engine = FakeEngine(tokens: tokens, finish: isCut ? .length : .stop)
      let image = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#
      let body = #"{"messages":[{"role":"user","content":[{"type":"text","text":"a b"},\#(image)]}]"#
      let whole = try await server.post(body + "}").json
      let chunk = try #require(
        try await server.post(body + #","stream":true,"stream_options":{"include_usage":true}}"#).chunks.last)
      for json in [whole, chunk] {
        let usage = try #require(json["usage"]), thinking = try #require(json["thinking"])
        #expect(usage["prompt_tokens"] == 12)
        #expect(
          usage["prompt_tokens_details"]?["text_tokens"] == 2 && usage["prompt_tokens_details"]?["image_tokens"] == 10)
        #expect(usage["completion_tokens"]?.int == tokens.count)
        #expect(usage["total_tokens"]?.int == tokens.count + 12)
        #expect(usage["completion_tokens_details"]?["reasoning_tokens"]?.int == thought)
        #expect(thinking["thinking_tokens"]?.int == thought && thinking["answer_tokens"]?.int == answer)
        #expect(thinking["control_tokens"]?.int == tokens.count - thought - answer)
      }
      let mode = thought > 0 ? "thinking" : "non_thinking"
      for (kind, count) in [
        ("thinking", thought), ("answer", answer), ("control", tokens.count - thought - answer), ("prompt_text", 2),
        ("prompt_image", 10), ("prompt_cached", 1),
      ] {
        #expect(server.metrics.tokens.value(kind, "auto", mode) == 2 * count, "\(kind)")
      }
      #expect(server.metrics.interToken.total().count == 2 * (tokens.count - 1))
    }
  }

  @Test func `an admission error becomes 429, 400 or 503`() async throws {
    let cases: [(AdmissionError, Int, String?, String)] = [
      (.queueFull(limit: 4, retryAfter: .milliseconds(2500)), 429, "3", "queue_full"),
      (.tooLong(promptTokens: 10, maxTokens: 9000, limit: 4096), 400, nil, "context_length_exceeded"),
      (.shuttingDown, 503, "10", "shutting_down"),
    ]
    for (refusal, status, retry, code) in cases {
      var server = TestServer()
      server.engine = FakeEngine([], refusal: refusal)
      let answer = try await server.chat(#""max_tokens":9000,"stream":true"#)
      #expect(answer.status == status && answer.headers["retry-after"] == retry)
      #expect(answer.json["error"]?["code"] == .string(code))
      if status == 400 { #expect(answer.json["error"]?["param"] == "max_tokens") }
    }
  }

  @Test(arguments: [
    // The context holds 4096: the prompt is too long, fills it, or leaves too little.
    (5000, 1, "messages", "your messages resulted in 5000 tokens. Please reduce the length of the messages."),
    (4097, 9000, "messages", "your messages resulted in 4097 tokens. Please reduce the length of the messages."),
    (
      4096, 1, "messages",
      "you requested 4097 tokens (4096 in the messages, 1 in the completion). Please reduce the length of the messages or completion."
    ),
    (
      10, 9000, "max_tokens",
      "you requested 9010 tokens (10 in the messages, 9000 in the completion). Please reduce the length of the messages or completion."
    ),
  ])
  func `a context overflow has OpenAI's wording`(
    prompt: Int, reply: Int, param: String, says: String
  ) async throws {
    for (path, body, field) in [
      ("/v1/chat/completions", #""messages":[{"role":"user","content":"Hi"}],"max_tokens""#, "messages"),
      ("/v1/rollouts", #""messages":[{"role":"user","content":"Hi"}],"max_tokens""#, "messages"),
      ("/v1/responses", #""input":"Hi","max_output_tokens""#, "input"),
      ("/v1/completions", #""prompt":"Hi","max_tokens""#, "prompt"),
    ] {
      var server = TestServer()
      server.engine = FakeEngine([], refusal: .tooLong(promptTokens: prompt, maxTokens: reply, limit: 4096))
      for stream in path == "/v1/rollouts" ? ["false"] : ["false", "true"] {
        let answer = try await server.post(
          to: path, "{\(body):9000\(path == "/v1/rollouts" ? "" : ",\"stream\":\(stream)")}")
        let error = answer.json["error"]
        #expect(answer.status == 400 && error?["code"] == "context_length_exceeded", "\(answer.text)")
        let wanted =
          "This model's maximum context length is 4096 tokens. However, "
          + says.replacing("messages", with: field) + " (context_length_exceeded)"
        #expect(error?["message"] == .string(wanted))
        let isReply = param != "messages"
        #expect(
          error?["param"] == .string(isReply ? (field == "input" ? "max_output_tokens" : "max_tokens") : field))
      }
    }
  }

  @Test func `a context overflow separates image tokens from text tokens`() async throws {
    var server = TestServer()
    server.engine = FakeEngine([], refusal: .tooLong(promptTokens: 5011, maxTokens: 1, limit: 4096))
    let image = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#
    let answer = try await server.post(
      to: "/v1/chat/completions", #"{"messages":[{"role":"user","content":[\#(image)]}]}"#)
    #expect(answer.json["error"]?["message"]?.string?.contains("5011 tokens (5001 of text, 10 of images)") == true)
  }

  @Test func `an engine failure is 500 with an id, and its text appears in the log only`() async throws {
    var server = TestServer()
    server.engine = FakeEngine([
      .event(.token(GeneratedToken(id: 100))), .fail(GenerationError.inference("0xDEAD kaputt")),
    ])
    let answer = try await server.chat()
    #expect(answer.status == 500)
    let id = try #require(answer.headers["x-request-id"])
    #expect(answer.text.contains(id))
    #expect(!answer.text.contains("kaputt") && server.log.contains("kaputt"))
    #expect(server.metrics.failures.value("inference") == 1)
  }

  @Test func `a stream that ends without a finish event is a failure`() async throws {
    var server = TestServer()
    server.engine = FakeEngine([.fail(CancellationError())])
    #expect(try await server.chat().status == 499)
    struct Odd: Error {}
    server.chat = FakeChat(failure: Odd())
    #expect(try await server.chat().status == 500)
  }

  @Test(arguments: [
    (ChatError.template("roles must alternate"), 400, "messages", "roles must alternate"),
    (.image(field: "f", .unsupportedFormat), 415, "f", "must be PNG"),
    (.image(field: "f", .tooManyPixels(limit: 5, value: 6)), 413, "f", "at most 5 pixels, got 6"),
    (.image(field: "f", .undecodable(.png)), 422, "f", "damaged"),
    (.image(field: "f", .invalidProcessor("inner")), 500, "f", "cannot process images"),
    (
      .tooManyImageTokens(text: 2, images: 9, limit: 8), 400, "messages",
      "maximum context length is 8 tokens. However, your messages resulted in 11 tokens (2 of text, 9 of images). Please"
    ),
    (
      .tooLong(limit: 8), 400, "messages",
      "This model's maximum context length is 8 tokens. However, your messages resulted in more than 8 tokens. Please"
    ),
    (.imagesUnsupported(field: "f", model: "Smol"), 400, "f", "the model Smol does not accept images"),
  ])
  func `a chat error names its field`(
    error: ChatError, status: Int, param: String, says: String
  ) async throws {
    var server = TestServer()
    server.chat = FakeChat(failure: error)
    let answer = try await server.chat()
    #expect(answer.status == status && answer.json["error"]?["param"] == .string(param))
    #expect(answer.text.contains(says) && !answer.text.contains("inner"))
  }
}
