// Schemas that hold together, as one schema: elements of `allOf`, a `$ref` with keywords beside it, alternatives with what stands beside
// `anyOf`.
import JSON
import Text

extension SchemaCompiler {
  /// One schema for `object`, whose `$ref` and `allOf` hold beside its other keywords.
  func conjunction(of object: JSONObject, _ path: String) throws(SchemaError) -> JSONValue {
    try spend(4000, path)
    budget.conjunctions += 1
    defer { budget.conjunctions -= 1 }
    if budget.conjunctions > 40 {
      throw SchemaError(path: path, keyword: "$ref", reason: "refers to itself, or lies more than 40 schemas deep")
    }
    var rest = object
    (rest["$ref"], rest["allOf"]) = (nil, nil)
    var parts: [(schema: JSONValue, path: String)] = [(.object(rest), path)]
    if let reference = object["$ref"] { parts.append((["$ref": reference], path)) }
    if let value = object["allOf"] {
      guard let elements = value.array, !elements.isEmpty, elements.count <= SchemaLimits.alternatives else {
        throw SchemaError(path: path + ".allOf", keyword: "allOf", reason: "must be an array of schemas, not empty")
      }
      for (index, element) in elements.enumerated() { parts.append((element, "\(path).allOf[\(index)]")) }
    }
    let asked = rest.names.contains { !SchemaKeywords.annotations.contains($0.exact) }
    if !asked, parts.count == 2 { return parts[1].schema }
    return try conjunction(of: parts, path)
  }

  /// One schema for all of `parts`.
  func conjunction(of parts: [(schema: JSONValue, path: String)], _ path: String) throws(SchemaError) -> JSONValue {
    var whole = JSONObject()
    var closed: [(names: Set<[UInt8]>, path: String)] = []
    for (part, place) in parts {
      let (schema, place) = try resolved(part, place)
      if schema == true { continue }
      if schema == false { return false }
      guard var object = schema.object else {
        throw SchemaError(path: place, reason: "must be an object or a boolean, got \(schema.typeName)")
      }
      try checkNames(object, place)
      if object["allOf"] != nil {
        guard let flat = try conjunction(of: object, place).object else { return false }
        object = flat
      }
      if let other = object["additionalProperties"], other != true, other.object?.isEmpty != true {
        // Members that the others declare are not its own.
        guard other == false || object["properties"] == nil || parts.count == 1, object["patternProperties"] == nil
        else {
          throw SchemaError(
            path: place + ".additionalProperties", keyword: "additionalProperties",
            reason: "cannot be held to beside other schemas; leave it out or write one object")
        }
        if other == false {
          closed.append((Set(object["properties"]?.object?.names.map { Array($0.utf8) } ?? []), place))
        }
      }
      for (name, value) in object.members where !SchemaKeywords.annotations.contains(name.exact) {
        if name.exact == "pattern", let before = whole[name], before.string != nil, let pattern = value.string {
          whole[SchemaKeywords.patterns] = .array((whole[SchemaKeywords.patterns]?.array ?? []) + [.string(pattern)])
          continue
        }
        try spend(64, place)
        whole[name] =
          try whole[name].map { before throws(SchemaError) in
            try both(name, before, value, place)
          } ?? value
      }
    }
    for (names, place) in closed {
      guard var properties = whole["properties"]?.object else { continue }
      let required = Set(whole["required"]?.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? [])
      for name in properties.names where !names.contains(Array(name.utf8)) {
        if required.contains(Array(name.utf8)) {
          throw SchemaError(
            path: place + ".additionalProperties", keyword: "additionalProperties",
            reason: "forbids a member that another element of allOf requires; write one object, or leave it out")
        }
        properties[name] = false
      }
      whole["properties"] = .object(properties)
    }
    return .object(whole)
  }

  /// What holds where `name` has both values.
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
      if common.isEmpty { throw fail("allows no type that the schema beside it allows too") }
      return common.count == 1 ? .string(common[0]) : .array(common.map(JSONValue.string))
    case "enum":
      guard let a = one.array, let b = other.array else { break }
      let known = Set(b.map(\.encoded))
      let common = a.filter { known.contains($0.encoded) }
      if common.isEmpty { throw fail("allows no value that the schema beside it allows too") }
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
    throw fail("cannot be held to together with the \(name) of the schema beside it")
  }
}
