// Decodes the constraints on the answer's text that clients of different servers send: OpenAI's formats, vLLM's
// `structured_outputs` and `guided_…`, SGLang's `regex`, llama.cpp's `json_schema`. Unsupported constraints are
// rejected, never ignored.
import Chat
import JSON
import Text

/// A constraint on the answer's text, and the field that sets it.
struct TextConstraint {
  var field: String
  var form: TextForm
  /// Whether it is a format of OpenAI's API.
  var isFormat = false
}

extension FieldReader {
  /// The fields that `textForm` reads, except `response_format`.
  static let constraintFields =
    ["structured_outputs", "guided_json", "guided_choice", "guided_regex", "json_schema", "regex"] + grammarFields

  private static let grammarFields = ["grammar", "ebnf", "guided_grammar", "structural_tag"]

  /// The form of the answer's text; nil for free text. `format` is a form that was found elsewhere than in
  /// `response_format`.
  func textForm(beside format: TextConstraint? = nil) throws(APIError) -> TextConstraint? {
    var found = format
    if found == nil, isField("response_format") { found = try object("response_format")?.format(isFlat: false) }
    let structured = try object("structured_outputs")
    for constraint in try structured?.structuredOutputs() ?? [] { try Self.add(constraint, to: &found) }
    try structured?.close()
    for name in ["guided_json", "json_schema"] { try Self.add(schemaConstraint(name), to: &found) }
    try Self.add(choiceConstraint("guided_choice"), to: &found)
    for name in ["guided_regex", "regex"] { try Self.add(patternConstraint(name), to: &found) }
    try rejectGrammars(Self.grammarFields)
    return found
  }

  /// Rejects every constraint. Rollouts are free text.
  func rejectConstraints() throws(APIError) {
    for name in Self.constraintFields + ["response_format"] {
      guard let value = object[name], !value.isNull, value["type"]?.string != "text" else { continue }
      throw .invalid(
        path(to: name), "\(path(to: name)) is not supported for rollouts, whose replies are free text. Leave it out.",
        code: "unsupported_parameter")
    }
  }

  /// `response_format`, or with `isFlat` the `text.format` of responses, which has the members of `json_schema` at its
  /// top level; nil for free text. llama.cpp allows a `schema` beside `json_object`.
  func format(isFlat: Bool) throws(APIError) -> TextConstraint? {
    var form: TextForm?
    switch try require("type", word("type", of: ["text", "json_object", "json_schema"])) {
    case "json_object":
      let schema = try opaque("schema")
      form = schema.map { $0.isEmpty ? .object : .schema(.object($0), path: path(to: "schema")) } ?? .object
    case "json_schema" where isFlat: form = try namedSchema()
    case "json_schema":
      if value("json_schema") == nil, let schema = try opaque("schema") {
        form = .schema(.object(schema), path: path(to: "schema"))
      } else {
        let named = try require("json_schema", object("json_schema"))
        form = try named.namedSchema()
      }
    default: break
    }
    try close()
    return form.map { TextConstraint(field: path, form: $0, isFormat: true) }
  }

  /// `{name, schema, strict, description}`.
  private func namedSchema() throws(APIError) -> TextForm {
    let name = try require("name", string("name"))
    guard Self.isName(name) else { throw fail("name", "must have 1 to 64 letters, digits, _ or -") }
    _ = try string("description")
    _ = try bool("strict")
    return .schema(.object(try require("schema", opaque("schema"))), path: path(to: "schema"))
  }

  /// The members of vLLM's `structured_outputs`.
  private func structuredOutputs() throws(APIError) -> [TextConstraint] {
    try rejectGrammars(["grammar", "structural_tag"])
    var all: [TextConstraint?] = [
      try schemaConstraint("json"), try choiceConstraint("choice"), try patternConstraint("regex"),
    ]
    if try bool("json_object") == true {
      all.append(TextConstraint(field: path(to: "json_object"), form: .object))
    }
    return all.compactMap { $0 }
  }

  /// A schema as an object or as text.
  private func schemaConstraint(_ name: String) throws(APIError) -> TextConstraint? {
    guard var value = value(name) else { return nil }
    if let text = value.string {
      guard let parsed = try? JSONValue(parsing: text, limits: JSONLimits(values: 100_000)) else {
        throw fail(name, "must be a JSON Schema, but its text is not valid JSON")
      }
      value = parsed
    }
    guard value.object != nil else { throw mismatch(name, "a JSON Schema (an object or its text)", value) }
    return TextConstraint(field: path(to: name), form: .schema(value, path: path(to: name)))
  }

  private func choiceConstraint(_ name: String) throws(APIError) -> TextConstraint? {
    guard let values = try array(name, max: 10_000) else { return nil }
    var texts: [String] = []
    for (index, value) in values.enumerated() {
      guard let text = value.string else { throw mismatch("\(name)[\(index)]", "a string", value) }
      texts.append(text)
    }
    return TextConstraint(field: path(to: name), form: .choice(texts, path: path(to: name)))
  }

  private func patternConstraint(_ name: String) throws(APIError) -> TextConstraint? {
    try string(name).map { TextConstraint(field: path(to: name), form: .pattern($0, path: path(to: name))) }
  }

  private func rejectGrammars(_ names: [String]) throws(APIError) {
    for name in names {
      // llama.cpp's clients send an empty text for none.
      guard let value = value(name), value.string?.isEmpty != true else { continue }
      throw .invalid(
        path(to: name),
        "\(path(to: name)) is not supported. Use a JSON schema, a list of choices or a regular expression.",
        code: "unsupported_parameter")
    }
  }

  /// Adds a constraint. Throws if it contradicts the one that was found before.
  private static func add(_ new: TextConstraint?, to found: inout TextConstraint?) throws(APIError) {
    guard let new else { return }
    guard let known = found else { return found = new }
    switch (known.form, new.form) {
    case (.object, .object): break
    case (.object, .schema(let schema, _)) where isOfObjects(schema): found = new
    case (.schema(let schema, _), .object) where isOfObjects(schema): break
    case (.schema(let one, _), .schema(let other, _)) where one.encoded == other.encoded: break
    case (.choice(let one, _), .choice(let other, _)) where one.map { Array($0.utf8) } == other.map { Array($0.utf8) }:
      break
    case (.pattern(let one, _), .pattern(let other, _)) where one.utf8.elementsEqual(other.utf8): break
    default:
      throw .invalid(
        new.field, "\(new.field) and \(known.field) constrain the answer in different ways. Send only one of them.",
        code: "contradiction")
    }
  }

  private static func isOfObjects(_ schema: JSONValue) -> Bool { schema["type"]?.string == "object" }
}
