// Reads the parameters of a URL's query by name (application/x-www-form-urlencoded). As with bodies, errors state the
// parameter, the allowed values and the value found, and a near miss of a name is an error.
import Foundation
import JSON
import Text

/// The parameters of one request.
struct QueryReader {
  private var values: [(name: String, value: String)] = []

  /// The maximum number of bytes and of parameters of a query.
  private static let maxBytes = 8192, maxParameters = 64

  /// Splits and decodes `query`.
  init(_ query: String) throws(APIError) {
    guard query.utf8.count <= Self.maxBytes else {
      throw .invalid(nil, "The query must have at most \(Self.maxBytes) bytes, got \(query.utf8.count).")
    }
    for part in query.split(at: "&") {
      let pair = part.split(at: "=", maxSplits: 1, omittingEmpty: false)
      guard let name = Self.decoded(pair[0]), let value = Self.decoded(pair.count > 1 ? pair[1] : "") else {
        throw .invalid(
          nil, "The query must be percent-encoded UTF-8, got \"\(part.excerpt(64))\".", code: "invalid_value")
      }
      if values.contains(where: { $0.name.isEqual(exactly: name) }) { throw Self.fail(name, "must not be repeated") }
      guard values.count < Self.maxParameters else {
        throw .invalid(nil, "The query must have at most \(Self.maxParameters) parameters.")
      }
      values.append((name, value))
    }
  }

  private static func decoded(_ text: Substring) -> String? {
    String(decoding: text.utf8.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 }, as: UTF8.self).removingPercentEncoding
  }

  /// The names that are not in `known`. Throws for the first that looks misspelt.
  func unknown(known: [String]) throws(APIError) -> IgnoredFields {
    var object = JSONObject()
    for (name, value) in values { object[name] = .string(value) }
    var ignored = IgnoredFields()
    try ignored.note(unknownIn: object, known: known)
    return ignored
  }

  /// A text that is not empty.
  func text(_ name: String) throws(APIError) -> String? {
    guard let value = values.first(where: { $0.name.isEqual(exactly: name) })?.value else { return nil }
    if value.isEmpty { throw Self.fail(name, "must not be empty") }
    return value
  }

  /// One of `words`.
  func word(_ name: String, of words: [String]) throws(APIError) -> String? {
    guard let word = try text(name) else { return nil }
    guard words.contains(exactly: word) else {
      throw Self.fail(name, "must be one of \(words.joined(separator: ", ")), got \"\(word.excerpt(40))\"")
    }
    return word
  }

  /// A comma-separated list of different `words`.
  func words(_ name: String, of words: [String]) throws(APIError) -> [String]? {
    guard let text = try text(name) else { return nil }
    let list = text.split(at: ",", omittingEmpty: false).map(String.init)
    guard list.allSatisfy({ words.contains(exactly: $0) }), Set(list.map(\.exact)).count == list.count else {
      throw Self.fail(
        name,
        "must be a comma-separated list of different values from \(words.joined(separator: ", ")), "
          + "got \"\(text.excerpt(80))\""
      )
    }
    return list
  }

  /// A time in seconds since the epoch, from a number or an RFC 3339 time.
  func time(_ name: String) throws(APIError) -> Double? {
    guard let text = try text(name) else { return nil }
    let latest = 253_402_300_799.0  // The end of the year 9999.
    let seconds = Double(text) ?? (try? Date(text, strategy: .iso8601))?.timeIntervalSince1970
    guard let seconds, (0...latest).contains(seconds) else {
      throw Self.fail(
        name, "must be seconds since the epoch or a time such as 2026-11-26T00:00:00Z, got \"\(text.excerpt(40))\"")
    }
    return seconds
  }

  static func fail(_ name: String, _ what: String) -> APIError {
    .invalid(name.utf8.count <= 64 ? name : nil, "\(name.excerpt(64)) \(what).", code: "invalid_value")
  }
}
