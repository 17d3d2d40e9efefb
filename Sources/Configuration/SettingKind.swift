// The values that a setting accepts, from JSON and from text. Values are checked here and nowhere else.
import JSON

/// The type and range of a setting.
package indirect enum SettingKind: Sendable {
  case bool
  case integer(ClosedRange<Int>)
  case number(ClosedRange<Double>)
  /// Any text but the empty one.
  case string
  case choice([String])
  case list(ListEntry)
  /// A file's permissions, as `chmod` reads them.
  case fileMode
  /// The values of another kind, or null.
  case nullable(SettingKind)

  /// The kind of a list's entries.
  package enum ListEntry: Sendable {
    case text
    /// The name of a host, without scheme and port.
    case hostName
    /// A web origin, or `*`.
    case origin

    /// Returns what is wrong with `text`, or nil.
    func fault(in text: String) -> String? {
      switch self {
      case .text: nil
      case .hostName: WebName.fault(inHost: text)
      case .origin: WebName.fault(inOrigin: text)
      }
    }

    /// Returns an entry in the form that code compares: origins as browsers send them.
    func normalised(_ text: String) -> String {
      switch self {
      case .text, .hostName: text
      case .origin: WebName.normalised(origin: text)
      }
    }
  }

  /// The allowed values, for documentation and errors: `an integer from 1 to 8`.
  package var allowed: String {
    switch self {
    case .bool: "true or false"
    case .integer(let range): "an integer from \(range.lowerBound) to \(range.upperBound)"
    case .number(let range): "a number from \(range.lowerBound) to \(range.upperBound)"
    case .string: "a string"
    case .choice(let names): "one of " + names.map { "\"\($0)\"" }.joined(separator: ", ")
    case .list(.text): "a list of strings"
    case .list(.hostName): "a list of host names without port"
    case .list(.origin): "a list of origins such as `https://app.example.com:8443`, or `*`"
    case .fileMode: "a string of three octal digits"
    case .nullable(.string): "a string or null"
    case .nullable(let kind): kind.allowed + ", or null"
    }
  }

  /// Whether `value` has the right type and is in range. Entries of lists need `fault(in:)` besides.
  func allows(_ value: JSONValue) -> Bool {
    switch self {
    case .bool: value.bool != nil
    case .integer(let range): value.int.map(range.contains) ?? false
    case .number(let range): value.double.map(range.contains) ?? false
    case .string: value.string.map { !$0.isEmpty } ?? false
    case .choice(let names): value.string.map(names.contains) ?? false
    case .list: value.array.map { $0.allSatisfy { $0.string?.isEmpty == false } } ?? false
    case .fileMode: value.string.map { $0.utf8.count == 3 && $0.allSatisfy("01234567".contains) } ?? false
    case .nullable(let kind): value.isNull || kind.allows(value)
    }
  }

  /// Returns the first entry of a list that is not allowed, and what is wrong with it.
  func fault(in value: JSONValue) -> (entry: String, fault: String)? {
    guard case .list(let entries) = self else { return nil }
    for entry in (value.array ?? []).compactMap(\.string) {
      if let fault = entries.fault(in: entry) { return (entry, fault) }
    }
    return nil
  }

  /// Reads the text of a variable or a flag, without checking the range. Throws the reason when the text has another
  /// form.
  func value(fromText text: String) throws(TextFault) -> JSONValue {
    switch self {
    case .string, .choice, .fileMode: return .string(text)
    case .list: return try Self.list(fromText: text)
    case .nullable(let kind):
      return text.isEmpty || text.utf8.elementsEqual("null".utf8) ? .null : try kind.value(fromText: text)
    case .bool, .integer, .number:
      guard let value = try? JSONValue(parsing: text) else { throw TextFault(reason: nil) }
      return value
    }
  }

  /// Why a text is not a value; `reason` is nil where the kind's `allowed` says it.
  struct TextFault: Error { let reason: String? }

  /// A list as JSON writes it, `["a","b"]`, or as `a,b` with optional spaces; the empty text is the empty list.
  private static func list(fromText text: String) throws(TextFault) -> JSONValue {
    let words = text.utf8.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false).map(\.trimmed)
    guard let first = words.first?.first else {
      // A comma alone is a mistake; an empty text is an empty list.
      if words.count <= 1 { return .array([]) }
      throw TextFault(reason: "has an empty entry in \(JSONValue.string(text).excerpt)")
    }
    let isJSON = first == UInt8(ascii: "[") && !isAddress(words[0])
    if isJSON || (words.count == 1 && words[0].elementsEqual("null".utf8)) {
      do { return try JSONValue(parsing: text) } catch { throw TextFault(reason: "is not a JSON list: \(error)") }
    }
    return .array(words.map { .string(String(decoding: $0, as: UTF8.self)) })
  }

  /// Whether a word that begins with `[` is an IPv6 address rather than the start of a JSON list.
  private static func isAddress(_ word: Substring.UTF8View) -> Bool {
    word.contains(UInt8(ascii: ":")) && !word.contains(UInt8(ascii: "\""))
  }
}

extension JSONValue {
  /// The first 80 characters of its JSON text, for errors.
  var excerpt: String { String(String(decoding: encoded, as: UTF8.self).prefix(80)) }
}
