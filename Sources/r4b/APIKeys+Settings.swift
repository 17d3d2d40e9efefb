// The API keys of the environment and the settings.
import API
import Configuration
import Foundation

extension APIKeys {
  /// The key of `R4B_API_KEY`, named `default`, and those of the keys file. An empty variable is no key.
  init(_ settings: Settings, _ base: URL) throws {
    self.init()
    if let key = ProcessInfo.processInfo.environment["R4B_API_KEY"], !key.utf8.isEmpty {
      try add(written: key, name: "default", source: "R4B_API_KEY")
    }
    guard let file = settings.auth.keysFile else { return }
    let path = URL(fileURLWithPath: file, relativeTo: base).path
    guard let data = FileManager.default.contents(atPath: path) else {
      throw ConfigurationError("auth.keys_file: cannot read \(path)")
    }
    try add(file: [UInt8](data), source: "auth.keys_file: \(path)")
  }

  /// Returns a key for outgoing requests; nil where `text` is empty. Throws for a key that this server would not
  /// accept.
  static func outgoing(_ text: String?, source: String) throws -> String? {
    guard let text, !text.utf8.isEmpty else { return nil }
    var keys = APIKeys()
    try keys.add(written: text, name: "outgoing", source: source)
    return text.trimmingCharacters(in: .whitespacesAndNewlines.union(CharacterSet(charactersIn: "\u{FEFF}")))
  }
}
