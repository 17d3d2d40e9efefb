import API
import HTTP
import JSON
import Telemetry
import Testing

/// The document as a test server serves it.
private struct Document {
  let root: JSONValue

  init(_ server: TestServer = TestServer()) async throws {
    let answer = try await server.get("/openapi.json")
    #expect(answer.status == 200 && answer.headers["content-type"] == "application/json")
    root = try JSONValue(parsing: answer.text)
  }

  func schema(_ name: String) -> JSONValue? { root["components"]?["schemas"]?[name] }

  /// The value at a reference such as `#/a/b`.
  func resolve(_ reference: String) -> JSONValue? {
    guard reference.hasPrefix("#/") else { return nil }
    return reference.dropFirst(2).split(separator: "/").reduce(root) { value, name in value?[String(name)] }
  }

  /// Names of the properties of a schema, including those of its `allOf`.
  func properties(_ schema: JSONValue?) throws -> [String] {
    var names = schema?["properties"]?.object?.names ?? []
    for part in schema?["allOf"]?.array ?? [] {
      names += try properties(#require(resolve(#require(part["$ref"]?.string))))
    }
    return names
  }
}

/// Every value of `name` in the document, however deep.
private func values(of name: String, in value: JSONValue) -> [JSONValue] {
  switch value {
  case .array(let elements): elements.flatMap { values(of: name, in: $0) }
  case .object(let object):
    object.members.flatMap { ($0.name == name ? [$0.value] : []) + values(of: name, in: $0.value) }
  default: []
  }
}

@Suite struct `The OpenAPI document` {
  @Test func `every reference resolves and every component is used`() async throws {
    let document = try await Document()
    let references = values(of: "$ref", in: document.root).compactMap(\.string)
    #expect(references.count > 200)
    for reference in references { #expect(document.resolve(reference) != nil, "\(reference)") }
    for (kind, parts) in try #require(document.root["components"]?.object).members where kind != "securitySchemes" {
      for name in parts.object?.names ?? [] {
        #expect(references.contains("#/components/\(kind)/\(name)"), "\(kind)/\(name)")
      }
    }
  }

  @Test func `the paths are the server's routes`() async throws {
    let server = TestServer()
    let api = APIServer(
      configuration: server.configuration, chat: server.chat, engine: server.engine, metrics: server.metrics,
      log: .init { _ in })
    let routes = api.routes.map { route in
      "\(route.pattern.replacing("*}", with: "}")) \(route.methods.map { $0.lowercased() }.sorted())"
    }
    let paths = try #require(try await Document(server).root["paths"]?.object)
    #expect(Set(routes) == Set(paths.members.map { "\($0.name) \(($0.value.object?.names ?? []).sorted())" }))
  }

  @Test(arguments: [
    ("ChatCompletionRequest", ChatCompletionsCodec.fields), ("CompletionRequest", CompletionsCodec.fields),
    ("ResponseRequest", ResponsesCodec.fields), ("TokenizeRequest", TextEndpoints.tokenizeFields),
    ("DetokenizeRequest", TextEndpoints.detokenizeFields), ("RolloutRequest", RolloutsCodec.fields),
    ("AssistantMessage", MessageDecoder.fields),
    ("UserMessage", MessageDecoder.fields), ("SystemMessage", MessageDecoder.fields),
    ("ToolMessage", MessageDecoder.fields), ("FunctionMessage", MessageDecoder.fields),
  ])
  func `the properties of a request are the fields that its decoder reads`(schema: String, fields: [String])
    async throws
  {
    let document = try await Document()
    let names = try document.properties(document.schema(schema))
    // Messages of other roles declare thoughts and calls as null.
    #expect(names.sorted() == fields.sorted())
  }

  @Test func `operations have unique ids and describe every error`() async throws {
    let document = try await Document()
    let ids = values(of: "operationId", in: document.root).compactMap(\.string)
    #expect(Set(ids).count == ids.count)
    for (path, item) in try #require(document.root["paths"]?.object).members {
      for operation in item.object?.values ?? [] {
        var statuses = [200, 400, 401, 403, 404, 405, 408, 413, 429, 431, 500, 503]
        if operation["requestBody"] != nil { statuses += [411, 415, 422] }
        for status in statuses { #expect(operation["responses"]?[String(status)] != nil, "\(path) \(status)") }
        #expect(operation["tags"]?.array?.count == 1 && operation["summary"]?.string != nil, "\(path)")
      }
    }
  }

  @Test func `its limits are those of the configuration`() async throws {
    var server = TestServer()
    server.configuration.version = "9.8.7"
    server.configuration.limits.choices = 3
    server.configuration.limits.stopBytes = 77
    server.configuration.model.id = #"a "quoted" name"#
    let document = try await Document(server)
    #expect(document.root["info"]?["version"] == "9.8.7")
    #expect(document.schema("ReplyFields")?["properties"]?["n"]?["maximum"] == 3)
    #expect(document.schema("StopString")?["maxLength"] == 77)
    #expect(document.schema("TokenID")?["maximum"] == .integer(Int64(Fake.vocabularySize - 1)))
    #expect(document.schema("ModelName")?["examples"] == [#"a "quoted" name"#])
  }

  @Test func `every placeholder has a value and every value a placeholder`() {
    let document = OpenAPIDocument(TestServer().configuration)
    #expect(document.unknown.isEmpty && document.unused.isEmpty)
    #expect(!String(decoding: document.json.encoded, as: UTF8.self).contains("{{"))
  }

  @Test func `it needs no key`() async throws {
    var server = TestServer()
    server.configuration.keys.add("secret", name: "one")
    #expect(try await server.get("/openapi.json").status == 200)
    #expect(try await server.get("/v1/models").status == 401)
  }
}

@Suite struct `Ignored fields of other endpoints` {
  @Test func `responses do not validate the fields that they ignore`() async throws {
    let server = TestServer()
    let body = #"{"input":"hi","n":"x","stop":7,"max_tokens":0,"response_format":5,"logprobs":"y"}"#
    let answer = try await server.ask(
      HTTPRequest(
        method: "POST", path: "/v1/responses", headers: ["content-type": "application/json"], body: Array(body.utf8)))
    #expect(answer.status == 200)
    #expect(answer.headers["x-ignored-parameters"] == "n, stop, max_tokens, response_format, logprobs")
  }

  @Test func `completions do not validate the fields that they ignore`() async throws {
    let body =
      #"{"prompt":"w1","tools":7,"tool_choice":"required","top_logprobs":"x","stream":true,"stream_options":"#
      + #"{"include_progress":true}}"#
    let answer = try await TestServer().ask(
      HTTPRequest(
        method: "POST", path: "/v1/completions", headers: ["content-type": "application/json"], body: Array(body.utf8)))
    #expect(answer.status == 200)
    #expect(
      answer.headers["x-ignored-parameters"] == "tools, tool_choice, top_logprobs, stream_options.include_progress")
  }

  @Test func `reasoning_effort works in a response and is not listed as ignored`() async throws {
    let server = TestServer()
    let body = #"{"input":"hi","reasoning_effort":"none"}"#
    let answer = try await server.ask(
      HTTPRequest(
        method: "POST", path: "/v1/responses", headers: ["content-type": "application/json"], body: Array(body.utf8)))
    #expect(answer.headers["x-ignored-parameters"] == nil)
    #expect(answer.json["thinking"]?["requested_mode"] == "short")
  }
}
