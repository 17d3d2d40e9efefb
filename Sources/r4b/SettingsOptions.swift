// The options that all commands with a model share, and how they become settings: defaults, file, environment, flags.
import ArgumentParser
import Configuration
import Foundation

struct SettingsOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Settings file.", valueName: "path"))
  var config: String?

  @Option(help: ArgumentHelp("Directory in Hugging Face layout, or GGUF file.", valueName: "path"))
  var model: String?

  @Option(help: ArgumentHelp("Vision file that goes with a GGUF file.", valueName: "path"))
  var mmproj: String?

  @Option(
    help: ArgumentHelp(
      "Rounds weights of 16 or 32 bits while loading: q4_k_m, q4_0, q5_k_m, q6_k or q8_0.", valueName: "type"))
  var quantize: String?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp("Any setting, for instance scheduling.threads=2.", valueName: "name=value"))
  var assignments: [String] = []

  /// The settings in force, and the folder that their relative paths start from.
  func load(flags: [(path: String, text: String?, flag: String)] = []) throws -> (settings: Settings, base: URL) {
    let environment = ProcessInfo.processInfo.environment
    let here = URL(fileURLWithPath: FileManager.default.currentDirectoryPath, isDirectory: true)
    var settings = Settings()
    var base = here
    if let path = config ?? environment["R4B_CONFIG"] ?? Self.standardFile {
      guard let text = FileManager.default.contents(atPath: path) else {
        throw ConfigurationError("\(path): cannot be read")
      }
      try settings.apply(file: Array(text), source: path)
      base = URL(fileURLWithPath: path).deletingLastPathComponent()
    }
    try settings.apply(environment: environment)
    for assignment in assignments {
      guard let equals = assignment.firstIndex(of: "=") else {
        throw ConfigurationError("--set \(assignment): expected name=value")
      }
      let text = String(assignment[assignment.index(after: equals)...])
      try settings.apply(flag: String(assignment[..<equals]), text: text, source: "--set")
    }
    for flag in flags {
      if let text = flag.text { try settings.apply(flag: flag.path, text: text, source: flag.flag) }
    }
    for (path, text, flag) in [("model.path", model, "--model"), ("model.mmproj", mmproj, "--mmproj")] {
      guard let text else { continue }
      try settings.apply(flag: path, text: URL(fileURLWithPath: text, relativeTo: here).path, source: flag)
    }
    if let quantize { try settings.apply(flag: "model.quantize", text: quantize, source: "--quantize") }
    for warning in settings.warnings { note("Warning: \(warning).") }
    return (settings, base)
  }

  private static var standardFile: String? {
    FileManager.default.fileExists(atPath: "config.json") ? "config.json" : nil
  }
}
