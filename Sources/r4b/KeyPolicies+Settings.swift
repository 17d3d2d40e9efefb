// The policies file: `{"NAME": {"force_mode", "forbid_modes", "max_thinking_tokens", "max_tokens"}, "*": …}` by names
// of keys.
import API
import Configuration
import Foundation
import GenerationTypes
import JSON
import Text

extension KeyPolicies {
  /// Reads the file that the settings name; without one everything is allowed. A policy for a name without a key is an
  /// error, because it would have no effect.
  init(_ settings: Settings, _ base: URL, _ keys: APIKeys) throws {
    self.init()
    guard let file = settings.auth.policiesFile else { return }
    let path = URL(fileURLWithPath: file, relativeTo: base).path
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError("auth.policies_file: cannot read \(path)")
    }
    let document: JSONValue
    do { document = try JSONValue(parsing: [UInt8](data)) } catch {
      throw ConfigurationError("auth.policies_file: \(path): \(error)")
    }
    guard let entries = document.object else {
      throw ConfigurationError("auth.policies_file: \(path): expected a JSON object")
    }
    for entry in entries.members {
      guard let members = entry.value.object else {
        throw ConfigurationError("\(path): \(entry.name) must be an object")
      }
      let policy = try KeyPolicy(members, at: "\(path): \(entry.name)")
      if entry.name.exact == "*" { others = policy } else { byName[entry.name.exact] = policy }
    }
    let names = keys.names
    for entry in entries.members where entry.name != "*" && !names.contains(entry.name) {
      let known = names.isEmpty ? "there are no keys" : "known names are \(names.joined(separator: ", "))"
      throw ConfigurationError(
        "\(path): the policy \(entry.name) has no API key of that name; \(known)")
    }
  }
}

extension KeyPolicy {
  fileprivate init(_ members: JSONObject, at location: String) throws {
    self.init()
    func mode(_ value: JSONValue, _ name: String) throws -> ThinkingMode {
      guard let mode = value.string.flatMap(ThinkingMode.init(rawValue:)) else {
        throw ConfigurationError("\(location).\(name) must be auto, long or short")
      }
      return mode
    }
    func count(_ value: JSONValue, _ name: String, from least: Int) throws -> Int {
      guard let count = value.int, (least...1_000_000_000).contains(count) else {
        throw ConfigurationError("\(location).\(name) must be an integer from \(least) to 1000000000")
      }
      return count
    }
    for member in members.members {
      switch member.name {
      case "force_mode": forcedMode = try mode(member.value, member.name)
      case "forbid_modes":
        guard let modes = member.value.array else {
          throw ConfigurationError("\(location).forbid_modes must be an array of modes")
        }
        forbiddenModes = Set(try modes.map { try mode($0, "forbid_modes") })
      case "max_thinking_tokens": thinkingBudget = try count(member.value, member.name, from: 0)
      case "max_tokens": maxTokens = try count(member.value, member.name, from: 1)
      default:
        throw ConfigurationError(
          "\(location).\(member.name) is unknown; known are force_mode, forbid_modes, max_thinking_tokens, max_tokens")
      }
    }
    if forbiddenModes.count == ThinkingMode.allCases.count, forcedMode == nil {
      throw ConfigurationError("\(location) must not forbid every mode")
    }
  }
}
