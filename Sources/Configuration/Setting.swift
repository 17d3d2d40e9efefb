// One setting: its place in config.json, its type and bounds, its default and what it means. The table of all settings is the
// single source for parsing, environment names, and the documentation.
import JSON

/// A documented entry of config.json.
package struct Setting: Sendable {
  package enum Kind: Sendable {
    case bool
    case integer(ClosedRange<Int>)
    case number(ClosedRange<Double>)
    case string
    /// A string or null.
    case optionalString
    /// An integer or null.
    case optionalInteger(ClosedRange<Int>)
    /// A number or null.
    case optionalNumber(ClosedRange<Double>)
    case choice([String])
    /// One of the names or null.
    case optionalChoice([String])
    case strings
    /// A file's permissions, as `chmod` reads them.
    case fileMode
  }

  /// Section and name, for instance `server.port`.
  package let path: String
  package let kind: Kind
  package let standard: JSONValue
  /// One sentence with units.
  package let help: String

  init(_ path: String, _ kind: Kind, _ standard: JSONValue, _ help: String) {
    (self.path, self.kind, self.standard, self.help) = (path, kind, standard, help)
  }

  /// The variable that overrides this setting: `R4B_SERVER_PORT` for `server.port`.
  package var environmentName: String { "R4B_" + path.uppercased().replacing(".", with: "_") }

  /// What values are allowed, for documentation and errors.
  package var allowed: String {
    switch kind {
    case .bool: "true or false"
    case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .string: "a string"
    case .optionalString: "a string or null"
    case .optionalInteger(let range): "an integer from \(range.lowerBound) to \(range.upperBound), or null"
    case .optionalNumber(let range): "a number from \(range.lowerBound) to \(range.upperBound), or null"
    case .choice(let names): "one of " + names.map { "\"\($0)\"" }.joined(separator: ", ")
    case .optionalChoice(let names): "one of " + names.map { "\"\($0)\"" }.joined(separator: ", ") + ", or null"
    case .strings: "a list of strings"
    case .fileMode: "a string of three octal digits"
    }
  }

  /// Throws when `value` is not allowed here. `source` says where it was written.
  func check(_ value: JSONValue, source: String) throws(ConfigurationError) {
    let fits =
      switch kind {
      case .bool: value.bool != nil
      case .integer(let range): value.int.map(range.contains) ?? false
      case .number(let range): value.double.map(range.contains) ?? false
      case .string: value.string.map { !$0.isEmpty } ?? false
      case .optionalString: value.isNull || value.string.map { !$0.isEmpty } ?? false
      case .optionalInteger(let range): value.isNull || value.int.map(range.contains) ?? false
      case .optionalNumber(let range): value.isNull || value.double.map(range.contains) ?? false
      case .choice(let names): value.string.map(names.contains) ?? false
      case .optionalChoice(let names): value.isNull || value.string.map(names.contains) ?? false
      case .strings: value.array.map { $0.allSatisfy { $0.string != nil } } ?? false
      case .fileMode: value.string.map { $0.utf8.count == 3 && $0.allSatisfy("01234567".contains) } ?? false
      }
    if !fits { throw ConfigurationError("\(source): \(path) must be \(allowed), not \(Self.shown(value))") }
  }

  /// Reads the text of an environment variable or a flag.
  func value(fromText text: String, source: String) throws(ConfigurationError) -> JSONValue {
    let value: JSONValue
    switch kind {
    case .string, .choice, .fileMode: value = .string(text)
    case .optionalString, .optionalChoice: value = text.isEmpty ? .null : .string(text)
    case .strings:
      value = .array(text.split(separator: ",").map { .string($0.trimmingPrefix(while: \.isWhitespace).description) })
    case .bool, .integer, .number, .optionalInteger, .optionalNumber:
      guard let parsed = try? JSONValue(parsing: text.isEmpty ? "null" : text) else {
        throw ConfigurationError("\(source): \(path) must be \(allowed), not \"\(text.prefix(80))\"")
      }
      value = parsed
    }
    try check(value, source: source)
    return value
  }

  private static func shown(_ value: JSONValue) -> String {
    String(String(decoding: value.encoded, as: UTF8.self).prefix(80))
  }
}

/// A mistake in config.json, the environment or a flag: a sentence for the operator.
package struct ConfigurationError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}
