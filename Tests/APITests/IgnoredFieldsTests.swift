import API
import JSON
import Testing

@Suite struct `Fields without effect` {
  private func header(_ members: String) throws -> String? {
    let body = try JSONValue(parsing: #"{"messages":[{"role":"user","content":"hi"}]\#(members)}"#)
    return try ChatCompletionsCodec(body: body, configuration: TestServer().configuration).request.ignored.header()
  }

  @Test func `up to sixteen unknown names are listed, each once`() throws {
    #expect(try header("") == nil)
    #expect(try header(#","colour":1,"size":2"#) == "colour, size")
    let many = (0..<40).map { #","zzz\#($0)":0"# }.joined()
    #expect(try header(many) == (0..<16).map { "zzz\($0)" }.joined(separator: ", "))
  }

  @Test func `a field of every message is listed once and leaves room for others`() throws {
    let messages = (0..<200).map { _ in #"{"role":"user","content":"hi","cache_control":1}"# }.joined(separator: ",")
    let body = try JSONValue(parsing: #"{"messages":[\#(messages),{"role":"user","content":"hi","zzz":1}]}"#)
    let request = try ChatCompletionsCodec(body: body, configuration: TestServer().configuration).request
    #expect(request.ignored.header() == "messages[].cache_control, messages[].zzz")
    let misspelt = try JSONValue(parsing: #"{"messages":[\#(messages),{"role":"user","content":"hi","contents":1}]}"#)
    #expect(throws: APIError.self) {
      try ChatCompletionsCodec(body: misspelt, configuration: TestServer().configuration).request
    }
  }

  @Test(arguments: [
    ("max_token", "max_tokens"), ("temprature", "temperature"), ("tempreature", "temperature"), ("topP", "top_p"),
    ("stpo", "stop"), ("stops", "stop"), ("Max-Tokens", "max_tokens"), ("responseFormat", "response_format"),
  ])
  func `a near miss is an error that suggests the field`(name: String, meant: String) throws {
    let error = #expect(throws: APIError.self) { try header(#","\#(name)":1"#) }
    #expect(error?.message.contains("did you mean \(meant)?") == true, "\(String(describing: error))")
  }

  @Test(arguments: ["used", "step", "min_tokens", "top_a", "functions", "zzz", "maximum_tokens"])
  func `a different word is not a near miss`(name: String) throws {
    #expect(try header(#","\#(name)":1"#) == name)
  }

  /// The time of decoding a request whose body is `text`.
  private func cost(_ text: String) throws -> Duration {
    let body = try JSONValue(parsing: text)
    let configuration = TestServer().configuration
    return try ContinuousClock().measure {
      _ = try ChatCompletionsCodec(body: body, configuration: configuration).request
    }
  }

  // Comparing each of these names with each of ours took minutes in a debug build.
  @Test func `two hundred thousand unknown names are not slow`() throws {
    let names = (0..<200_000).map { #","max_t\#($0)":0"# }.joined()
    #expect(try cost(#"{"messages":[{"role":"user","content":"hi"}]\#(names)}"#) < .seconds(2))
  }

  @Test func `unknown names in every message are not slow`() throws {
    let message = #"{"role":"user","content":"hi"\#((0..<200).map { #","max_t\#($0)":0"# }.joined())}"#
    let messages = Array(repeating: message, count: 900).joined(separator: ",")
    #expect(try cost(#"{"messages":[\#(messages)]}"#) < .seconds(2))
  }

  @Test func `long names are not slow`() throws {
    let name = String(repeating: "max_tokens", count: 2000)
    let names = (0..<2000).map { #","\#(name)\#($0)":0"# }.joined()
    #expect(try cost(#"{"messages":[{"role":"user","content":"hi"}]\#(names)}"#) < .seconds(2))
  }
}
