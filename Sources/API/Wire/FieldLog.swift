// Records which members of a request were read, at every depth. Unread members are reported when their object has been
// read: a near miss of a name that was read there is an error, all others are ignored and listed. `IgnoredFields`
// limits the cost.
import JSON
import Text

/// The record that all readers of one request share.
final class FieldLog {
  /// An object that is being read.
  private struct Entry {
    let object: JSONObject
    let path: String
    /// Names that were read.
    var asked: [String] = []
  }

  /// Objects that are being read, outer ones first, starting with the request itself.
  private var entries: [Entry] = []
  /// Fields that the request may have; nil if the fields that are read determine them.
  private let fields: [String]?
  private(set) var ignored = IgnoredFields()

  /// Starts the record of the request `object`, which may have `fields`. Throws for a member that looks misspelt.
  init(_ object: JSONObject, fields: [String]) throws(APIError) {
    self.fields = fields
    entries = [Entry(object: object, path: "")]
    try ignored.note(unknownIn: object, known: fields)
  }

  /// Whether the request may have the field `name`.
  func isField(_ name: String) -> Bool { fields?.contains(name) ?? true }

  /// Adds an object and returns its index.
  func open(_ object: JSONObject, at path: String) -> Int {
    entries.append(Entry(object: object, path: path))
    return entries.count - 1
  }

  /// Notes that the member `name` of the object at `index` was read.
  func ask(_ name: String, at index: Int) {
    guard entries.indices.contains(index) else { return }
    assert(index > 0 || isField(name), "\(name) is not among the request's fields")
    if !entries[index].asked.contains(exactly: name) { entries[index].asked.append(name) }
  }

  /// Lists the field at `path` as one without effect.
  func ignore(_ path: String) { ignored.note(path) }

  /// Ends the objects from `index` on. Throws for the first member that looks like a misspelling.
  func close(from index: Int) throws(APIError) {
    guard index > 0, index < entries.count else { return }
    let closed = entries[index...]
    entries.removeSubrange(index...)
    for entry in closed { try ignored.note(unknownIn: entry.object, at: entry.path, known: entry.asked) }
  }

  /// Ends the request and returns the fields without effect.
  func finish() throws(APIError) -> IgnoredFields {
    try close(from: 1)
    assert(
      fields?.allSatisfy { entries[0].asked.contains($0) } ?? true,
      "never asked for: \(fields?.filter { !entries[0].asked.contains($0) } ?? [])")
    return ignored
  }

  /// An unread member of the object at `index`. Throws if it looks misspelt.
  func stray(at index: Int) throws(APIError) -> String? {
    guard entries.indices.contains(index) else { return nil }
    let entry = entries[index]
    try ignored.note(unknownIn: entry.object, at: entry.path, known: entry.asked)
    return entry.object.names.first { !entry.asked.contains(exactly: $0) }
  }

  /// Throws if a member of the object at `index` looks like a misspelling of the missing `name`.
  func checkSpelling(of name: String, at index: Int) throws(APIError) {
    guard entries.indices.contains(index) else { return }
    let entry = entries[index]
    var found = IgnoredFields()
    // Members that are read later are no misspellings of this one, because no two known names are near misses.
    try found.note(unknownIn: entry.object, at: entry.path, known: entry.asked)
  }
}
