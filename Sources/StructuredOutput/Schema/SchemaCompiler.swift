// A JSON schema becomes nodes of a grammar. What is generated may be less than the schema allows (no exponents, declared members in
// their order, others only where they are asked for), never more. What cannot be held to is an error that names the keyword.
import Foundation
import JSON

/// Compiles one schema document.
struct SchemaCompiler {
  typealias NodeID = Grammar.NodeID

  let root: JSONValue
  let rootPath: String
  var builder: GrammarBuilder
  /// Schemas that were referred to, by their pointer.
  private var references: [String: NodeID] = [:]
  private var schemas = 0, depth = 0
  private var literalBytes = 0

  init(root: JSONValue, path: String, builder: GrammarBuilder = GrammarBuilder()) {
    (self.root, rootPath, self.builder) = (root, path, builder)
  }

  /// The node of the values that `schema` at `path` allows.
  mutating func compile(_ schema: JSONValue, _ path: String) throws(SchemaError) -> NodeID {
    schemas += 1
    depth += 1
    defer { depth -= 1 }
    if schemas > SchemaLimits.schemas {
      throw SchemaError(path: path, reason: "is one of more than \(SchemaLimits.schemas) schemas")
    }
    if depth > SchemaLimits.depth {
      throw SchemaError(path: path, reason: "lies more than \(SchemaLimits.depth) schemas deep")
    }
    if builder.entries > SchemaLimits.tableEntries {
      throw SchemaError(path: path, reason: "makes the grammar too large")
    }
    if let bool = schema.bool { return bool ? builder.anyValue() : builder.add(.choice([])) }
    guard let object = schema.object else {
      throw SchemaError(path: path, reason: "must be an object or a boolean, got \(schema.typeName)")
    }
    try checkNames(object, path)
    let constraints = object.names.filter { !SchemaKeywords.annotations.contains($0) }
    if let reference = object["$ref"] {
      try allowOnly(["$ref"], constraints, beside: "$ref", path)
      return try refer(to: reference, path + ".$ref")
    }
    for (name, isExclusive) in [("anyOf", false), ("oneOf", true)] where object[name] != nil {
      try allowOnly([name, "type"], constraints, beside: name, path)
      return try choice(of: object, name, isExclusive: isExclusive, path)
    }
    if object["allOf"] != nil { return try compile(try merged(object, constraints, path), path) }
    if object["const"] != nil || object["enum"] != nil {
      try allowOnly(["const", "enum", "type"], constraints, beside: object["enum"] == nil ? "const" : "enum", path)
      return try literals(object, path)
    }
    let types = try types(of: object, path)
    return try oneOf(try types.map { type throws(SchemaError) in try compile(type, object, path) })
  }

  /// The same for arguments of a call, which are an object whatever the schema says beside it.
  mutating func compileObject(_ schema: JSONValue, _ path: String) throws(SchemaError) -> NodeID {
    guard var object = schema.object, object["$ref"] == nil, object["anyOf"] == nil, object["allOf"] == nil else {
      return try compile(schema, path)
    }
    if object["type"] == nil { object["type"] = "object" }
    guard object["type"] == "object" else {
      throw SchemaError(path: path + ".type", keyword: "type", reason: "must be object for the arguments of a call")
    }
    return try compile(.object(object), path)
  }

  private mutating func oneOf(_ nodes: [NodeID]) throws(SchemaError) -> NodeID {
    nodes.count == 1 ? nodes[0] : builder.add(.choice(nodes))
  }

  private func checkNames(_ object: JSONObject, _ path: String) throws(SchemaError) {
    let known = [
      SchemaKeywords.annotations, SchemaKeywords.number, SchemaKeywords.string, SchemaKeywords.array,
      SchemaKeywords.object, SchemaKeywords.whole,
    ]
    for name in object.names where !known.contains(where: { $0.contains(name) }) {
      let shown = name.utf8.count <= 64 ? name : String(name.prefix(32)) + "…"
      let isKnown = SchemaKeywords.unsupported.contains(name)
      throw SchemaError(
        path: "\(path).\(shown)", keyword: shown,
        reason: isKnown ? "is a keyword that this server cannot hold to" : "is not a keyword of JSON Schema")
    }
    if object["nullable"] != nil {
      throw SchemaError(
        path: path + ".nullable", keyword: "nullable", reason: "is not JSON Schema: let type be an array with null")
    }
  }

  private func allowOnly(
    _ allowed: [String], _ names: [String], beside keyword: String, _ path: String
  ) throws(SchemaError) {
    for name in names where !allowed.contains(name) {
      throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "cannot be held to beside \(keyword)")
    }
  }

  // MARK: References and alternatives

  private mutating func refer(to reference: JSONValue, _ path: String) throws(SchemaError) -> NodeID {
    guard let pointer = reference.string else {
      throw SchemaError(path: path, keyword: "$ref", reason: "must be a string")
    }
    if let known = references[pointer] { return known }
    guard pointer == "#" || pointer.hasPrefix("#/") else {
      throw SchemaError(path: path, keyword: "$ref", reason: "must point into the schema itself, as #/$defs/name does")
    }
    var target = root
    var place = rootPath
    for part in pointer.dropFirst(2).split(separator: "/", omittingEmptySubsequences: false) where pointer != "#" {
      let plain = String(part).removingPercentEncoding ?? String(part)
      let name = plain.replacing("~1", with: "/").replacing("~0", with: "~")
      let next =
        target[name]
        ?? target.array.flatMap { array in Int(name).flatMap { array.indices.contains($0) ? array[$0] : nil } }
      guard let next else { throw SchemaError(path: path, keyword: "$ref", reason: "points to nothing in the schema") }
      target = next
      place += ".\(name)"
    }
    // Kept before it is compiled, as it may refer to itself.
    let id = builder.add(.choice([]))
    references[pointer] = id
    builder.set(id, .choice([try compile(target, place)]))
    return id
  }

  private mutating func choice(
    of object: JSONObject, _ keyword: String, isExclusive: Bool, _ path: String
  ) throws(SchemaError) -> NodeID {
    let path = "\(path).\(keyword)"
    guard let parts = object[keyword]?.array, !parts.isEmpty else {
      throw SchemaError(path: path, keyword: keyword, reason: "must be an array of schemas, not empty")
    }
    if parts.count > SchemaLimits.alternatives {
      throw SchemaError(
        path: path, keyword: keyword,
        reason: "has \(parts.count) elements; at most \(SchemaLimits.alternatives) are allowed")
    }
    if isExclusive, !SchemaDisjointness(root: root).holds(parts) {
      throw SchemaError(
        path: path, keyword: keyword,
        reason: "has elements that are not told apart by their type or by a constant member; use anyOf")
    }
    var nodes: [NodeID] = []
    for (index, part) in parts.enumerated() {
      let place = "\(path)[\(index)]"
      var part = part
      if object["type"] != nil { part = try narrowed(part, to: try types(of: object, path), place) }
      nodes.append(try compile(part, place))
    }
    return builder.add(.choice(nodes))
  }

  /// An alternative beside a type, which holds for it too.
  private func narrowed(_ part: JSONValue, to outer: [String], _ path: String) throws(SchemaError) -> JSONValue {
    guard var object = part.object,
      ["$ref", "anyOf", "oneOf", "allOf", "enum", "const"].allSatisfy({ object[$0] == nil })
    else {
      throw SchemaError(path: path, keyword: "type", reason: "cannot be held to beside a type outside of it")
    }
    if object["type"] == nil { object["type"] = .array(outer.map(JSONValue.string)) }
    let inner = try types(of: object, path)
    let isWithin = inner.allSatisfy { outer.contains($0) || ($0 == "integer" && outer.contains("number")) }
    guard isWithin else {
      throw SchemaError(
        path: path + ".type", keyword: "type", reason: "allows more than the type beside the alternatives")
    }
    return .object(object)
  }

  /// One schema for `allOf`, where its elements speak of different things.
  private func merged(_ object: JSONObject, _ names: [String], _ path: String) throws(SchemaError) -> JSONValue {
    let path = path + ".allOf"
    guard let parts = object["allOf"]?.array, !parts.isEmpty, parts.count <= SchemaLimits.alternatives else {
      throw SchemaError(path: path, keyword: "allOf", reason: "must be an array of schemas, not empty")
    }
    if parts.count == 1, names == ["allOf"] { return parts[0] }
    var whole = object
    whole["allOf"] = nil
    for (index, part) in parts.enumerated() {
      guard let members = part.object, members["$ref"] == nil else {
        throw SchemaError(
          path: "\(path)[\(index)]", keyword: "allOf", reason: "is not an object schema that can be merged")
      }
      for (name, value) in members.members where !SchemaKeywords.annotations.contains(name) {
        switch (name, whole[name]) {
        case (_, nil): whole[name] = value
        case (_, let same?) where same == value: break
        case ("required", let other?): whole[name] = .array((other.array ?? []) + (value.array ?? []))
        case ("properties", let other?):
          var both = other.object ?? JSONObject()
          for (property, schema) in value.object?.members.map({ $0 }) ?? [] {
            guard both.insert(property, schema) || both[property] == schema else {
              throw SchemaError(
                path: "\(path)[\(index)].properties.\(property)", keyword: "allOf",
                reason: "is declared twice in different ways")
            }
          }
          whole[name] = .object(both)
        default:
          throw SchemaError(path: "\(path)[\(index)].\(name)", keyword: name, reason: "cannot be merged in allOf")
        }
      }
    }
    let closed = parts.contains { $0["additionalProperties"] != nil && $0["additionalProperties"] != true }
    if closed, parts.count(where: { $0["properties"] != nil }) + (object["properties"] == nil ? 0 : 1) > 1 {
      throw SchemaError(
        path: path, keyword: "additionalProperties", reason: "cannot be merged with other properties in allOf")
    }
    return .object(whole)
  }

  // MARK: Constants

  private mutating func literals(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    var values: [JSONValue] = []
    if let list = object["enum"] {
      guard let array = list.array, !array.isEmpty else {
        throw SchemaError(path: path + ".enum", keyword: "enum", reason: "must be an array, not empty")
      }
      if array.count > SchemaLimits.enumValues {
        throw SchemaError(
          path: path + ".enum", keyword: "enum",
          reason: "has \(array.count) values; at most \(SchemaLimits.enumValues) are allowed")
      }
      values = array
    }
    if let value = object["const"] { values = object["enum"] == nil || values.contains(value) ? [value] : [] }
    if object["type"] != nil {
      let types = try types(of: object, path)
      values = values.filter { value in types.contains { Self.isOf($0, value) } }
    }
    // One automaton for all of them: a tree of their bytes.
    var tree = ByteAutomatonBuilder()
    var children: [[UInt8: Int32]] = [[:]]
    let start = tree.state()
    for value in values {
      let bytes = value.encoded
      literalBytes += bytes.count
      if literalBytes > SchemaLimits.literalBytes {
        throw SchemaError(
          path: path, keyword: "enum", reason: "brings the constants to more than \(SchemaLimits.literalBytes) bytes")
      }
      var at = start
      for byte in bytes {
        if let next = children[Int(at)][byte] {
          at = next
        } else {
          let next = tree.state()
          children.append([:])
          tree.connect(at, byte...byte, next)
          children[Int(at)][byte] = next
          at = next
        }
      }
      tree.accept(at)
    }
    switch tree.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton): return builder.add(automaton)
    case .empty: return builder.add(.choice([]))
    case .tooLarge: throw SchemaError(path: path, keyword: "enum", reason: "makes the grammar too large")
    }
  }

  /// Whether a value is of a type by the name JSON Schema has for it.
  static func isOf(_ type: String, _ value: JSONValue) -> Bool {
    switch type {
    case "integer":
      if case .number(let number) = value { return number == number.rounded() }
      if case .integer = value { return true }
      return false
    case "number": return value.double != nil
    default: return value.typeName == type
    }
  }
}
