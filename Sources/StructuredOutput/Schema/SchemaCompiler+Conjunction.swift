// Merges schemas that apply together into one: the elements of `allOf`, a `$ref` with other keywords, alternatives
// with keywords beside `anyOf`.
import JSON
import Text

extension SchemaCompiler {
  /// Returns one schema for `object`, merging `$ref` and `allOf` with its other keywords.
  func conjunction(of object: JSONObject, _ path: String) throws(SchemaError) -> JSONValue {
    try spend(4000, path)
    budget.conjunctions += 1
    defer { budget.conjunctions -= 1 }
    if budget.conjunctions > 40 {
      throw SchemaError(path: path, keyword: "$ref", reason: "refers to itself, or is nested more than 40 schemas deep")
    }
    var rest = object
    (rest["$ref"], rest["allOf"]) = (nil, nil)
    var parts: [(schema: JSONValue, path: String)] = [(.object(rest), path)]
    if let reference = object["$ref"] { parts.append((["$ref": reference], path)) }
    if let value = object["allOf"] {
      guard let elements = value.array, !elements.isEmpty, elements.count <= SchemaLimits.alternatives else {
        throw SchemaError(path: path + ".allOf", keyword: "allOf", reason: "must be a non-empty array of schemas")
      }
      for (index, element) in elements.enumerated() { parts.append((element, "\(path).allOf[\(index)]")) }
    }
    let asked = rest.names.contains { !SchemaKeywords.annotations.contains($0.exact) }
    if !asked, parts.count == 2 { return parts[1].schema }
    return try conjunction(of: parts, path)
  }

  /// Returns one schema for all of `parts`.
  func conjunction(of parts: [(schema: JSONValue, path: String)], _ path: String) throws(SchemaError) -> JSONValue {
    var whole = JSONObject()
    var closed: [(names: Set<[UInt8]>, path: String)] = []
    for (part, location) in parts {
      let (schema, location) = try resolved(part, location)
      if schema == true { continue }
      if schema == false { return false }
      guard var object = schema.object else {
        throw SchemaError(path: location, reason: "must be an object or a boolean, got \(schema.typeName)")
      }
      try checkNames(object, location)
      if object["allOf"] != nil {
        guard let flat = try conjunction(of: object, location).object else { return false }
        object = flat
      }
      if let other = object["additionalProperties"], other != true, other.object?.isEmpty != true {
        // Members that the other schemas declare are not allowed by this one.
        guard other == false || object["properties"] == nil || parts.count == 1, object["patternProperties"] == nil
        else {
          throw SchemaError(
            path: location + ".additionalProperties", keyword: "additionalProperties",
            reason:
              "cannot be enforced in combination with other schemas; remove it or merge the schemas into one object")
        }
        if other == false {
          closed.append((Set(object["properties"]?.object?.names.map { Array($0.utf8) } ?? []), location))
        }
      }
      for (name, value) in object.members where !SchemaKeywords.annotations.contains(name.exact) {
        if name.exact == "pattern", let before = whole[name], before.string != nil, let pattern = value.string {
          whole[SchemaKeywords.patterns] = .array((whole[SchemaKeywords.patterns]?.array ?? []) + [.string(pattern)])
          continue
        }
        try spend(64, location)
        whole[name] =
          try whole[name].map { before throws(SchemaError) in
            try both(name, before, value, location)
          } ?? value
      }
    }
    for (names, location) in closed {
      guard var properties = whole["properties"]?.object else { continue }
      let required = Set(whole["required"]?.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? [])
      for name in properties.names where !names.contains(Array(name.utf8)) {
        if required.contains(Array(name.utf8)) {
          throw SchemaError(
            path: location + ".additionalProperties", keyword: "additionalProperties",
            reason:
              "forbids a member that another element of allOf requires; merge the schemas into one object or remove it")
        }
        properties[name] = false
      }
      whole["properties"] = .object(properties)
    }
    return .object(whole)
  }

  /// Returns the value of keyword `name` that satisfies both schemas.
  private func both(
    _ name: String, _ one: JSONValue, _ other: JSONValue, _ path: String
  ) throws(SchemaError) -> JSONValue {
    let (first, second) = (one.encoded, other.encoded)
    try spend(first.count + second.count, path)
    if first == second { return one }
    func fail(_ reason: String) -> SchemaError { SchemaError(path: "\(path).\(name)", keyword: name, reason: reason) }
    switch name {
    case "minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties":
      if let a = one.double, let b = other.double { return a < b ? other : one }
    case "maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties":
      if let a = one.double, let b = other.double { return a < b ? one : other }
    case SchemaKeywords.patterns:
      guard let a = one.array, let b = other.array else { break }
      return .array(a + b)
    case "type":
      let names = { (value: JSONValue) in value.string.map { [$0] } ?? value.array?.compactMap(\.string) ?? [] }
      let a = names(one), b = names(other)
      var common = a.filter { b.contains($0) || ($0 == "integer" && b.contains("number")) }
      for type in b where !common.contains(type) && type == "integer" && a.contains("number") { common.append(type) }
      if common.isEmpty { throw fail("has no type in common with the schema it is combined with") }
      return common.count == 1 ? .string(common[0]) : .array(common.map(JSONValue.string))
    case "enum":
      guard let a = one.array, let b = other.array else { break }
      let known = Set(b.map(\.encoded))
      let common = a.filter { known.contains($0.encoded) }
      if common.isEmpty { throw fail("has no value in common with the schema it is combined with") }
      return .array(common)
    case "required":
      guard let a = one.array, let b = other.array else { break }
      return .array(a + b)
    case "properties", "patternProperties":
      guard var both = one.object, let b = other.object else { break }
      for (property, schema) in b.members {
        both[property] =
          both[property].map { $0.encoded == schema.encoded ? schema : ["allOf": [$0, schema]] } ?? schema
      }
      return .object(both)
    case "items", "additionalProperties", "propertyNames":
      if one == true || one == false { return one == true ? other : one }
      if other == true || other == false { return other == true ? one : other }
      return ["allOf": [one, other]]
    case "uniqueItems": return .bool(one == true || other == true)
    default: break
    }
    throw fail("cannot be combined with the \(name) of another schema")
  }
}
