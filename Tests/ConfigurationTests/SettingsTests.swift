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

  @Test func `a port can be none, and a mode reads as permissions`() throws {
    var settings = Settings()
    #expect(settings.optionalInt("server.port") == 8080 && settings.optionalInt("tls.port") == nil)
    #expect(settings.fileMode("server.unix_socket_mode") == 0o660)
    try settings.apply(file: Array(#"{"server":{"port":null},"tls":{"port":0}}"#.utf8), source: "f")
    try settings.apply(environment: ["R4B_SERVER_UNIX_SOCKET_MODE": "600", "R4B_TLS_CERTIFICATE": "a.pem"])
    #expect(settings.optionalInt("server.port") == nil && settings.optionalInt("tls.port") == 0)
    #expect(settings.fileMode("server.unix_socket_mode") == 0o600)
    #expect(settings.optionalString("tls.certificate") == "a.pem")
    try settings.apply(flag: "server.port", text: "80", source: "--port")
    try settings.apply(environment: ["R4B_SERVER_PORT": ""])
    #expect(settings.optionalInt("server.port") == nil)
  }

  @Test(arguments: [
    (#"{"server":{"prot":1}}"#, ["config.json", "server.prot is not a setting", "server.port"]),
    (#"{"port":1}"#, ["port must be an object", "server.port"]),
    (#"{"server":{"port":65536}}"#, ["server.port must be an integer from 0 to 65535, or null, not 65536"]),
    (#"{"server":{"unix_socket_mode":"0660"}}"#, ["server.unix_socket_mode", "three octal digits", "not \"0660\""]),
    (#"{"server":{"unix_socket_mode":"680"}}"#, ["server.unix_socket_mode", "three octal digits"]),
    (#"{"server":{"unix_socket_mode":660}}"#, ["server.unix_socket_mode", "a string of", "not 660"]),
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
