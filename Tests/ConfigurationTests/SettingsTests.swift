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
    #expect(settings.server.port == 3)
    #expect(settings.server.host == "b")
    #expect(!settings.log.requests)
  }

  @Test func `a port can be null, and a file mode is read as permissions`() throws {
    var settings = Settings()
    #expect(settings.server.port == 8080 && settings.tls.port == nil)
    #expect(settings.server.unixSocketMode.bits == 0o660)
    try settings.apply(file: Array(#"{"server":{"port":null},"tls":{"port":0}}"#.utf8), source: "f")
    try settings.apply(environment: ["R4B_SERVER_UNIX_SOCKET_MODE": "600", "R4B_TLS_CERTIFICATE": "a.pem"])
    #expect(settings.server.port == nil && settings.tls.port == 0)
    #expect(settings.server.unixSocketMode.bits == 0o600)
    #expect(settings.tls.certificate == "a.pem")
    try settings.apply(flag: "server.port", text: "80", source: "--port")
    try settings.apply(environment: ["R4B_SERVER_PORT": ""])
    #expect(settings.server.port == nil)
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
    ("[]", ["expected a JSON object"]), ("{", ["unexpected end at byte 1"]),
  ])
  func `an error in the file names setting, limit and value`(text: String, words: [String]) {
    let message = message {
      var settings = Settings()
      try settings.apply(file: Array(text.utf8), source: "config.json")
    }
    for word in words { #expect(message.contains(word), "\(message)") }
  }

  @Test func `a bad variable and a bad flag are errors`() {
    for (name, value) in [("R4B_SERVER_PORT", "x"), ("R4B_SERVER_PORT", "http://a:80"), ("R4B_LOG_REQUESTS", "yes")] {
      let message = message {
        var s = Settings(); try s.apply(environment: [name: value])
      }
      #expect(message.contains(name) && message.contains(value), "\(message)")
    }
    #expect(
      message {
        var s = Settings(); try s.apply(flag: "a.b", text: "", source: "--set")
      }.contains("a.b is not a setting"))
  }

  @Test func `an unknown variable is a warning that lists the variables of its section`() throws {
    var settings = Settings()
    try settings.apply(environment: ["R4B_SERVER_PROT": "1", "R4B_HOME": "/srv", "R4BX": "1"])
    #expect(settings.warnings.count == 2)
    #expect(settings.warnings[0] == "environment: R4B_HOME is not a setting and is ignored")
    #expect(settings.warnings[1].contains("R4B_SERVER_PROT") && settings.warnings[1].contains("R4B_SERVER_PORT"))
  }

  @Test func `the variables of a Kubernetes Service are one warning, also where they have the name of a setting`()
    throws
  {
    let service = [
      "SERVICE_HOST": "10.0.0.7", "SERVICE_PORT": "8080", "SERVICE_PORT_HTTP": "8080", "PORT": "tcp://10.0.0.7:8080",
      "PORT_8080_TCP": "tcp://10.0.0.7:8080", "PORT_8080_TCP_ADDR": "10.0.0.7", "PORT_8080_TCP_PORT": "8080",
      "PORT_8080_TCP_PROTO": "tcp", "PORT_53_UDP": "udp://10.0.0.7:53",
    ]
    for name in ["R4B", "R4B_SERVER", "R4B_TLS", "R4B_MODEL_PATH"] {
      var settings = Settings()
      let variables = service.map { ("\(name)_\($0.key)", $0.value) }
      try settings.apply(environment: Dictionary(uniqueKeysWithValues: variables))
      #expect(settings.document == Settings().document)
      #expect(
        settings.warnings.count == 1 && settings.warnings[0].contains("enableServiceLinks"), "\(settings.warnings)")
      for (variable, _) in variables { #expect(settings.warnings[0].contains(variable)) }
    }
  }

  @Test func `a setting counts as given, even with its default value`() throws {
    var settings = Settings()
    #expect(!settings.isGiven(\.server.public))
    try settings.apply(flag: "server.public", text: "Public", source: "--set")
    #expect(settings.isGiven(\.server.public) && !settings.isGiven(\.server.port))
  }

  private static let lists: [(path: String, value: @Sendable (Settings) -> [String])] = [
    ("images.remote", { $0.images.remote }), ("images.remote_networks", { $0.images.remoteNetworks }),
    ("server.allowed_hosts", { $0.server.allowedHosts }), ("server.cors_origins", { $0.server.corsOrigins }),
  ]

  @Test(arguments: lists)
  func `a list is the same in the file, a variable and a flag`(
    path: String, value: @Sendable (Settings) -> [String]
  ) throws {
    let entries =
      path.hasSuffix("origins") ? ["https://a.example", "http://b.example:3000"] : ["a.example", "b.example"]
    let wanted = JSONValue.array(entries.map { .string($0) })
    let json = String(decoding: wanted.encoded, as: UTF8.self)
    let parts = path.split(separator: ".")
    let variable = "R4B_" + path.uppercased().split(separator: ".").joined(separator: "_")
    func expect(_ settings: Settings, _ wanted: [String]) { #expect(value(settings) == wanted) }
    var settings = Settings()
    try settings.apply(file: Array("{\"\(parts[0])\":{\"\(parts[1])\":\(json)}}".utf8), source: "f")
    expect(settings, entries)
    for text in [json, entries.joined(separator: ","), " " + entries.joined(separator: " ,\t") + " ", json + "\r\n"] {
      settings = Settings()
      try settings.apply(environment: [variable: text])
      expect(settings, entries)
      settings = Settings()
      try settings.apply(flag: path, text: text, source: "--set")
      expect(settings, entries)
    }
    for text in ["", "[]", " "] {
      try settings.apply(flag: path, text: text, source: "--set")
      expect(settings, [])
    }
    for text in ["null", "[1]", "[\"a\"", "[\"a.example\",]", "a.example,,b.example", ",", "[\"\"]", "[null]"] {
      let message = message { try settings.apply(flag: path, text: text, source: "--set") }
      #expect(message.contains("--set: \(path)"), "\(text): \(message)")
    }
  }

  @Test(arguments: [
    ("server.cors_origins", "app.example.com", "no scheme: write https://app.example.com"),
    ("server.cors_origins", "https://a.example/", "has a path"),
    ("server.cors_origins", "https://a.example/x", "has a path"),
    ("server.cors_origins", "https://*.example", "wildcard"), ("server.cors_origins", "null,null", "sandboxed"),
    ("server.cors_origins", "https://a:99999", "1 to 65535"), ("server.cors_origins", "https://a:", "1 to 65535"),
    ("server.cors_origins", "https://", "not an origin"),
    ("server.cors_origins", "https://u@a.example", "user name"),
    ("server.cors_origins", "https://bücher.example", "Punycode"),
    ("server.cors_origins", "localhost:3000", "no scheme"),
    ("server.cors_origins", "https://a b", "not an origin"), ("server.cors_origins", "1://a", "not an origin"),
    ("server.allowed_hosts", "https://a.example", "has a scheme"),
    ("server.allowed_hosts", "a.example:80", "has a port"), ("server.allowed_hosts", "::1", "brackets"),
    ("server.allowed_hosts", "*", "wildcard"), ("server.allowed_hosts", "a/b", "has a path"),
    ("server.allowed_hosts", "a b", "not a host name"),
    ("server.allowed_hosts", "bücher.example", "Punycode"), ("server.allowed_hosts", "[::g]", "not an IPv6"),
  ])
  func `an entry that browsers never send is an error`(path: String, text: String, words: String) {
    let message = message {
      var settings = Settings()
      try settings.apply(flag: path, text: text, source: "--set")
    }
    #expect(message.contains(path) && message.contains(words), "\(message)")
  }

  @Test func `origins are read as browsers send them`() throws {
    var settings = Settings()
    let text =
      "HTTPS://App.Example:443,http://a:80,http://a:8080,https://[::1]:3000,*,tauri://localhost,chrome-extension://abcdef"
    try settings.apply(flag: "server.cors_origins", text: text, source: "--set")
    #expect(
      settings.server.corsOrigins == [
        "https://app.example", "http://a", "http://a:8080", "https://[::1]:3000", "*", "tauri://localhost",
        "chrome-extension://abcdef",
      ])
    try settings.apply(flag: "server.allowed_hosts", text: "Box.local,10.0.0.1,[::2],my_host", source: "--set")
    try settings.apply(flag: "server.allowed_hosts", text: "[::2]", source: "--set")
    #expect(settings.server.allowedHosts == ["[::2]"])
  }

  @Test func `the text null in a variable or a flag is null, not a name`() throws {
    var settings = Settings()
    for path in ["ledger.path", "server.public", "model.name", "model.quantize", "server.port", "scheduling.threads"] {
      try settings.apply(flag: path, text: "null", source: "--set")
    }
    #expect(settings.ledger.path == nil && settings.server.public == nil && settings.model.name == nil)
    #expect(settings.model.quantize == nil && settings.server.port == nil && settings.scheduling.threads == nil)
    try settings.apply(flag: "ledger.path", text: "./null", source: "--set")
    #expect(settings.ledger.path == "./null")
    #expect(
      message { try settings.apply(flag: "shutdown.grace_s", text: "null", source: "--set") }.contains(
        "must be a number"))
  }

  @Test func `a line end at the end of a variable is not part of its value`() throws {
    var settings = Settings()
    try settings.apply(environment: [
      "R4B_SERVER_HOST": "127.0.0.2\r\n", "R4B_SERVER_PORT": "81\r", "R4B_LEDGER_PATH": "\n",
      "R4B_GENERATION_THINKING_MODE": "short\n",
    ])
    #expect(settings.server.host == "127.0.0.2" && settings.server.port == 81)
    #expect(settings.ledger.path == nil && settings.generation.thinkingMode == "short")
  }

  @Test func `a byte order mark and CRLF in the file are skipped`() throws {
    var settings = Settings()
    try settings.apply(file: Array("\u{FEFF}{\r\n\"server\": {\"port\": 81}\r\n}\r\n".utf8), source: "f")
    #expect(settings.server.port == 81)
  }

  @Test func `every type of value is read as its own`() throws {
    var settings = Settings()
    #expect(settings.http.headTimeout == .seconds(10) && settings.scheduling.maxStall == .milliseconds(300))
    #expect(settings.scheduling.replyTimeout == nil && settings.shadow.fraction == 0)
    #expect(settings.generation.thinkingMode == "auto" && settings.model.quantize == nil)
    try settings.apply(flag: \.scheduling.replyTimeout, text: "1.5", source: "--set")
    try settings.apply(flag: \.scheduling.maxStall, text: "0.5e3", source: "--set")
    try settings.apply(flag: \.shadow.fraction, text: "0.25", source: "--set")
    try settings.apply(flag: \.model.quantize, text: "q8_0", source: "--set")
    #expect(
      settings.scheduling.replyTimeout == .milliseconds(1500) && settings.scheduling.maxStall == .milliseconds(500))
    #expect(settings.shadow.fraction == 0.25 && settings.model.quantize == "q8_0")
  }

  @Test func `a property has the name of its setting`() {
    var names = 0
    for section in Mirror(reflecting: SettingSections.all).children {
      for setting in Mirror(reflecting: section.value).children {
        guard let property = setting.label,
          let definition = Mirror(reflecting: setting.value).descendant("definition") as? SettingDefinition
        else { continue }
        let parts = definition.path.split(separator: ".")
        #expect(parts.count == 2 && String(parts[0]) == section.label)
        // Properties leave out units at the end: `http.head_timeout_s` is a `Duration` named `headTimeout`.
        var words = parts[1].split(separator: "_").map { String($0) }
        if words.last == "s" || words.last == "ms" { words.removeLast() }
        #expect(property.lowercased().hasPrefix(words.joined()), "\(definition.path)")
        names += 1
      }
    }
    #expect(names == Settings.definitions.count && names > 60)
    #expect(Set(Settings.definitions.map(\.path)).count == names)
  }

  @Test func `the repository's config file holds every setting at its default`() throws {
    let text = try Data(contentsOf: root.appendingPathComponent("config.json"))
    let document = try JSONValue(parsing: Array(text))
    #expect(document == Settings().document)
  }

  @Test func `the documentation lists every setting as it is`() throws {
    let text = try String(contentsOf: root.appendingPathComponent("docs/configuration.md"), encoding: .utf8)
    for line in Settings.documentation.split(separator: "\n") { #expect(text.contains(line), "missing: \(line)") }
    for setting in Settings.definitions {
      guard let former = setting.formerPath else { continue }
      #expect(text.contains("| `\(former)` | `\(setting.path)` |"))
    }
  }
}
