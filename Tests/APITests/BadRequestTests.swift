import API
import HTTP
import JSON
import Synchronization
import Telemetry
import Testing

/// An invalid request and its error.
struct Bad: Sendable, CustomTestStringConvertible {
  var body: String
  var status: Int
  var param: String?
  /// A part of the error message.
  var says: String
  var testDescription: String { String(body.prefix(100)) }

  /// A request with a valid message and `fields`.
  static func field(_ fields: String, _ param: String?, _ says: String, _ status: Int = 400) -> Bad {
    Bad(body: #"{"messages":[{"role":"user","content":"hi"}],\#(fields)}"#, status: status, param: param, says: says)
  }
  static func message(_ message: String, _ param: String?, _ says: String, _ status: Int = 400) -> Bad {
    Bad(body: #"{"messages":[\#(message)]}"#, status: status, param: param, says: says)
  }
  static func image(_ url: String, _ says: String, _ status: Int = 400) -> Bad {
    message(
      #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"\#(url)"}}]}"#,
      "messages[0].content[0].image_url.url", says, status)
  }

  static let bodies: [Bad] = [
    Bad(body: "", status: 400, says: "not valid JSON"),
    Bad(body: "{", status: 400, says: "byte 1"),
    Bad(body: #"{"messages":[],"messages":[]}"#, status: 400, says: "not valid JSON"),
    Bad(body: String(repeating: "[", count: 100), status: 400, says: "at most 64 deep"),
    Bad(body: "[]", status: 400, says: "must be a JSON object, got array"),
    Bad(body: "{}", status: 400, param: "messages", says: "is required"),
    Bad(body: #"{"messages":null}"#, status: 400, param: "messages", says: "is required"),
    Bad(body: #"{"messages":"hi"}"#, status: 400, param: "messages", says: "must be an array, got string"),
    Bad(body: #"{"messages":[]}"#, status: 400, param: "messages", says: "at least one message"),
  ]
  static let fields: [Bad] = [
    .field(#""model":"gpt-4o""#, "model", "No model of this name", 404),
    .field(#""model":7"#, "model", "must be a string"),
    .field(#""temperature":-0.1"#, "temperature", "between 0 and 2, got -0.1"),
    .field(#""temperature":2.5"#, "temperature", "between 0 and 2, got 2.5"),
    .field(#""temperature":"1""#, "temperature", "must be a number, got string"),
    .field(#""top_p":1.01"#, "top_p", "between 0 and 1"), .field(#""top_p":-1"#, "top_p", "between 0 and 1"),
    .field(#""top_k":-2"#, "top_k", "between -1 and"), .field(#""top_k":1.5"#, "top_k", "must be an integer, got 1.5"),
    .field(#""top_k":99999999999999999999"#, "top_k", "must be an integer"),
    .field(#""min_p":2"#, "min_p", "between 0 and 1"),
    .field(#""presence_penalty":-2.1"#, "presence_penalty", "between -2 and 2"),
    .field(#""frequency_penalty":3"#, "frequency_penalty", "between -2 and 2"),
    .field(#""repetition_penalty":0"#, "repetition_penalty", "between 0.01 and 10"),
    .field(#""seed":1.5"#, "seed", "integer"), .field(#""seed":"x""#, "seed", "must be an integer, got string"),
    .field(#""n":0"#, "n", "between 1 and 8, got 0"), .field(#""n":9"#, "n", "between 1 and 8, got 9"),
    .field(#""n":-9223372036854775808"#, "n", "between 1 and 8"),
    .field(#""n":true"#, "n", "must be an integer, got boolean"),
    .field(#""max_tokens":0"#, "max_tokens", "between 1 and"),
    .field(#""max_completion_tokens":-5"#, "max_completion_tokens", "between 1"),
    .field(#""max_completion_tokens":1e30"#, "max_completion_tokens", "must be an integer"),
    .field(#""max_tokens":5,"max_completion_tokens":6"#, "max_tokens", "contradicts max_completion_tokens (6)"),
    .field(#""stop":5"#, "stop", "a string or an array"), .field(#""stop":"""#, "stop", "must not be empty"),
    .field(#""stop":["a","b","c","d","e"]"#, "stop", "at most 4 elements, got 5"),
    .field(#""stop":["a",1]"#, "stop[1]", "string"),
    .field("\"stop\":\"\(String(repeating: "x", count: 257))\"", "stop", "at most 256 bytes, got 257"),
    .field(#""logprobs":1"#, "logprobs", "must be a boolean, got number"),
    .field(#""logprobs":true,"top_logprobs":21"#, "top_logprobs", "between 0 and 20, got 21"),
    .field(#""top_logprobs":3"#, "top_logprobs", "requires logprobs"),
    .field(#""logit_bias":[1]"#, "logit_bias", "an object"),
    .field(#""logit_bias":{"1000":1}"#, "logit_bias.1000", "must name a token id"),
    .field(#""logit_bias":{"-1":1}"#, "logit_bias.-1", "must name a token id"),
    .field(#""logit_bias":{"hello":1}"#, "logit_bias", "token ids"),
    .field(#""logit_bias":{"01":1}"#, "logit_bias", "token ids"),
    .field(#""logit_bias":{"5":101}"#, "logit_bias.5", "between -100 and 100"),
    .field(#""logit_bias":{"5":null}"#, "logit_bias.5", "required"),
    .field(#""stream":"yes""#, "stream", "boolean"),
    .field(#""stream_options":{}"#, "stream_options", "requires stream"),
    .field(#""stream":true,"stream_options":{"include_usage":1}"#, "stream_options.include_usage", "boolean"),
    .field(
      #""stream":true,"stream_options":{"include_usages":true}"#, "stream_options.include_usages", "mean include_usage"),
    .field(#""response_format":"json""#, "response_format", "an object"),
    .field(#""response_format":{}"#, "response_format.type", "is required"),
    .field(#""response_format":{"type":"xml"}"#, "response_format.type", "must be one of"),
    .field(#""response_format":{"type":"json_schema"}"#, "response_format.json_schema", "is required"),
    .field(
      #""response_format":{"type":"json_schema","json_schema":{"schema":{}}}"#, "response_format.json_schema.name",
      "is required"),
    .field(
      #""response_format":{"type":"json_schema","json_schema":{"name":"a b","schema":{}}}"#,
      "response_format.json_schema.name", "letters, digits"),
    .field(
      #""response_format":{"type":"json_schema","json_schema":{"name":"a"}}"#, "response_format.json_schema.schema",
      "is required"),
    .field(#""tools":[{"type":"function"}]"#, "tools[0].function", "is required"),
    .field(#""tools":[{"type":"code_interpreter"}]"#, "tools[0].type", "must be one of function"),
    .field(#""tools":[7]"#, "tools[0]", "must be an object"),
    .field(#""tools":[{"type":"function","function":{"name":""}}]"#, "tools[0].function.name", "1 to 64"),
    .field(
      #""tools":[{"type":"function","function":{"name":"f","parameters":[]}}]"#, "tools[0].function.parameters",
      "an object"),
    .field(
      #""tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"f"}}]"#,
      "tools[1].function.name", "earlier tool"),
    .field(
      #""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"g"}}"#,
      "tool_choice.function.name", "must be the name of one"),
    .field(
      #""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function"}"#,
      "tool_choice.name", "is required"),
    .field(#""tools":{}"#, "tools", "must be an array"),
    .field(#""tool_choice":"required""#, "tool_choice", "tools is empty"),
    .field(#""tool_choice":"always""#, "tool_choice", "must be one of none, auto, required"),
    .field(#""parallel_tool_calls":0"#, "parallel_tool_calls", "boolean"), .field(#""user":1"#, "user", "string"),
    .field(#""metadata":[]"#, "metadata", "an object"),
    .field(#""max_token":5"#, "max_token", "did you mean max_tokens"),
    .field(#""temprature":1"#, "temprature", "mean temperature"),
    .field(#""topP":1"#, "topP", "mean top_p"), .field(#""maxTokens":1"#, "maxTokens", "mean max_tokens"),
    .field(#""thinkingMode":"auto""#, "thinkingMode", "mean thinking_mode"),
    .field(#""tool":[]"#, "tool", "mean tools"),
    .field(#""steam":true"#, "steam", "mean stream"), .field(#""think-bias":1"#, "think-bias", "mean think_bias"),
  ]
  static let modes: [Bad] = [
    .field(#""thinking_mode":"maybe""#, "thinking_mode", "must be one of auto, long"),
    .field(#""thinking_mode":1"#, "thinking_mode", "string"),
    .field(#""enable_thinking":"true""#, "enable_thinking", "boolean"),
    .field(
      #""chat_template_kwargs":{"tokenize":false}"#, "chat_template_kwargs",
      "accepts only thinking_mode and enable_thinking"),
    .field(#""chat_template_kwargs":{"thinking_mode":"x"}"#, "chat_template_kwargs.thinking_mode", "must be one of"),
    .field(#""thinking":{}"#, "thinking.type", "required"),
    .field(#""thinking":{"type":"on"}"#, "thinking.type", "must be one of enabled"),
    .field(#""thinking":{"type":"enabled","budget_tokens":-2}"#, "thinking.budget_tokens", "between -1 and"),
    .field(#""thinking":{"type":"disabled","budget_tokens":9}"#, "thinking.budget_tokens", "type disables it"),
    .field(
      #""thinking":{"type":"enabled","budget_tokens":9},"thinking_budget":8"#, "thinking_budget",
      "(8) contradicts thinking.budget_tokens (9)"),
    .field(#""thinking_budget":5,"thinking_token_budget":6"#, "thinking_token_budget", "contradicts thinking_budget"),
    .field(#""thinking":true"#, "thinking", "an object"),
    .field(#""reasoning_effort":"huge""#, "reasoning_effort", "must be one of none"),
    .field(
      #""thinking_mode":"long","enable_thinking":false"#, "enable_thinking",
      "asks for mode short, but thinking_mode asks for long"),
    .field(#""enable_thinking":true,"reasoning_effort":"none""#, "reasoning_effort", "asks for mode short"),
    .field(#""thinking":{"type":"adaptive"},"reasoning_effort":"high""#, "reasoning_effort", "asks for mode long"),
    .field(#""thinking_budget":"5""#, "thinking_budget", "must be an integer"),
    .field(#""thinking_token_budget":0.5"#, "thinking_token_budget", "must be an integer"),
    .field(#""thinking_budget_tokens":-7"#, "thinking_budget_tokens", "between -1 and"),
    .field(#""answer_reserve":-1"#, "answer_reserve", "between 0 and"),
    .field(#""think_bias":101"#, "think_bias", "between -100 and 100"),
    .field(#""think_bias":1,"thinking_mode":"long""#, "think_bias", "mode auto only, but thinking_mode asks for long"),
    .field(#""think_threshold":1.5"#, "think_threshold", "between 0 and 1"),
    .field(#""think_threshold":0.5,"enable_thinking":false"#, "think_threshold", "mode auto only"),
    .field(#""think_threshold":0.5,"think_bias":1"#, "think_threshold", "replaces think_bias"),
  ]
  static let messages: [Bad] = [
    .message("7", "messages[0]", "must be an object, got number"), .message("{}", "messages[0].role", "is required"),
    .message(#"{"role":"robot","content":"x"}"#, "messages[0].role", "must be one of system, developer"),
    .message(#"{"role":"user"}"#, "messages[0].content", "is required"),
    .message(#"{"role":"user","content":5}"#, "messages[0].content", "array of parts"),
    .message(#"{"role":"user","content":[]}"#, "messages[0].content", "at least one part"),
    .message(#"{"role":"user","content":["x"]}"#, "messages[0].content[0]", "must be an object"),
    .message(#"{"role":"user","content":[{"text":"x"}]}"#, "messages[0].content[0].type", "is required"),
    .message(#"{"role":"user","content":[{"type":"text"}]}"#, "messages[0].content[0].text", "is required"),
    .message(
      #"{"role":"user","content":[{"type":"input_audio"}]}"#, "messages[0].content[0].type", "must be text, image_url"),
    .message(
      #"{"role":"system","content":[{"type":"image_url","image_url":{"url":"x"}}]}"#, "messages[0].content[0].type",
      "only user"),
    .message(#"{"role":"user","content":[{"type":"image_url"}]}"#, "messages[0].content[0].image_url", "is required"),
    .message(
      #"{"role":"user","content":[{"type":"image_url","image_url":{}}]}"#, "messages[0].content[0].image_url.url",
      "is required"),
    .message(
      #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA","detail":"fine"}}]}"#,
      "messages[0].content[0].image_url.detail", "must be one of auto"),
    .message(
      #"{"role":"user","content":"x"},{"role":"tool","content":"x"}"#, "messages[1].tool_call_id", "is required"),
    .message(
      #"{"role":"user","content":"x","tool_calls":[{"type":"function","function":{"name":"f","arguments":""}}]}"#,
      "messages[0].tool_calls", "assistant"),
    .message(#"{"role":"user","content":"x","reasoning_content":"y"}"#, "messages[0].reasoning_content", "assistant"),
    .message(
      #"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f"}}]}"#,
      "messages[0].tool_calls[0].function.arguments", "required"),
    .message(#"{"role":"user","contnet":"x"}"#, "messages[0].contnet", "mean content"),
    .image("https://example.com/a.png", "does not fetch remote images"),
    .image("HTTP://example.com/a.png", "does not fetch"),
    .image("file:///etc/passwd", "does not read file"), .image("/etc/passwd", "must be a data: URI"),
    .image("", "must be a data: URI"),
    .image("data:image/png;base64", "must have a comma"),
    .image("data:image/png;base64,A*AA", "not valid base64"), .image("data:image/png;base64,AAAAA", "not valid base64"),
    .image("data:image/png;base64,AA=A", "not valid base64"), .image("data:image/png;base64,", "is empty"),
    .image("data:image/png,%4", "not valid percent"),
    .image("data:image/png;base64," + String(repeating: "A", count: 2000), "at most 1000", 413),
  ]
}

@Suite struct `Invalid requests` {
  @Test(arguments: Bad.bodies + Bad.fields + Bad.modes + Bad.messages)
  func `the error has status, field and reason`(bad: Bad) async throws {
    var server = TestServer()
    server.configuration.limits.imageBytes = 1000
    let answer = try await server.post(bad.body)
    #expect(answer.status == bad.status)
    let error = try #require(answer.json["error"]?.object)
    #expect(error.names == ["message", "type", "param", "code"])
    #expect(error["param"] == (bad.param.map(JSONValue.string) ?? .null))
    #expect(error["message"]?.string?.contains(bad.says) == true, "\(error["message"]?.string ?? "")")
    #expect(server.engine.requests.withLock { $0.isEmpty })
    #expect(answer.headers["x-request-id"] != nil)
    if bad.status != 404 { #expect(server.metrics.failures.value("validation") == 1) }
  }

  @Test func `requests over the limits of images, messages and tool calls are rejected`() async throws {
    var server = TestServer()
    (server.configuration.limits.images, server.configuration.limits.messages) = (1, 2)
    let part = #"{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}"#
    let images = try await server.post(#"{"messages":[{"role":"user","content":[\#(part),\#(part)]}]}"#)
    #expect(images.json["error"]?["code"] == "too_many_images")
    #expect(images.json["error"]?["param"] == "messages[0].content[1]")
    let message = #"{"role":"user","content":"x"}"#
    let messages = try await server.post(#"{"messages":[\#(message),\#(message),\#(message)]}"#)
    #expect(messages.json["error"]?["message"]?.string?.contains("at most 2 elements, got 3") == true)
  }

  @Test(arguments: [nil, "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"])
  func `a body that is not JSON is rejected with 415`(type: String?) async throws {
    let answer = try await TestServer().post("{}", headers: ["content-type": type ?? ""])
    #expect(answer.status == 415)
  }

  @Test(arguments: ["gzip", "GZIP", "br", "identity, gzip", "gzip, identity", "identity,", "ıdentity"])
  func `a body with a content coding is rejected with 415, naming the header`(coding: String) async throws {
    let answer = try await TestServer().post("\u{1F}\u{8B}", headers: ["content-encoding": coding])
    #expect(answer.status == 415)
    #expect(answer.json["error"]?["param"] == "Content-Encoding")
    #expect(answer.json["error"]?["message"]?.string?.contains("Content-Encoding must be identity") == true)
    #expect(answer.headers["accept-encoding"] == "identity")
  }

  @Test func `a content coding is rejected at the head, before the body arrives`() {
    let request = HTTPRequest(
      method: "POST", path: "/v1/chat/completions", headers: ["host": "a", "content-encoding": "gzip"])
    guard case .respond(let response) = TestServer().api(JSONLog { _ in }).admit(request, true) else {
      return #expect(Bool(false), "expected a response")
    }
    #expect(response.status == 415)
  }

  @Test func `identity coding and a byte order mark are accepted`() async throws {
    let body = "\u{FEFF}" + #"{"messages":[{"role":"user","content":"Hi"}]}"#
    #expect(try await TestServer().post(body, headers: ["content-encoding": " Identity "]).status == 200)
  }

  @Test func `a body over the limit is rejected with 413`() async throws {
    var server = TestServer()
    server.configuration.limits.bodyBytes = 10
    #expect(try await server.chat().status == 413)
  }
}
