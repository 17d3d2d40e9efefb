// Reads the members of one JSON object by name. Every error states the field's path, the allowed values and the value
// found. null means absent, as in OpenAI's API. Unread members are then rejected as misspelt or ignored.
import JSON
import Text

/// One object of a request and its path.
struct FieldReader {
  let object: JSONObject
  /// Path of the object; empty for the request itself.
  let path: String
  private let log: FieldLog
  /// The object's index in the log.
  private let logIndex: Int

  private init(_ object: JSONObject, at path: String, log: FieldLog) {
    (self.object, self.path, self.log) = (object, path, log)
    logIndex = log.open(object, at: path)
  }

  /// Reads the request itself, which may have `fields`. Throws if it is not an object.
  init(body: JSONValue, fields: [String]) throws(APIError) {
    guard let object = body.object else {
      throw .invalid(nil, "The body must be a JSON object, got \(body.typeName).", code: "invalid_type")
    }
    (self.object, path) = (object, "")
    log = try FieldLog(object, fields: fields)
    logIndex = 0
  }

  // MARK: What is not read

  /// Ends the reading of this object and those within it. Throws for a member that looks misspelt.
  func close() throws(APIError) { try log.close(from: logIndex) }

  /// Ends the reading of the request and returns the fields without effect.
  func finish() throws(APIError) -> IgnoredFields { try log.finish() }

  /// Lists a member as one without effect.
  func ignore(_ name: String) { log.ignore(path(to: name)) }

  /// The same for a field anywhere in the request.
  func ignore(path: String) { log.ignore(path) }

  /// A member that has not been read.
  func stray() throws(APIError) -> String? { try log.stray(at: logIndex) }

  /// Skips known members that have no effect here, and lists those that are not empty.
  func leave(_ names: String...) {
    for name in names {
      guard let value = value(name), value.array?.isEmpty != true, value.object?.isEmpty != true else { continue }
      ignore(name)
    }
  }

  /// Whether this is the request itself, and `name` one of the fields that it may have.
  func isField(_ name: String) -> Bool { logIndex == 0 && log.isField(name) }

  // MARK: Members

  /// The path of the member `name`.
  func path(to name: String) -> String { path.isEmpty ? name : "\(path).\(name)" }

  /// The member's value; nil if it is absent or null.
  func value(_ name: String) -> JSONValue? {
    log.ask(name, at: logIndex)
    guard let value = object[name], !value.isNull else { return nil }
    return value
  }

  func bool(_ name: String) throws(APIError) -> Bool? {
    try value(name).mapChecked { value throws(APIError) in
      guard let bool = value.bool else { throw mismatch(name, "a boolean", value) }
      return bool
    }
  }

  func string(_ name: String) throws(APIError) -> String? {
    try value(name).mapChecked { value throws(APIError) in
      guard let string = value.string else { throw mismatch(name, "a string", value) }
      return string
    }
  }

  func array(_ name: String, max: Int) throws(APIError) -> [JSONValue]? {
    try value(name).mapChecked { value throws(APIError) in
      guard let array = value.array else { throw mismatch(name, "an array", value) }
      if array.count > max { throw fail(name, "must have at most \(max) elements, got \(array.count)") }
      return array
    }
  }

  func object(_ name: String) throws(APIError) -> FieldReader? {
    try value(name).mapChecked { value throws(APIError) in
      guard let object = value.object else { throw mismatch(name, "an object", value) }
      return FieldReader(object, at: path(to: name), log: log)
    }
  }

  /// An object whose members are not checked here.
  func opaque(_ name: String) throws(APIError) -> JSONObject? {
    try value(name).mapChecked { value throws(APIError) in
      guard let object = value.object else { throw mismatch(name, "an object", value) }
      return object
    }
  }

  /// The element `index` of the array `name`, which must be an object.
  func element(_ name: String, _ index: Int, _ value: JSONValue) throws(APIError) -> FieldReader {
    let path = path(to: "\(name)[\(index)]")
    guard let object = value.object else {
      throw .invalid(path, "\(path) must be an object, got \(value.typeName).", code: "invalid_type")
    }
    return FieldReader(object, at: path, log: log)
  }

  func integer(_ name: String, in range: ClosedRange<Int>) throws(APIError) -> Int? {
    try value(name).mapChecked { value throws(APIError) in
      guard value.double != nil else { throw mismatch(name, "an integer", value) }
      guard let integer = value.int else { throw fail(name, "must be an integer, got \(Self.shown(value))") }
      guard range.contains(integer) else {
        throw fail(name, "must be between \(range.lowerBound) and \(range.upperBound), got \(integer)")
      }
      return integer
    }
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws(APIError) -> Double? {
    try value(name).mapChecked { value throws(APIError) in
      guard let number = value.double else { throw mismatch(name, "a number", value) }
      guard range.contains(number) else {
        let (low, high) = (Self.shown(range.lowerBound), Self.shown(range.upperBound))
        throw fail(name, "must be between \(low) and \(high), got \(Self.shown(value))")
      }
      return number
    }
  }

  /// One of `words`.
  func word(_ name: String, of words: [String]) throws(APIError) -> ExactString? {
    try string(name).mapChecked { word throws(APIError) in
      guard words.contains(exactly: word) else {
        throw fail(name, "must be one of \(words.joined(separator: ", ")), got \"\(word.excerpt(40))\"")
      }
      return word.exact
    }
  }

  func require<Value>(_ name: String, _ value: Value?) throws(APIError) -> Value {
    guard let value else {
      try log.checkSpelling(of: name, at: logIndex)
      throw .invalid(path(to: name), "\(path(to: name)) is required.", code: "missing_required_parameter")
    }
    return value
  }

  func mismatch(_ name: String, _ wanted: String, _ value: JSONValue) -> APIError {
    .invalid(path(to: name), "\(path(to: name)) must be \(wanted), got \(value.typeName).", code: "invalid_type")
  }

  func fail(_ name: String, _ what: String) -> APIError {
    .invalid(path(to: name), "\(path(to: name)) \(what).", code: "invalid_value")
  }

  private static func shown(_ value: JSONValue) -> String { String(decoding: value.encoded.prefix(40), as: UTF8.self) }

  private static func shown(_ bound: Double) -> String { Int(exactly: bound).map(String.init) ?? "\(bound)" }
}

extension Optional {
  /// `map` that keeps the closure's error type.
  func mapChecked<Result>(_ transform: (Wrapped) throws(APIError) -> Result) throws(APIError) -> Result? {
    guard let self else { return nil }
    return try transform(self)
  }
}
