// The options of all commands with a model, and how they become settings: defaults, file, environment, flags.
import ArgumentParser
import Configuration
import Foundation

struct SettingsOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Settings file; default: config.json in the working directory.", valueName: "path"))
  var config: String?

  @Option(help: ArgumentHelp("Model: a directory in Hugging Face layout, or a GGUF file.", valueName: "path"))
  var model: String?

  @Option(help: ArgumentHelp("Vision file of a GGUF file; default: mmproj-NAME.gguf beside it.", valueName: "path"))
  var mmproj: String?

  @Option(
    help: ArgumentHelp(
      "Quantise weights of 16 or 32 bits while loading: q4_k_m, q4_0, q5_k_m, q6_k or q8_0.", valueName: "type"))
  var quantize: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Override a setting, for instance scheduling.threads=2; may be repeated.", valueName: "name=value"))
  var assignments: [String] = []

  /// The settings in force, and the folder that their relative paths start from.
  func load(flags: [SettingsFlag] = []) throws -> (settings: Settings, base: URL) {
    let environment = ProcessInfo.processInfo.environment
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)
    var settings = Settings()
    var base = here
    if let path = config ?? environment["R4B_CONFIG"] ?? Self.standardFile {
      guard let text = FileManager.default.contents(atPath: path) else {
        throw ConfigurationError("\(path): cannot read the settings file")
      }
      try settings.apply(file: Array(text), source: path)
      base = URL(fileURLWithPath: path).deletingLastPathComponent()
    }
    try settings.apply(environment: environment)
    for assignment in assignments {
      guard let equals = assignment.firstIndex(of: "=") else {
        throw ConfigurationError("--set must be name=value, got \(assignment)")
      }
      let text = String(assignment[assignment.index(after: equals)...])
      try settings.apply(flag: String(assignment[..<equals]), text: text, source: "--set")
    }
    // Paths in flags start from the working directory, those in the file from the file.
    func path(_ file: String?) -> String? { file.map { URL(fileURLWithPath: $0, relativeTo: here).path } }
    let own = [
      SettingsFlag(\.model.path, path(model), "--model"), SettingsFlag(\.model.mmproj, path(mmproj), "--mmproj"),
      SettingsFlag(\.model.quantize, quantize, "--quantize"),
    ]
    for flag in flags + own { try flag.apply(to: &settings) }
    for warning in settings.warnings { note("Warning: \(warning).") }
    return (settings, base)
  }

  private static var standardFile: String? {
    FileManager.default.fileExists(atPath: "config.json") ? "config.json" : nil
  }
}

/// A flag of its own for a setting, such as `--port`.
struct SettingsFlag {
  private let set: (inout Settings) throws(ConfigurationError) -> Void

  /// The flag `name` with `text`; nil where it is not given.
  init<Value>(_ setting: KeyPath<SettingSections, Setting<Value>>, _ text: String?, _ name: String) {
    set = { settings throws(ConfigurationError) in
      if let text { try settings.apply(flag: setting, text: text, source: name) }
    }
  }

  func apply(to settings: inout Settings) throws(ConfigurationError) { try set(&settings) }
}
