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
    /// Names of hosts without scheme and port.
    case hostNames
    /// Web origins, or `*`.
    case origins
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
    case .hostNames: "a list of host names without port"
    case .origins: "a list of origins such as `https://app.example.com:8443`, or `*`"
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
      case .strings, .hostNames, .origins: value.array.map { $0.allSatisfy { $0.string?.isEmpty == false } } ?? false
      case .fileMode: value.string.map { $0.utf8.count == 3 && $0.allSatisfy("01234567".contains) } ?? false
      }
    if !fits { throw ConfigurationError("\(source): \(path) must be \(allowed), not \(Self.shown(value))") }
    for entry in value.array ?? [] {
      guard let text = entry.string, let fault = fault(inEntry: text) else { continue }
      throw ConfigurationError("\(source): \(path) must be \(allowed); \(Self.shown(entry)) \(fault)")
    }
  }

  /// What is wrong with an entry of a list; nil when nothing is.
  private func fault(inEntry text: String) -> String? {
    switch kind {
    case .hostNames: WebName.fault(inHost: text)
    case .origins: WebName.fault(inOrigin: text)
    default: nil
    }
  }

  /// Reads the text of an environment variable or a flag. Line ends at its end are not part of it: a file of variables with CRLF,
  /// or a secret that is a file, leaves them there.
  func value(fromText text: String, source: String) throws(ConfigurationError) -> JSONValue {
    let text = String(decoding: text.utf8.droppingLineEnds, as: UTF8.self)
    let isNull = text.isEmpty || text.utf8.elementsEqual("null".utf8)
    let value: JSONValue
    switch kind {
    case .string, .choice, .fileMode: value = .string(text)
    case .optionalString, .optionalChoice: value = isNull ? .null : .string(text)
    case .strings, .hostNames, .origins: value = try list(fromText: text, source: source)
    case .bool, .integer, .number, .optionalInteger, .optionalNumber:
      guard let parsed = try? JSONValue(parsing: text.isEmpty ? "null" : text) else {
        throw ConfigurationError("\(source): \(path) must be \(allowed), not \(Self.shown(.string(text)))")
      }
      value = parsed
    }
    try check(value, source: source)
    return value
  }

  /// A list as JSON writes it, `["a","b"]`, or as `a,b` with optional spaces; the empty text is the empty list.
  private func list(fromText text: String, source: String) throws(ConfigurationError) -> JSONValue {
    let words = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(\.trimmed)
    guard let first = words.first?.first else {
      // A comma alone is a mistake; nothing at all is an empty list.
      if words.count <= 1 { return .array([]) }
      throw ConfigurationError("\(source): \(path) has an empty entry in \(Self.shown(.string(text)))")
    }
    let isJSON = first == UInt8(ascii: "[") && !Self.isAddress(words[0])
    if isJSON || (words.count == 1 && words[0].elementsEqual("null".utf8)) {
      do { return try JSONValue(parsing: text) } catch {
        throw ConfigurationError("\(source): \(path) is not a JSON list: \(error)")
      }
    }
    return .array(words.map { .string(String(decoding: $0, as: UTF8.self)) })
  }

  /// Whether a word that begins with `[` is an IPv6 address rather than the start of a JSON list.
  private static func isAddress(_ word: Substring.UTF8View) -> Bool {
    word.contains(UInt8(ascii: ":")) && !word.contains(UInt8(ascii: "\""))
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
