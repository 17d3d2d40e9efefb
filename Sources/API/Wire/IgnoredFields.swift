// Collects the fields of one request that have no effect, and finds misspelt ones among them. One value serves a whole
// request, so that only the first unknown names are examined, at whatever depth.
import HTTP
import JSON
import Text

/// The names for `x-ignored-parameters`, in the order of the request.
package struct IgnoredFields: Sendable {
  /// The maximum number of unknown names that are examined. A repeated name, such as a field of every message, counts
  /// once.
  static let maxExamined = 64
  /// Names in the header, and bytes of each.
  private static let maxNames = 16, maxBytes = 128

  /// Examined paths, without indices.
  private var examined: Set<ExactString> = []
  /// The number of names that are too long to be listed or misspelt; they count as examined.
  private var tooLong = 0
  private var names: [String] = []

  package init() {}

  /// Notes a known field that has no effect here. `path` may have indices: `messages[3].name`.
  mutating func note(_ path: String) { add(Self.unindexed(path)) }

  private mutating func add(_ name: String) {
    guard names.count < Self.maxNames, Self.isPlain(name), !names.contains(exactly: name) else { return }
    names.append(name)
  }

  /// Notes the members of the object at `path` that are not in `known`. Throws for the first that looks like a
  /// misspelling.
  mutating func note(unknownIn object: JSONObject, at path: String = "", known: [String]) throws(APIError) {
    for name in object.names where !known.contains(exactly: name) {
      // Names are unique in an object, so this ends the loop soon.
      if examined.count + tooLong >= Self.maxExamined { return }
      guard name.utf8.count <= FieldNames.maxBytes else {
        tooLong += 1
        continue
      }
      let path = path.isEmpty ? name : "\(path).\(name)"
      let shown = Self.unindexed(path)
      guard examined.insert(shown.exact).inserted else { continue }
      if let meant = FieldNames.suggestion(for: name, among: known) {
        throw .invalid(
          path, "\(path) is not a field of this API; did you mean \(meant)?", code: "unknown_parameter")
      }
      add(shown)
    }
  }

  /// The value of `x-ignored-parameters`, with `others` at its end; nil if it would be empty.
  package func header(adding others: [String] = []) -> String? {
    var all = self
    for name in others { all.add(name) }
    return all.names.isEmpty ? nil : all.names.joined(separator: ", ")
  }

  /// Whether a header can contain `name`.
  private static func isPlain(_ name: String) -> Bool {
    !name.isEmpty && name.utf8.count <= maxBytes
      && name.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
          UInt8(ascii: "0")...UInt8(ascii: "9"):
          true
        default: "_.-[]".utf8.contains(byte)
        }
      }
  }

  /// `messages[].x` for `messages[3].x`, so that a long conversation lists a field once.
  private static func unindexed(_ path: String) -> String {
    guard path.utf8.contains(UInt8(ascii: "[")) else { return path }
    var plain: [UInt8] = []
    var isIndex = false
    for byte in path.utf8 {
      if byte == UInt8(ascii: "]") { isIndex = false }
      if !isIndex { plain.append(byte) }
      if byte == UInt8(ascii: "[") { isIndex = true }
    }
    return String(decoding: plain, as: UTF8.self)
  }
}

extension HTTPResponse {
  /// Lists the fields of the request that had no effect, and `others`, in a header.
  mutating func list(_ ignored: IgnoredFields, adding others: [String] = []) {
    if let names = ignored.header(adding: others) { headers["x-ignored-parameters"] = names }
  }
}
