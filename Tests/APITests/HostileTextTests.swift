import API
import Foundation
import HTTP
import JSON
import Testing

/// Combining marks against their canonical order: normalising them takes time quadratic in their number.
private func marks(_ bytes: Int) -> String { String(repeating: "\u{301}\u{316}", count: bytes / 4) }

/// Text from clients is compared as bytes, so that no text makes a comparison slow or two names equal.
@Suite(.timeLimit(.minutes(1))) struct `Hostile text in requests` {
  private static let size = 1 << 20

  private func withPages(_ body: (TestServer) async throws -> Void) async throws {
    let root = FileManager.default.temporaryDirectory.appending(path: "pages-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: root) }
    try FileManager.default.createDirectory(at: root, withIntermediateDirectories: true)
    try Data("<p>hello</p>".utf8).write(to: root.appending(path: "index.html"))
    var server = TestServer()
    server.configuration.publicFiles = try StaticFiles(directory: root.path)
    server.configuration.corsOrigins = ["https://é.example"]
    server.configuration.allowedHosts = ["localhost"]
    server.configuration.keys.add("k", name: "k")
    try await body(server)
  }

  @Test(arguments: [
    "if-none-match", "if-range", "range", "origin", "host", "authorization", "x-request-id", "accept",
    "access-control-request-headers", "content-type",
  ])
  func `no header value is slow`(name: String) async throws {
    try await withPages { server in
      for value in [marks(Self.size), "\"x\", W/" + marks(Self.size), "bytes=1-" + marks(Self.size)] {
        var headers: HTTPHeaders = ["host": "localhost", "access-control-request-method": "GET", "range": "bytes=0-1"]
        headers[name] = value
        _ = try await server.get("/", headers: headers)
        _ = try await server.ask(HTTPRequest(method: "OPTIONS", path: "/", headers: headers))
        _ = try await server.get("/v1/models", headers: headers)
        headers["content-type"] = name == "content-type" ? value : "application/json"
        _ = try await server.ask(
          HTTPRequest(method: "POST", path: "/tokenize", headers: headers, body: Array("{}".utf8)))
      }
    }
  }

  @Test func `no path, method or query is slow`() async throws {
    try await withPages { server in
      let headers: HTTPHeaders = ["host": "localhost", "authorization": "Bearer k"]
      for path in ["/\(marks(Self.size))", "/v1/models/\(marks(Self.size))", marks(Self.size), "/index.html\u{301}"] {
        #expect(try await server.get(path, headers: headers).status == 404)
      }
      let odd = try await server.ask(HTTPRequest(method: marks(Self.size), path: "/", headers: headers))
      #expect(odd.status == 405)
      let marks = String(repeating: "%CC%81%CC%96", count: 200)
      let query = "\(marks)=1&\(marks)x=2&key=\(marks)"
      #expect(try await server.get("/v1/usage", query: query, headers: headers).status == 404)
      #expect(throws: APIError.self) { try UsageRequest(query: "\(marks)=1&\(marks)=2", now: 0) }
      _ = try UsageRequest(query: query, now: 1_700_000_000)
    }
  }

  @Test func `origins are compared without normalisation`() async throws {
    try await withPages { server in
      func allowed(_ origin: String) async throws -> String? {
        try await server.get("/", headers: ["host": "localhost", "origin": origin])
          .headers["access-control-allow-origin"]
      }
      let (composed, decomposed) = (
        try await allowed("https://é.example"), try await allowed("https://e\u{301}.example")
      )
      #expect(composed != nil && decomposed == nil)
    }
  }

  /// Members of a request with a valid message; `MARKS` stands for hostile text.
  private static let members = [
    #""model":"MARKS""#, #""MARKSx":1,"MARKSy":2"#, #""service_tier":"MARKS""#, #""thinking_mode":"MARKS""#,
    #""reasoning_effort":"MARKS""#, #""chat_template_kwargs":{"MARKS":1}"#, #""logit_bias":{"MARKSx":1,"MARKSy":1}"#,
    #""metadata":{"MARKSx":"MARKS","MARKSy":"MARKS"}"#, #""user":"MARKS""#, #""stop":["MARKS"]"#,
    #""tool_choice":"MARKS""#, #""response_format":{"type":"MARKS"}"#,
    #""response_format":{"type":"json_schema","json_schema":{"name":"MARKS","schema":{}}}"#,
    #""tools":[{"type":"function","function":{"name":"MARKS"}},{"type":"function","function":{"name":"MARKSx"}}]"#,
    #""tools":[{"type":"MARKS"}]"#,
    #""tools":[{"type":"function","function":{"name":"f"}}],"tool_choice":{"type":"function","function":{"name":"MARKS"}}"#,
    #""stream":true,"stream_options":{"MARKSx":1,"MARKSy":1}"#, #""thinking":{"type":"MARKS"}"#,
  ]

  @Test(arguments: members)
  func `no field of a request is slow`(members: String) throws {
    let text = #"{"messages":[{"role":"user","content":"hi"}],\#(members)}"#
    _ = try? ChatCompletionsCodec(
      body: JSONValue(parsing: text.replacing("MARKS", with: marks(Self.size))),
      configuration: TestServer().configuration)
  }

  @Test(arguments: [
    #"{"role":"MARKS","content":"hi"}"#, #"{"role":"user","content":[{"type":"MARKS"}]}"#,
    #"{"role":"user","MARKSx":1,"MARKSy":2,"content":"hi"}"#,
    #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"MARKS","detail":"MARKS"}}]}"#,
    #"{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:MARKS;base64,MARKS"}}]}"#,
    #"{"role":"assistant","tool_calls":[{"type":"MARKS","function":{"name":"MARKS","arguments":"MARKS"}}]}"#,
    #"{"role":"tool","tool_call_id":"MARKS","content":"MARKS"}"#,
  ])
  func `no field of a message is slow`(message: String) throws {
    let text = #"{"messages":[\#(message)]}"#
    _ = try? ChatCompletionsCodec(
      body: JSONValue(parsing: text.replacing("MARKS", with: marks(Self.size))),
      configuration: TestServer().configuration)
  }
}
