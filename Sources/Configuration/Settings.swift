// The settings in force: defaults, then config.json, then R4B_* variables, then flags. Unknown names in the file and in flags
// are errors, so that a misspelt limit cannot be silently off. Unknown variables are warnings: others set variables too.
import JSON

/// A complete, validated set of settings.
package struct Settings: Sendable {
  private var values: [String: JSONValue] = [:]
  /// Paths that the file, a variable or a flag has set.
  private var given: Set<String> = []
  /// Sentences for the operator about what was ignored.
  package private(set) var warnings: [String] = []

  /// The defaults.
  package init() { for setting in Setting.all { values[setting.path] = setting.standard } }

  /// Takes over what a config.json says. `source` is its path, for errors.
  package mutating func apply(file text: [UInt8], source: String) throws(ConfigurationError) {
    let document: JSONValue
    do { document = try JSONValue(parsing: text) } catch {
      throw ConfigurationError("\(source): \(error)")
    }
    guard let sections = document.object else { throw ConfigurationError("\(source): expected an object") }
    for section in sections.members {
      guard let entries = section.value.object else {
        throw ConfigurationError("\(source): \(section.name) must be an object\(Self.suggestion(section.name))")
      }
      for entry in entries.members {
        try set("\(section.name).\(entry.name)", entry.value, source: source)
      }
    }
  }

  /// Takes over every `R4B_*` variable that names a setting. Other `R4B_*` names but `reserved` are warnings.
  package mutating func apply(
    environment: [String: String], reserved: Set<String> = ["R4B_API_KEY", "R4B_CONFIG", "R4B_JUDGE_KEY"]
  ) throws(ConfigurationError) {
    var ofServices: [String] = []
    for (name, text) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix("R4B_") && !reserved.contains(name) {
      if ServiceVariable.matches(name: name, value: text) {
        ofServices.append(name)
      } else if let setting = Setting.all.first(where: { $0.environmentName == name }) {
        try set(setting, setting.value(fromText: text, source: "environment: \(name)"))
      } else {
        warnings.append("environment: \(name) is not a setting and is ignored\(Self.suggestion(variable: name))")
      }
    }
    if ofServices.isEmpty { return }
    warnings.append(
      "environment: variables of a Kubernetes Service are ignored: \(ofServices.joined(separator: ", ")); "
        + "enableServiceLinks: false in the pod's specification turns them off")
  }

  /// Takes over one flag `path=value`, or a dedicated flag's text.
  package mutating func apply(flag path: String, text: String, source: String) throws(ConfigurationError) {
    guard let setting = Setting.named(path) else {
      throw ConfigurationError("\(source): \(path) is not a setting\(Self.suggestion(path))")
    }
    try set(setting, setting.value(fromText: text, source: source))
  }

  private mutating func set(_ path: String, _ value: JSONValue, source: String) throws(ConfigurationError) {
    guard let setting = Setting.named(path) else {
      throw ConfigurationError("\(source): \(path) is not a setting\(Self.suggestion(path))")
    }
    try setting.check(value, source: source)
    set(setting, value)
  }

  private mutating func set(_ setting: Setting, _ value: JSONValue) {
    values[setting.path] = value
    given.insert(setting.path)
  }

  /// The variables of the section that `variable` names; empty when it names none.
  private static func suggestion(variable: String) -> String {
    let section = variable.dropFirst("R4B_".count).prefix { $0 != "_" }
    let near = Setting.all.map(\.environmentName).filter { $0.hasPrefix("R4B_\(section)_") }
    return near.isEmpty ? "" : "; known are \(near.joined(separator: ", "))"
  }

  /// The setting that `path` may have meant: same name in another section, or same section.
  private static func suggestion(_ path: String) -> String {
    let name = path.split(separator: ".").last ?? ""
    let section = path.split(separator: ".").first ?? ""
    let near = Setting.all.filter { $0.path.hasSuffix(".\(name)") || $0.path.hasPrefix("\(section).") }.map(\.path)
    return near.isEmpty ? "" : "; known are \(near.joined(separator: ", "))"
  }

  private func value(_ path: String) -> JSONValue {
    guard let value = values[path] else { preconditionFailure("no setting \(path)") }
    return value
  }

  package func bool(_ path: String) -> Bool { value(path).bool ?? false }
  package func int(_ path: String) -> Int { value(path).int ?? 0 }
  package func optionalInt(_ path: String) -> Int? { value(path).int }
  package func double(_ path: String) -> Double { value(path).double ?? 0 }
  package func optionalDouble(_ path: String) -> Double? { value(path).double }
  package func string(_ path: String) -> String { value(path).string ?? "" }
  package func optionalString(_ path: String) -> String? { value(path).string }
  /// The permission bits of a file.
  package func fileMode(_ path: String) -> UInt32 { UInt32(string(path), radix: 8) ?? 0 }
  package func strings(_ path: String) -> [String] { value(path).array?.compactMap(\.string) ?? [] }
  /// Web origins as browsers send them.
  package func origins(_ path: String) -> [String] { strings(path).map(WebName.normalised) }
  /// Whether the file, a variable or a flag has set this, be it to its default.
  package func isGiven(_ path: String) -> Bool { given.contains(path) }
  package func seconds(_ path: String) -> Duration { .seconds(double(path)) }

  /// All settings as the nested object that config.json has.
  package var document: JSONValue {
    var sections = JSONObject()
    for setting in Setting.all {
      let parts = setting.path.split(separator: ".", maxSplits: 1).map(String.init)
      var section = sections[parts[0]]?.object ?? JSONObject()
      section[parts[1]] = value(setting.path)
      sections[parts[0]] = .object(section)
    }
    return .object(sections)
  }

  /// The table of `docs/configuration.md`, one row a setting.
  package static var documentation: String {
    Setting.all.map { setting in
      let standard = String(decoding: setting.standard.encoded, as: UTF8.self)
      return "| `\(setting.path)` | `\(standard)` | \(setting.allowed) | \(setting.help) |"
    }.joined(separator: "\n")
  }
}
