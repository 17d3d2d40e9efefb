// The variables that Kubernetes and Docker links set in every container for each Service. A Service named `r4b` sets
// `R4B_SERVICE_HOST`, `R4B_PORT=tcp://10.0.0.1:80` and more. One named `r4b-server` sets `R4B_SERVER_PORT`, which is
// also a setting.

/// Distinguishes these variables from settings.
enum ServiceVariable {
  /// Whether an orchestrator set a variable. A variable with the name of a setting is recognised by its value, which no
  /// setting can have.
  static func matches(name: String, value: String) -> Bool {
    if name.hasSuffix("_PORT"), isURL(value) { return true }
    return name.hasSuffix("_SERVICE_HOST") || name.hasSuffix("_SERVICE_PORT") || contains(name, "_SERVICE_PORT_")
      || isPortVariable(name)
  }

  /// `tcp://10.0.0.1:80`.
  private static func isURL(_ value: String) -> Bool {
    ["tcp", "udp", "sctp"].contains { value.utf8.starts(with: "\($0)://".utf8) }
  }

  /// `R4B_PORT_8080_TCP`, alone or with `_ADDR`, `_PORT` or `_PROTO` after it.
  private static func isPortVariable(_ name: String) -> Bool {
    var words = name.split(separator: "_")
    if let last = words.last, ["ADDR", "PORT", "PROTO"].contains(last) { words.removeLast() }
    guard words.count >= 4, let kind = words.popLast(), ["TCP", "UDP", "SCTP"].contains(kind) else { return false }
    guard let number = words.popLast(), number.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
    return words.last == "PORT"
  }

  private static func contains(_ name: String, _ part: String) -> Bool {
    let part = Array(part.utf8), bytes = Array(name.utf8)
    return bytes.indices.contains { bytes[$0...].starts(with: part) }
  }
}
