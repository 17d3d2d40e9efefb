import API
import Chat
import JSON
import Testing

/// Decodes messages; throws if they are rejected.
private func decoded(_ messages: String) throws -> ReplyRequest {
  let body = try JSONValue(parsing: #"{"messages":[\#(messages)]}"#)
  return try ChatCompletionsCodec(body: body, configuration: TestServer().configuration).request
}

/// The texts of a message's parts.
private func texts(_ message: Conversation.Message) -> [String] {
  message.parts.map { if case .text(let text) = $0 { text } else { "image" } }
}

@Suite struct `Messages of earlier turns` {
  static let call = #"{"id":"c","type":"function","function":{"name":"f","arguments":"{}"}}"#

  @Test(arguments: [
    #""content":null"#, #""content":[]"#, #""refusal":null"#, #""content":null,"refusal":null,"tool_calls":null"#,
    #""content":"","tool_calls":[]"#, #""content":null,"function_call":null,"audio":null,"annotations":[]"#,
    #""content":[],"name":null,"reasoning_content":null,"reasoning":null,"tool_call_id":null"#,
  ])
  func `an assistant message may be empty`(members: String) throws {
    let user = #"{"role":"user","content":"hi"}"#
    let request = try decoded("\(user),{\"role\":\"assistant\",\(members)},\(user)")
    #expect(request.messages.map(\.role) == [.user, .assistant, .user])
    #expect(texts(request.messages[1]).joined().isEmpty)
    #expect(request.ignored.header() == nil)
  }

  @Test(arguments: [#""content":null,"#, #""content":[],"#, ""])
  func `calls, thoughts and refusals need no content`(content: String) throws {
    let calls = try decoded(#"{"role":"assistant",\#(content)"tool_calls":[\#(Self.call)]}"#).messages[0]
    #expect(calls.parts.isEmpty && calls.toolCalls.count == 1)
    let thought = try decoded(#"{"role":"assistant",\#(content)"reasoning_content":"so"}"#).messages[0]
    #expect(thought.parts.isEmpty && thought.reasoning == "so")
    let refusal = try decoded(#"{"role":"assistant",\#(content)"refusal":"no"}"#).messages[0]
    #expect(texts(refusal) == ["no"])
  }

  @Test(arguments: ["user", "system", "developer", "tool"], ["", #","content":null"#, #","content":[]"#])
  func `other messages require content`(role: String, content: String) throws {
    let error = #expect(throws: APIError.self) {
      try decoded(#"{"role":"\#(role)","tool_call_id":"c"\#(content)}"#)
    }
    #expect(error?.status == 400 && error?.param == "messages[0].content")
    #expect(try decoded(#"{"role":"\#(role)","tool_call_id":"c","content":""}"#).messages[0].parts.count == 1)
  }

  @Test(arguments: [
    "", #""logprobs":true"#, #""tools":[{"type":"function","function":{"name":"f"}}]"#,
    #""thinking_mode":"short""#,
  ])
  func `a reply of this server is valid as an earlier message`(fields: String) async throws {
    var server = TestServer()
    if fields.contains("tools") {
      server.engine = FakeEngine(tokens: [Fake.close, Fake.call, Fake.arguments, Fake.end])
    }
    let answer = try await server.chat(fields)
    let message = try #require(answer.json["choices"]?.array?.first?["message"])
    let again = try decoded(String(decoding: message.encoded, as: UTF8.self))
    #expect(again.ignored.header() == nil)
    #expect(again.messages[0].toolCalls.isEmpty == !fields.contains("tools"))
    // A streaming client keeps the index of each call; the server lists it as ignored.
    let streamed = Self.call.replacing(#"{"id""#, with: #"{"index":0,"id""#)
    let told = try decoded(#"{"role":"assistant","content":null,"tool_calls":[\#(streamed)],"thinking":{}}"#).ignored
    #expect(told.header() == "messages[].tool_calls[].index, messages[].thinking")
  }

  @Test func `audio and annotations are ignored and listed`() throws {
    let message = #"{"role":"assistant","content":null,"audio":{"id":"a"},"annotations":[{"type":"url_citation"}]}"#
    #expect(try decoded(message).ignored.header() == "messages[].audio, messages[].annotations")
  }

  @Test func `function_call and function messages become calls and results`() throws {
    let request = try decoded(
      #"{"role":"assistant","content":null,"function_call":{"name":"f","arguments":"{\"a\":1}"}},"#
        + #"{"role":"function","name":"f","content":"2"},{"role":"function","name":"f","content":null}"#)
    let call = try #require(request.messages[0].toolCalls.first)
    #expect(call["type"] == "function" && call["function"]?["name"] == "f")
    #expect(call["function"]?["arguments"] == #"{"a":1}"#)
    #expect(request.messages[1].role == .tool && request.messages[1].toolCallID == call["id"]?.string)
    #expect(texts(request.messages[1]) == ["2"] && request.messages[2].parts.isEmpty)
  }

  @Test func `arguments may be an object, and a call's type may be missing`() throws {
    let call = #"{"function":{"name":"f","arguments":{"a":[1,"x"]}}}"#
    let message = try decoded(#"{"role":"assistant","tool_calls":[\#(call)]}"#).messages[0]
    #expect(message.toolCalls.first?["function"]?["arguments"] == #"{"a":[1,"x"]}"#)
    #expect(message.toolCalls.first?["type"] == "function")
  }

  @Test func `tool messages may contain images, instructions may not`() throws {
    let parts = #"[{"type":"text","text":"x"},{"type":"image_url","image_url":{"url":"data:;base64,AAEC"}}]"#
    let message = try decoded(#"{"role":"tool","tool_call_id":"c","content":\#(parts)}"#).messages[0]
    #expect(texts(message) == ["x", "image"])
    for role in ["system", "developer", "assistant"] {
      let error = #expect(throws: APIError.self) { try decoded(#"{"role":"\#(role)","content":\#(parts)}"#) }
      #expect(error?.param == "messages[0].content[1].type")
    }
  }

  @Test func `the items of a response are valid as input`() async throws {
    let server = TestServer()
    let answer = try await server.post(to: "/v1/responses", #"{"input":"hi"}"#)
    var items = try #require(answer.json["output"]?.array)
    items.append(["role": "user", "content": "on"])
    let body: JSONValue = ["input": .array(items)]
    let request = try ResponsesCodec(body: body, configuration: server.configuration).request
    #expect(request.messages.map(\.role) == [.assistant, .user])
    #expect(request.messages[0].reasoning != nil && request.ignored.header() == nil)
  }

  @Test func `input items may be empty and may contain images`() throws {
    let image = #"{"type":"input_image","detail":"original","image_url":"data:image/png;base64,AAEC"}"#
    let body = try JSONValue(
      parsing: #"{"input":[{"role":"user","content":"x"},{"role":"assistant","content":[]},"#
        + #"{"type":"function_call","call_id":"c","name":"f","arguments":"{}","id":"1","status":"completed"},"#
        + #"{"type":"function_call_output","call_id":"c","output":[\#(image)],"status":null}]}"#)
    let request = try ResponsesCodec(body: body, configuration: TestServer().configuration).request
    #expect(request.messages.map(\.role) == [.user, .assistant, .tool])
    #expect(texts(request.messages[2]) == ["image"] && request.ignored.header() == nil)
  }
}
