// Which members of one request were asked for, at every depth. What nobody asked for is reported when its object has been read: a
// near miss of a name that was asked for there is an error, everything else is ignored and named. `IgnoredFields` bounds the cost.
import JSON
import Text

/// The account that all readers of one request share.
final class FieldLog {
  /// An object that is being read.
  private struct Entry {
    let object: JSONObject
    let path: String
    /// Names that were asked for; a handful, but for the request itself.
    var asked: [String] = []
  }

  /// Objects that are not finished, outer ones first; the request itself is the first.
  private var entries: [Entry] = []
  /// Fields that the request may have; nil where that is told by what is asked for.
  private let fields: [String]?
  private(set) var ignored = IgnoredFields()

  /// The account of the request `object`, which may have `fields`. Throws for a member that looks misspelt.
  init(_ object: JSONObject, fields: [String]) throws(APIError) {
    self.fields = fields
    entries = [Entry(object: object, path: "")]
    try ignored.note(unknownIn: object, known: fields)
  }

  /// Whether the request may have the field `name`.
  func isField(_ name: String) -> Bool { fields?.contains(name) ?? true }

  /// Adds an object; returns its place.
  func open(_ object: JSONObject, at path: String) -> Int {
    entries.append(Entry(object: object, path: path))
    return entries.count - 1
  }

  /// Notes that the member `name` of the object at `place` was asked for.
  func ask(_ name: String, at place: Int) {
    guard entries.indices.contains(place) else { return }
    assert(place > 0 || isField(name), "\(name) is not among the request's fields")
    if !entries[place].asked.contains(exactly: name) { entries[place].asked.append(name) }
  }

  /// Names the field at `path` as one that has no effect.
  func ignore(_ path: String) { ignored.note(path) }

  /// Ends the objects from `place` on. Throws for the first member that looks like a misspelling.
  func close(from place: Int) throws(APIError) {
    guard place > 0, place < entries.count else { return }
    let closed = entries[place...]
    entries.removeSubrange(place...)
    for entry in closed { try ignored.note(unknownIn: entry.object, at: entry.path, known: entry.asked) }
  }

  /// Ends the request; returns what had no effect.
  func finish() throws(APIError) -> IgnoredFields {
    try close(from: 1)
    assert(
      fields?.allSatisfy { entries[0].asked.contains($0) } ?? true,
      "never asked for: \(fields?.filter { !entries[0].asked.contains($0) } ?? [])")
    return ignored
  }

  /// A member of the object at `place` that nobody asked for. Throws where it looks like a misspelling.
  func stray(at place: Int) throws(APIError) -> String? {
    guard entries.indices.contains(place) else { return nil }
    let entry = entries[place]
    try ignored.note(unknownIn: entry.object, at: entry.path, known: entry.asked)
    return entry.object.names.first { !entry.asked.contains(exactly: $0) }
  }

  /// Throws where a member of the object at `place` is probably meant to be `name`, which is missing.
  func checkSpelling(of name: String, at place: Int) throws(APIError) {
    guard entries.indices.contains(place) else { return }
    let entry = entries[place]
    var found = IgnoredFields()
    // Members that are asked for later are no misspellings of this one, as no two names of ours are near misses.
    try found.note(unknownIn: entry.object, at: entry.path, known: entry.asked)
  }
}
