// All settings. To add one, declare it in its section below Sections/, and add its line to config.json and
// docs/configuration.md, which tests compare with the declarations. Code reads it as `settings.section.name`.

/// The sections of config.json, in the order of the documentation.
package struct SettingSections: Sendable {
  package let model = ModelSettings()
  package let server = ServerSettings()
  package let tls = TLSSettings()
  package let auth = AuthSettings()
  package let http = HTTPSettings()
  package let images = ImageSettings()
  package let generation = GenerationSettings()
  package let scheduling = SchedulingSettings()
  package let ledger = LedgerSettings()
  package let shadow = ShadowSettings()
  package let shutdown = ShutdownSettings()
  package let metrics = MetricsSettings()
  package let log = LogSettings()
  package let api = APISettings()

  package static let all = SettingSections()

  /// Every declaration, found by reflection, so that a setting cannot be declared and then forgotten in a list.
  static let definitions: [SettingDefinition] = Mirror(reflecting: all).children.flatMap { section in
    Mirror(reflecting: section.value).children.compactMap { ($0.value as? any SettingDeclaration)?.definition }
  }
}

/// A setting of any type.
private protocol SettingDeclaration {
  var definition: SettingDefinition { get }
}

extension Setting: SettingDeclaration {}
