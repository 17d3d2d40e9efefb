import Configuration
import Foundation
import JSON
import Testing

private let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
  .deletingLastPathComponent()

private func message(_ body: () throws -> Void) -> String {
  do { try body() } catch { return "\(error)" }
  return ""
}

@Suite struct `The settings` {
  @Test func `every default is allowed by its own setting`() throws {
    var settings = Settings()
    try settings.apply(file: Settings().document.encoded, source: "defaults")
  }

  @Test func `flags win over the environment, the environment over the file`() throws {
    var settings = Settings()
    try settings.apply(file: Array(#"{"server":{"port":1,"host":"a"},"log":{"requests":false}}"#.utf8), source: "f")
    try settings.apply(environment: ["R4B_SERVER_PORT": "2", "R4B_SERVER_HOST": "b", "PATH": "x", "R4B_API_KEY": "k"])
    try settings.apply(flag: "server.port", text: "3", source: "--port")
    #expect(settings.int("server.port") == 3)
    #expect(settings.string("server.host") == "b")
    #expect(!settings.bool("log.requests"))
  }

  @Test(arguments: [
    (#"{"server":{"prot":1}}"#, ["config.json", "server.prot is not a setting", "server.port"]),
    (#"{"port":1}"#, ["port must be an object", "server.port"]),
    (#"{"server":{"port":65536}}"#, ["server.port must be an integer from 0 to 65535, not 65536"]),
    (#"{"server":{"port":"80"}}"#, ["server.port", "not \"80\""]),
    (#"{"generation":{"thinking_mode":"maybe"}}"#, ["one of \"auto\", \"long\", \"short\"", "not \"maybe\""]),
    (#"{"server":{"port":1,"port":2}}"#, ["appears twice at byte 20"]),
    (#"{"server":[]}"#, ["server must be an object"]),
    ("[]", ["expected an object"]), ("{", ["unexpected end at byte 1"]),
  ])
  func `a mistake in the file is named with its limit and value`(text: String, words: [String]) {
    let message = message {
      var settings = Settings()
      try settings.apply(file: Array(text.utf8), source: "config.json")
    }
    for word in words { #expect(message.contains(word), "\(message)") }
  }

  @Test func `a misspelt variable and a bad flag are errors`() {
    #expect(
      message {
        var s = Settings(); try s.apply(environment: ["R4B_SERVER_PROT": "1"])
      }.contains("R4B_SERVER_PROT"))
    #expect(
      message {
        var s = Settings(); try s.apply(environment: ["R4B_SERVER_PORT": "x"])
      }.contains("R4B_SERVER_PORT"))
    #expect(
      message {
        var s = Settings(); try s.apply(flag: "a.b", text: "", source: "--set")
      }.contains("a.b is not a setting"))
  }

  @Test func `the repository's config file holds every setting at its default`() throws {
    let text = try Data(contentsOf: root.appendingPathComponent("config.json"))
    let document = try JSONValue(parsing: Array(text))
    #expect(document == Settings().document)
  }

  @Test func `the documentation lists every setting as it is`() throws {
    let text = try String(contentsOf: root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    for line in Settings.documentation.split(separator: "\n") { #expect(text.contains(line), "missing: \(line)") }
  }
}
