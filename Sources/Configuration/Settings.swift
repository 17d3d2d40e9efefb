// The settings in force: defaults, then config.json, then R4B_* variables, then flags. Unknown names in the file and in
// flags are errors, so that a misspelt limit cannot be silently off. Unknown variables are warnings: others set
// variables too.
import JSON

/// A complete, validated set of settings. `settings.http.maxBodyBytes` is the value of `http.max_body_bytes`.
@dynamicMemberLookup
package struct Settings: Sendable {
  private var values: [String: JSONValue] = [:]
  /// By path, the name under which a setting was last given in each layer: file, environment, flags.
  private var given: [Layer: [String: String]] = [:]
  /// Sentences for the operator: ignored variables, former names.
  package private(set) var warnings: [String] = []

  private enum Layer { case file, environment, flags }

  /// Every setting, in the order of the documentation.
  package static var definitions: [SettingDefinition] { SettingSections.definitions }

  /// The defaults.
  package init() { for setting in Self.definitions { values[setting.path] = setting.standard } }

  // MARK: Reading

  /// The settings of a section.
  package subscript<Section>(dynamicMember section: KeyPath<SettingSections, Section>) -> Values<Section> {
    Values(section: SettingSections.all[keyPath: section], values: values)
  }

  /// The values of one section's settings.
  @dynamicMemberLookup
  package struct Values<Section> {
    fileprivate let section: Section
    fileprivate let values: [String: JSONValue]

    /// The value of a setting.
    package subscript<Value>(dynamicMember setting: KeyPath<Section, Setting<Value>>) -> Value {
      let setting = section[keyPath: setting]
      // Every value was checked when it was set, so it can be decoded.
      return values[setting.definition.path].flatMap(setting.decode) ?? setting.defaultValue
    }
  }

  /// Whether the file, a variable or a flag has set this, be it to its default.
  package func isGiven<Value>(_ setting: KeyPath<SettingSections, Setting<Value>>) -> Bool {
    let path = SettingSections.all[keyPath: setting].definition.path
    return given.values.contains { $0[path] != nil }
  }

  /// All settings as the nested object that config.json has.
  package var document: JSONValue {
    var sections = JSONObject()
    for setting in Self.definitions {
      let parts = setting.path.split(separator: ".", maxSplits: 1).map(String.init)
      var section = sections[parts[0]]?.object ?? JSONObject()
      section[parts[1]] = values[setting.path]
      sections[parts[0]] = .object(section)
    }
    return .object(sections)
  }

  /// The table of `docs/configuration.md`, one row per setting.
  package static var documentation: String {
    definitions.map { setting in
      let standard = String(decoding: setting.standard.encoded, as: UTF8.self)
      return "| `\(setting.path)` | `\(standard)` | \(setting.kind.allowed) | \(setting.help) |"
    }.joined(separator: "\n")
  }

  // MARK: Setting

  /// Applies the text of a config.json. `source` is its path, for errors.
  package mutating func apply(file text: [UInt8], source: String) throws(ConfigurationError) {
    let document: JSONValue
    do { document = try JSONValue(parsing: text) } catch {
      throw ConfigurationError("\(source): \(error)")
    }
    guard let sections = document.object else { throw ConfigurationError("\(source): expected a JSON object") }
    for section in sections.members {
      guard let entries = section.value.object else {
        throw ConfigurationError("\(source): \(section.name) must be an object\(Self.suggestion(section.name))")
      }
      for entry in entries.members {
        let name = "\(section.name).\(entry.name)"
        let setting = try Self.setting(name, source: source)
        try setting.check(entry.value, source: source, name: name)
        try set(setting, entry.value, from: .file, source: source, as: name, current: setting.path)
      }
    }
  }

  /// Applies every `R4B_*` variable that names a setting. Other `R4B_*` names but `reserved` are warnings.
  package mutating func apply(
    environment: [String: String], reserved: Set<String> = ["R4B_API_KEY", "R4B_CONFIG", "R4B_JUDGE_KEY"]
  ) throws(ConfigurationError) {
    var ofServices: [String] = []
    for (name, text) in environment.sorted(by: { $0.key < $1.key })
    where name.hasPrefix("R4B_") && !reserved.contains(name) {
      if ServiceVariable.matches(name: name, value: text) {
        ofServices.append(name)
      } else if let setting = Self.definitions.first(where: {
        $0.environmentName == name || $0.formerEnvironmentName == name
      }) {
        let value = try setting.value(fromText: text, source: "environment: \(name)", name: setting.path)
        try set(setting, value, from: .environment, source: "environment", as: name, current: setting.environmentName)
      } else {
        warnings.append("environment: \(name) is not a setting and is ignored\(Self.suggestion(variable: name))")
      }
    }
    if ofServices.isEmpty { return }
    warnings.append(
      "environment: variables of a Kubernetes Service are ignored: \(ofServices.joined(separator: ", ")); "
        + "enableServiceLinks: false in the pod's specification turns them off")
  }

  /// Applies the flag `--set name=text`; `source` is the flag's name, for errors.
  package mutating func apply(flag name: String, text: String, source: String) throws(ConfigurationError) {
    let setting = try Self.setting(name, source: source)
    let value = try setting.value(fromText: text, source: source, name: name)
    try set(setting, value, from: .flags, source: source, as: name, current: setting.path)
  }

  /// Applies a flag of its own for a setting, such as `--port`.
  package mutating func apply<Value>(
    flag setting: KeyPath<SettingSections, Setting<Value>>, text: String, source: String
  ) throws(ConfigurationError) {
    try apply(flag: SettingSections.all[keyPath: setting].definition.path, text: text, source: source)
  }

  /// The setting with this path, or with this former path.
  private static func setting(_ name: String, source: String) throws(ConfigurationError) -> SettingDefinition {
    guard let setting = definitions.first(where: { $0.path == name || $0.formerPath == name }) else {
      throw ConfigurationError("\(source): \(name) is not a setting\(suggestion(name))")
    }
    return setting
  }

  /// Sets a checked value that was given as `name`. A former name is a warning, and an error where the layer has both
  /// names.
  private mutating func set(
    _ setting: SettingDefinition, _ value: JSONValue, from layer: Layer, source: String, as name: String,
    current: String
  ) throws(ConfigurationError) {
    if let other = given[layer]?[setting.path], other != name {
      let former = name == current ? other : name
      throw ConfigurationError(
        "\(source): \(former) and \(current) are the same setting; remove \(former), its former name")
    }
    if name != current {
      warnings.append("\(source): \(name) was renamed to \(current); the next release rejects the former name")
    }
    given[layer, default: [:]][setting.path] = name
    values[setting.path] = value
  }

  // MARK: Suggestions

  /// The variables of the section that `variable` names; empty when it names none.
  private static func suggestion(variable: String) -> String {
    let section = variable.dropFirst("R4B_".count).prefix { $0 != "_" }
    let near = definitions.map(\.environmentName).filter { $0.hasPrefix("R4B_\(section)_") }
    return near.isEmpty ? "" : "; known are \(near.joined(separator: ", "))"
  }

  /// The settings that `path` may have meant: the same name in another section, or the same section.
  private static func suggestion(_ path: String) -> String {
    let name = path.split(separator: ".").last ?? ""
    let section = path.split(separator: ".").first ?? ""
    let near = definitions.map(\.path).filter { $0.hasSuffix(".\(name)") || $0.hasPrefix("\(section).") }
    return near.isEmpty ? "" : "; known are \(near.joined(separator: ", "))"
  }
}
