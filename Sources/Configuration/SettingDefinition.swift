// A setting without the type of its value: what parsing, errors and documentation need.
import JSON

/// The name, kind, default and help of a setting.
package struct SettingDefinition: Sendable {
  /// Section and name, for instance `server.port`.
  package let path: String
  /// The path before the setting was renamed. It works for one release, with a warning.
  package let formerPath: String?
  package let kind: SettingKind
  package let standard: JSONValue
  /// One sentence with units.
  package let help: String

  /// The variable that overrides this setting: `R4B_SERVER_PORT` for `server.port`.
  package var environmentName: String { Self.environmentName(path) }
  var formerEnvironmentName: String? { formerPath.map(Self.environmentName) }

  private static func environmentName(_ path: String) -> String {
    "R4B_" + path.uppercased().replacing(".", with: "_")
  }

  /// Throws when `value` is not allowed. `source` and `name` say where and under which name it was given.
  func check(_ value: JSONValue, source: String, name: String) throws(ConfigurationError) {
    if !kind.allows(value) {
      throw ConfigurationError("\(source): \(name) must be \(kind.allowed), not \(value.excerpt)")
    }
    if let (entry, fault) = kind.fault(in: value) {
      throw ConfigurationError(
        "\(source): \(name) must be \(kind.allowed); \(JSONValue.string(entry).excerpt) \(fault)")
    }
  }

  /// Reads the text of a variable or a flag. Line ends at its end are not part of it: files of variables with CRLF, and
  /// secrets that are files, leave them there.
  func value(fromText text: String, source: String, name: String) throws(ConfigurationError) -> JSONValue {
    let text = String(decoding: text.utf8.droppingLineEnds, as: UTF8.self)
    let value: JSONValue
    do throws(SettingKind.TextFault) { value = try kind.value(fromText: text) } catch {
      let reason = error.reason ?? "must be \(kind.allowed), not \(JSONValue.string(text).excerpt)"
      throw ConfigurationError("\(source): \(name) \(reason)")
    }
    try check(value, source: source, name: name)
    return value
  }
}

/// A mistake in config.json, the environment or a flag: a sentence for the operator.
package struct ConfigurationError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
