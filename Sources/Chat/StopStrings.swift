// Finds stop strings in a stream of text, also across pieces. Bytes that may begin a stop string are held back.

/// The search state of one answer.
package struct StopStrings: Sendable {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  package private(set) var found = false

  /// Empty strings never match.
  package init(_ stops: [String]) { self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty } }

  /// Adds text; returns the text that can no longer be part of a stop string, or nil.
  package mutating func append(_ text: String) -> String? {
    if found { return nil }
    if stops.isEmpty { return text }
    held += text.utf8
    var start = 0
    while start < held.count {
      var partial = false
      for stop in stops {
        let length = min(stop.count, held.count - start)
        guard held[start..<start + length].elementsEqual(stop[..<length]) else { continue }
        if length == stop.count {
          found = true
          held.removeSubrange(start...)
          return flush()
        }
        partial = true
      }
      if partial { break }
      start += 1
    }
    if start == 0 { return nil }
    // A stop string begins at the first byte of a scalar, so the text before a possible match is valid UTF-8.
    let text = String(decoding: held[..<start], as: UTF8.self)
    held.removeSubrange(..<start)
    return text
  }

  /// Returns the text that was held back, which is no stop string.
  package mutating func flush() -> String? {
    if held.isEmpty { return nil }
    defer { held = [] }
    return String(decoding: held, as: UTF8.self)
  }
}
