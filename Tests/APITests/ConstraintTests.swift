import API
import Chat
import GenerationTypes
import HTTP
import JSON
import Synchronization
import Testing

/// The form of a chat with these members; throws if it is rejected.
private func form(_ members: String) throws -> AnswerForm {
  let body = try JSONValue(parsing: #"{"messages":[{"role":"user","content":"hi"}],\#(members)}"#)
  return try ChatCompletionsCodec(body: body, configuration: TestServer().configuration).request.form
}

private let object: JSONValue = ["type": "object"]
private let text = #"{"type":"object"}"#
private let tools =
  #","tools":[{"type":"function","function":{"name":"f"}},{"type":"function","function":{"name":"g"}}]"#

@Suite struct `Constraints of other servers` {
  @Test(
    arguments: [
      (#""response_format":{"type":"json_object"}"#, .object),
      (#""response_format":{"type":"json_object","schema":{}}"#, .object),
      (#""response_format":{"type":"json_object","schema":\#(text)}"#, .schema(object, path: "response_format.schema")),
      (#""response_format":{"type":"json_schema","schema":\#(text)}"#, .schema(object, path: "response_format.schema")),
      (#""structured_outputs":{"json":\#(text)}"#, .schema(object, path: "structured_outputs.json")),
      (#""structured_outputs":{"json":"{\"type\":\"object\"}"}"#, .schema(object, path: "structured_outputs.json")),
      (#""structured_outputs":{"json_object":true}"#, .object),
      (#""structured_outputs":{"json_object":false,"json":null}"#, nil), (#""structured_outputs":{}"#, nil),
      (#""structured_outputs":{"choice":["a","b"]}"#, .choice(["a", "b"], path: "structured_outputs.choice")),
      (#""structured_outputs":{"regex":"a+","grammar":null}"#, .pattern("a+", path: "structured_outputs.regex")),
      (#""guided_json":\#(text)"#, .schema(object, path: "guided_json")),
      (#""guided_json":"{\"type\":\"object\"}""#, .schema(object, path: "guided_json")),
      (#""guided_choice":["a"]"#, .choice(["a"], path: "guided_choice")),
      (#""guided_regex":"a""#, .pattern("a", path: "guided_regex")),
      (#""json_schema":\#(text)"#, .schema(object, path: "json_schema")),
      (#""regex":"a""#, .pattern("a", path: "regex")), (#""grammar":"","guided_grammar":null"#, nil),
      // Equal and implied constraints are no contradiction.
      (#""regex":"a","guided_regex":"a""#, .pattern("a", path: "guided_regex")),
      (#""response_format":{"type":"json_object"},"guided_json":\#(text)"#, .schema(object, path: "guided_json")),
      (#""response_format":{"type":"text"},"guided_regex":"a""#, .pattern("a", path: "guided_regex")),
    ] as [(String, TextForm?)])
  func `every field sets the constraint`(members: String, expected: TextForm?) throws {
    #expect(try form(members).text == expected)
  }

  @Test(arguments: [
    (#""grammar":"root ::= x""#, "grammar"), (#""ebnf":"root ::= x""#, "ebnf"),
    (#""guided_grammar":"x""#, "guided_grammar"),
    (#""structural_tag":{"structures":[]}"#, "structural_tag"),
    (#""structured_outputs":{"grammar":"x"}"#, "structured_outputs.grammar"),
    (#""structured_outputs":{"structural_tag":"x"}"#, "structured_outputs.structural_tag"),
    (#""response_format":{"type":"structural_tag"}"#, "response_format.type"),
    (#""response_format":{"type":"grammar","grammar":"x"}"#, "response_format.type"),
    (#""structured_outputs":"x""#, "structured_outputs"), (#""guided_json":"{""#, "guided_json"),
    (#""guided_json":true"#, "guided_json"), (#""json_schema":"[]""#, "json_schema"), (#""regex":1"#, "regex"),
    (#""guided_choice":"a""#, "guided_choice"), (#""guided_choice":["a",1]"#, "guided_choice[1]"),
    (#""structured_outputs":{"json_object":"yes"}"#, "structured_outputs.json_object"),
    // Contradictions.
    (#""regex":"a","guided_regex":"b""#, "regex"), (#""guided_choice":["a"],"regex":"a""#, "regex"),
    (#""guided_json":\#(text),"json_schema":{"type":"array"}"#, "json_schema"),
    (#""response_format":{"type":"json_object"},"guided_json":{"type":"array"}"#, "guided_json"),
    (#""response_format":{"type":"json_object"},"guided_regex":"a""#, "guided_regex"),
    (#""structured_outputs":{"json":\#(text),"regex":"a"}"#, "structured_outputs.regex"),
    (#""structured_outputs":{"choice":["a"],"json_object":true}"#, "structured_outputs.json_object"),
    (#""guided_choice":["a"],"tool_choice":"required"\#(tools)"#, "guided_choice"),
  ])
  func `unsupported and contradictory constraints are rejected by name`(members: String, field: String) throws {
    let error = #expect(throws: APIError.self) { try form(members) }
    #expect(error?.status == 400 && error?.param == field, "\(String(describing: error))")
  }

  @Test func `completions and responses accept constraints, rollouts reject them`() async throws {
    let configuration = TestServer().configuration
    let completion = try JSONValue(parsing: #"{"prompt":"a","structured_outputs":{"choice":["a"]}}"#)
    #expect(
      try CompletionsCodec(body: completion, configuration: configuration).request.form.text
        == .choice(["a"], path: "structured_outputs.choice"))
    let response = try JSONValue(parsing: #"{"input":"a","regex":"b"}"#)
    #expect(
      try ResponsesCodec(body: response, configuration: configuration).request.form.text == .pattern("b", path: "regex")
    )
    let format = try JSONValue(parsing: #"{"input":"a","text":{"format":{"type":"json_object","schema":\#(text)}}}"#)
    #expect(
      try ResponsesCodec(body: format, configuration: configuration).request.form.text
        == .schema(object, path: "text.format.schema"))
    let both = try JSONValue(parsing: #"{"input":"a","text":{"format":{"type":"json_object"}},"regex":"b"}"#)
    #expect(throws: APIError.self) { try ResponsesCodec(body: both, configuration: configuration).request }
    for members in [#""regex":"a""#, #""response_format":{"type":"json_object"}"#, #""grammar":"x""#] {
      let answer = try await TestServer().post(
        to: "/v1/rollouts", #"{"messages":[{"role":"user","content":"x"}],\#(members)}"#)
      #expect(answer.status == 400 && answer.json["error"]?["code"] == "unsupported_parameter")
    }
  }
}

@Suite struct `Allowed tools` {
  @Test(arguments: [
    #"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"g"}}]}}"#,
    #"{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"g"}]}"#,
  ])
  func `are listed by tool_choice`(choice: String) throws {
    let use = try #require(try form(#""tool_choice":\#(choice)\#(tools)"#).tools)
    #expect(use.choice == .auto && use.callable.map(\.name) == ["g"] && use.tools.map(\.name) == ["f", "g"])
    let must = choice.replacing("auto", with: "required")
    #expect(try form(#""tool_choice":\#(must)\#(tools)"#).tools?.choice == .required)
  }

  @Test(arguments: [
    (#"{"type":"allowed_tools"}"#, "tool_choice.mode"),
    (#"{"type":"allowed_tools","allowed_tools":{"mode":"none","tools":[]}}"#, "tool_choice.allowed_tools.mode"),
    (#"{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[]}}"#, "tool_choice.allowed_tools.tools"),
    (
      #"{"type":"allowed_tools","mode":"auto","tools":[{"type":"mcp","server_label":"x"}]}"#,
      "tool_choice.tools[0].type"
    ),
    (#"{"type":"allowed_tools","mode":"auto","tools":[{"type":"function","name":"h"}]}"#, "tool_choice.tools[0].name"),
    (#"{"type":"custom","custom":{"name":"f"}}"#, "tool_choice.type"),
  ])
  func `must be among the tools`(choice: String, field: String) throws {
    let error = #expect(throws: APIError.self) { try form(#""tool_choice":\#(choice)\#(tools)"#) }
    #expect(error?.param == field)
  }
}

@Suite struct `Values of OpenAI's clients` {
  @Test(arguments: ["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"])
  func `every service tier is accepted`(tier: String) async throws {
    let answer = try await TestServer().chat(#""service_tier":"\#(tier)""#)
    #expect(answer.json["service_tier"] == (tier == "flex" ? "flex" : "default"))
  }

  @Test func `the highest effort selects mode long`() async throws {
    let answer = try await TestServer().chat(#""reasoning_effort":"max""#)
    #expect(answer.json["thinking"]?["requested_mode"] == "long")
    let response = try await TestServer().post(to: "/v1/responses", #"{"input":"x","reasoning":{"effort":"max"}}"#)
    #expect(response.json["thinking"]?["requested_mode"] == "long")
    #expect(response.json["reasoning"]?["effort"] == "max")
  }

  @Test(arguments: [
    ("/v1/chat/completions", #"{"messages":[{"role":"user","content":"one two"}],"max_tokens":-1}"#, 4094),
    ("/v1/chat/completions", #"{"messages":[{"role":"user","content":"one two"}],"max_completion_tokens":-1}"#, 4094),
    (
      "/v1/chat/completions",
      #"{"messages":[{"role":"user","content":"one two"}],"max_completion_tokens":-1,"max_tokens":-1.0}"#, 4094
    ),
    ("/v1/completions", #"{"prompt":[5,6,7],"max_tokens":-1}"#, 4093),
    ("/v1/responses", #"{"input":"one two","max_output_tokens":-1}"#, 4094),
    ("/v1/completions", #"{"prompt":[5,6,7],"max_tokens":null}"#, 16),
  ])
  func `a limit of -1 means the rest of the context`(path: String, body: String, limit: Int) async throws {
    let server = TestServer()
    #expect(try await server.post(to: path, body).status == 200)
    #expect(server.engine.requests.withLock { $0.map(\.maxTokens) } == [limit])
  }

  @Test(arguments: [
    #""max_tokens":0"#, #""max_tokens":-2"#, #""max_completion_tokens":-1,"max_tokens":5"#, #""max_tokens":-1.5"#,
  ])
  func `other negative limits are errors`(members: String) async throws {
    let answer = try await TestServer().chat(members)
    #expect(answer.status == 400 && answer.json["error"]?["param"] == "max_tokens")
  }

  @Test func `null means absent in every field`() async throws {
    let fields = ChatCompletionsCodec.fields.filter { $0 != "messages" && $0 != "model" }
    let answer = try await TestServer().chat(fields.map { "\"\($0)\":null" }.joined(separator: ","))
    #expect(answer.status == 200 && answer.headers["x-ignored-parameters"] == nil, "\(answer.text)")
  }
}
