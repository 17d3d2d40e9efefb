import API
import HTTP
import JSON
import Testing

/// A request and the field that the server reports.
struct Unread: Sendable, CustomTestStringConvertible {
  var path = "/v1/chat/completions"
  var body: String
  /// The path of the field: without indices in the header, with indices in an error.
  var field: String
  var testDescription: String { "\(path) \(field)" }

  static func chat(_ members: String, _ field: String) -> Unread {
    Unread(body: #"{"messages":[{"role":"user","content":"hi"}],\#(members)}"#, field: field)
  }
  static func message(_ message: String, _ field: String) -> Unread {
    Unread(body: #"{"messages":[\#(message)]}"#, field: field)
  }
  static func part(_ part: String, _ field: String) -> Unread {
    message(#"{"role":"user","content":[{"type":"text","text":"x"},\#(part)]}"#, field)
  }
  static func response(_ members: String, _ field: String) -> Unread {
    Unread(path: "/v1/responses", body: "{\(members)}", field: field)
  }

  private static let url = #""url":"data:;base64,AAEC""#
  private static func tool(_ members: String, _ function: String = "") -> String {
    #""tools":[{"type":"function"\#(members),"function":{"name":"f"\#(function)}}]"#
  }

  static let ignored: [Unread] = [
    .chat(#""colour":1"#, "colour"), .chat(#""stream":true,"stream_options":{"colour":1}"#, "stream_options.colour"),
    .chat(#""thinking":{"type":"adaptive","display":"omitted"}"#, "thinking.display"),
    .chat(#""response_format":{"type":"text","colour":1}"#, "response_format.colour"),
    .chat(
      #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{},"colour":1}}"#,
      "response_format.json_schema.colour"),
    .chat(#""structured_outputs":{"regex":"a","backend":"x"}"#, "structured_outputs.backend"),
    .chat(#""guided_regex":"a","guided_decoding_backend":"outlines""#, "guided_decoding_backend"),
    .chat(tool(#","cache_control":{}"#), "tools[].cache_control"),
    .chat(tool("", #","returns":{}"#), "tools[].function.returns"),
    .chat(
      tool("") + #","tool_choice":{"type":"function","function":{"name":"f","colour":1}}"#,
      "tool_choice.function.colour"),
    .chat(
      tool("")
        + #","tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","colour":1,"tools":[{"type":"function","function":{"name":"f"}}]}}"#,
      "tool_choice.allowed_tools.colour"),
    .message(#"{"role":"user","content":"x","colour":1}"#, "messages[].colour"),
    .message(
      #"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","arguments":"","colour":1}}]}"#,
      "messages[].tool_calls[].function.colour"),
    .part(#"{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}"#, "messages[].content[].cache_control"),
    .part(#"{"type":"image_url","image_url":{\#(url)},"detail":"low"}"#, "messages[].content[].detail"),
    .part(#"{"type":"image_url","image_url":{\#(url),"format":"png"}}"#, "messages[].content[].image_url.format"),
    .part(#"{"type":"image_url","image_url":{\#(url),"colour":null}}"#, "messages[].content[].image_url.colour"),
    .response(#""input":"x","reasoning":{"effort":"none","colour":1}"#, "reasoning.colour"),
    .response(#""input":"x","reasoning":{"context":"auto"}"#, "reasoning.context"),
    .response(#""input":"x","text":{"colour":1}"#, "text.colour"),
    .response(#""input":"x","text":{"format":{"type":"text","colour":1}}"#, "text.format.colour"),
    .response(#""input":"x","tools":[{"type":"function","name":"f","defer_loading":true}]"#, "tools[].defer_loading"),
    .response(#""input":[{"role":"user","content":"x","colour":1}]"#, "input[].colour"),
    .response(
      #""input":[{"role":"user","content":[{"type":"input_text","text":"x","colour":1}]}]"#, "input[].content[].colour"),
    .response(
      #""input":[{"type":"function_call","call_id":"c","name":"f","arguments":"{}","namespace":"n"}]"#,
      "input[].namespace"),
    .response(#""input":[{"type":"function_call_output","call_id":"c","output":"1","colour":1}]"#, "input[].colour"),
    .response(
      #""input":[{"type":"reasoning","summary":[{"type":"summary_text","text":"x"}]},{"role":"user","content":"x"}]"#,
      "input[].summary"),
    Unread(path: "/v1/completions", body: #"{"prompt":"w1","guided_choice":["a"],"colour":1}"#, field: "colour"),
    Unread(path: "/tokenize", body: #"{"content":"w1","colour":1}"#, field: "colour"),
    Unread(path: "/detokenize", body: #"{"tokens":[1],"colour":1}"#, field: "colour"),
    Unread(
      path: "/v1/rollouts", body: #"{"messages":[{"role":"user","content":"x","colour":1}]}"#,
      field: "messages[].colour"),
    Unread(
      path: "/apply-template", body: #"{"messages":[{"role":"user","content":"x","colour":1}]}"#,
      field: "messages[].colour"),
  ]

  static let misspelt: [Unread] = [
    .chat(#""structured_output":{"regex":"a"}"#, "structured_output"), .chat(#""guidedJson":{}"#, "guidedJson"),
    .chat(#""guided_choices":["a"]"#, "guided_choices"),
    .chat(#""stream":true,"stream_options":{"includeUsage":true}"#, "stream_options.includeUsage"),
    .chat(#""thinking":{"type":"enabled","budget_token":5}"#, "thinking.budget_token"),
    .chat(#""chat_template_kwargs":{"enable_thinkin":true}"#, "chat_template_kwargs.enable_thinkin"),
    .chat(#""response_format":{"typ":"json_object"}"#, "response_format.typ"),
    .chat(#""response_format":{"type":"json_object","shema":{}}"#, "response_format.shema"),
    .chat(
      #""response_format":{"type":"json_schema","json_schema":{"name":"a","shcema":{}}}"#,
      "response_format.json_schema.shcema"),
    .chat(
      #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":{},"Strict":true}}"#,
      "response_format.json_schema.Strict"),
    .chat(#""structured_outputs":{"jsonObject":true}"#, "structured_outputs.jsonObject"),
    .chat(#""structured_outputs":{"choices":["a"]}"#, "structured_outputs.choices"),
    .chat(tool("", #","paramters":{"type":"object"}"#), "tools[0].function.paramters"),
    .chat(tool("", #","descriptoin":"x""#), "tools[0].function.descriptoin"),
    .chat(#""tools":[{"type":"function","funtion":{"name":"f"}}]"#, "tools[0].funtion"),
    .chat(tool("") + #","tool_choice":{"type":"function","functoin":{"name":"f"}}"#, "tool_choice.functoin"),
    .chat(
      tool("") + #","tool_choice":{"type":"allowed_tools","allowed_tool":{"mode":"auto","tools":[]}}"#,
      "tool_choice.allowed_tool"),
    .message(#"{"role":"user","content":"x","reasoning_contents":"y"}"#, "messages[0].reasoning_contents"),
    .message(#"{"rol":"user","content":"x"}"#, "messages[0].rol"),
    .message(#"{"role":"assistant","tool_call":[]}"#, "messages[0].tool_call"),
    .message(
      #"{"role":"assistant","tool_calls":[{"type":"function","function":{"name":"f","argument":"{}"}}]}"#,
      "messages[0].tool_calls[0].function.argument"),
    .part(#"{"type":"text","txt":"x"}"#, "messages[0].content[1].txt"),
    .part(#"{"type":"image_url","imageUrl":{\#(url)}}"#, "messages[0].content[1].imageUrl"),
    .part(#"{"type":"image_url","image_url":{\#(url),"details":"low"}}"#, "messages[0].content[1].image_url.details"),
    .response(#""input":"x","reasoning":{"efort":"low"}"#, "reasoning.efort"),
    .response(#""input":"x","text":{"formt":{"type":"json_object"}}"#, "text.formt"),
    .response(#""input":"x","text":{"format":{"type":"json_schema","name":"a","shema":{}}}"#, "text.format.shema"),
    .response(#""input":"x","tools":[{"type":"function","name":"f","paramters":{}}]"#, "tools[0].paramters"),
    .response(#""input":[{"role":"user","contents":"x"}]"#, "input[0].contents"),
    .response(#""input":[{"type":"function_call","callId":"c","name":"f","arguments":""}]"#, "input[0].callId"),
    .response(#""input":[{"type":"function_call_output","call_id":"c","ouput":"x"}]"#, "input[0].ouput"),
    Unread(
      path: "/v1/completions", body: #"{"prompt":"w1","stream":true,"stream_options":{"include_usag":true}}"#,
      field: "stream_options.include_usag"),
    Unread(
      path: "/v1/rollouts", body: #"{"messages":[{"role":"user","content":"x","nmae":"y"}]}"#, field: "messages[0].nmae"
    ),
  ]
}

@Suite struct `Unread members` {
  @Test(arguments: Unread.ignored)
  func `unread members are listed by path`(unread: Unread) async throws {
    let answer = try await TestServer().post(to: unread.path, unread.body)
    #expect(answer.status == 200, "\(answer.text)")
    #expect(answer.headers["x-ignored-parameters"] == unread.field)
  }

  @Test(arguments: Unread.misspelt)
  func `misspelt members are errors with their path`(unread: Unread) async throws {
    let answer = try await TestServer().post(to: unread.path, unread.body)
    #expect(answer.status == 400, "\(answer.text)")
    #expect(answer.json["error"]?["param"] == .string(unread.field))
    #expect(answer.json["error"]?["code"] == "unknown_parameter")
  }

  @Test func `schemas and metadata are not searched for misspellings`() async throws {
    let schema = #"{"type":"object","properties":{"colour":{"tpye":"x"}},"paramters":1}"#
    let answer = try await TestServer().chat(
      #""metadata":{"modle":"x"},"tools":[{"type":"function","function":{"name":"f","parameters":\#(schema)}}],"#
        + #""response_format":{"type":"json_schema","json_schema":{"name":"a","schema":\#(schema)}}"#)
    #expect(answer.status == 200 && answer.headers["x-ignored-parameters"] == nil, "\(answer.text)")
  }

  @Test func `many members in many parts are not slow`() throws {
    let members = (0..<100).map { #","zzz\#($0)":0"# }.joined()
    let parts = (0..<2000).map { _ in #"{"type":"text","text":"x"\#(members)}"# }.joined(separator: ",")
    let body = try JSONValue(parsing: #"{"messages":[{"role":"user","content":[\#(parts)]}]}"#)
    let configuration = TestServer().configuration
    let time = try ContinuousClock().measure {
      let request = try ChatCompletionsCodec(body: body, configuration: configuration).request
      #expect(request.ignored.header()?.hasPrefix("messages[].content[].zzz0, messages[].content[].zzz1") == true)
    }
    #expect(time < .seconds(5))
  }
}
