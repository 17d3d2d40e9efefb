// Compiles a JSON schema to the nodes of a grammar. The grammar may allow less than the schema (no exponents,
// declared members in order, additional ones only on request), but never more. A keyword that cannot be enforced is
// an error.
import Foundation
import JSON
import Text

/// Compiles one schema document.
struct SchemaCompiler {
  typealias NodeID = Grammar.NodeID

  let root: JSONValue
  let rootPath: String
  var builder: GrammarBuilder
  let budget: CompilationBudget
  /// Whether the compiled values are unique elements, so that each value must have only one representation.
  var isUnique = false
  /// The strings and numbers by their constraints.
  var scalars: [[UInt8]: NodeID] = [:]
  /// The referenced schemas by their pointer.
  private var references: [[UInt8]: NodeID] = [:]
  private var schemas = 0, depth = 0
  private var literalBytes = 0

  init(
    root: JSONValue, path: String, builder: GrammarBuilder = GrammarBuilder(),
    budget: CompilationBudget = CompilationBudget()
  ) {
    self.root = root
    rootPath = path
    self.builder = builder
    self.budget = budget
  }

  /// Adds the node for the values that `schema` at `path` allows.
  mutating func compile(_ schema: JSONValue, _ path: String) throws(SchemaError) -> NodeID {
    try spend(1000, path)
    schemas += 1
    depth += 1
    defer { depth -= 1 }
    if schemas > SchemaLimits.schemas {
      throw SchemaError(path: path, reason: "exceeds the limit of \(SchemaLimits.schemas) schemas")
    }
    if depth > SchemaLimits.depth {
      // The full path could be a page long.
      let prefix = path.utf8.count <= 200 ? path : String(decoding: path.utf8.prefix(200), as: UTF8.self) + "…"
      throw SchemaError(
        path: prefix, reason: "is nested more than \(SchemaLimits.depth) schemas deep, or refers to itself")
    }
    if builder.entries > SchemaLimits.tableEntries {
      throw SchemaError(path: path, reason: "makes the grammar too large")
    }
    if let bool = schema.bool { return bool ? builder.anyValue() : builder.add(.choice([])) }
    guard let object = schema.object else {
      throw SchemaError(path: path, reason: "must be an object or a boolean, got \(schema.typeName)")
    }
    try checkNames(object, path)
    let constraints = object.names.filter { !SchemaKeywords.annotations.contains($0.exact) }
    if let reference = object["$ref"], constraints.count == 1 { return try refer(to: reference, path + ".$ref") }
    if object["$ref"] != nil || object["allOf"] != nil {
      return try compile(try conjunction(of: object, path), path)
    }
    if let other = object["not"] {
      // zod writes z.never() this way.
      if other == true || other.object?.isEmpty == true { return builder.add(.choice([])) }
      throw SchemaError(
        path: path + ".not", keyword: "not",
        reason: "is not supported; describe the allowed values instead")
    }
    for (name, isExclusive) in [("anyOf", false), ("oneOf", true)] where object[name] != nil {
      return try choice(of: object, name, isExclusive: isExclusive, path)
    }
    if object["const"] != nil || object["enum"] != nil {
      try allowOnly(
        ["const", "enum", "type", "format"], constraints, beside: object["enum"] == nil ? "const" : "enum", path)
      return try literals(object, path)
    }
    let types = try types(of: object, path)
    return try oneOf(try types.map { type throws(SchemaError) in try compile(type, object, path) })
  }

  /// Adds the node for the arguments of a call, which must be an object.
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

  func checkNames(_ object: JSONObject, _ path: String) throws(SchemaError) {
    let known = [
      SchemaKeywords.annotations, SchemaKeywords.number, SchemaKeywords.string, SchemaKeywords.array,
      SchemaKeywords.object, SchemaKeywords.whole,
    ]
    for name in object.names where !known.contains(where: { $0.contains(name.exact) }) {
      let shown = name.utf8.count <= 64 ? name : String(name.prefix(32)) + "…"
      let isKnown = SchemaKeywords.unsupported.contains(name.exact)
      throw SchemaError(
        path: "\(path).\(shown)", keyword: shown,
        reason: isKnown ? "is a keyword that this server cannot enforce" : "is not a keyword of JSON Schema")
    }
    if object["nullable"] != nil {
      throw SchemaError(
        path: path + ".nullable", keyword: "nullable",
        reason: "is not JSON Schema; use an array with null for type instead")
    }
  }

  private func allowOnly(
    _ allowed: [String], _ names: [String], beside keyword: String, _ path: String
  ) throws(SchemaError) {
    for name in names where !allowed.contains(name) {
      throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "cannot be combined with \(keyword)")
    }
  }

  // MARK: References and alternatives

  private mutating func refer(to reference: JSONValue, _ path: String) throws(SchemaError) -> NodeID {
    let (target, location) = try target(of: reference, path)
    let key = Array((reference.string ?? "").utf8) + (isUnique ? [0] : [])
    if let known = references[key] { return known }
    // Stored before it is compiled, because it may refer to itself.
    let id = builder.add(.choice([]))
    references[key] = id
    builder.set(id, .choice([try compile(target, location)]))
    return id
  }

  /// Returns the target of `reference` and its path.
  private func target(of reference: JSONValue, _ path: String) throws(SchemaError) -> (JSONValue, String) {
    guard let pointer = reference.string else {
      throw SchemaError(path: path, keyword: "$ref", reason: "must be a string")
    }
    let bytes = Array(pointer.utf8)
    guard bytes == [0x23] || bytes.starts(with: [0x23, 0x2F]) else {
      throw SchemaError(
        path: path, keyword: "$ref", reason: "must point into the same schema, for instance #/$defs/name")
    }
    var target = root
    var location = rootPath
    if bytes.count > 4096 { throw SchemaError(path: path, keyword: "$ref", reason: "has no target in the schema") }
    for part in Substring(pointer.utf8.dropFirst(2)).split(at: "/", omittingEmpty: false) where bytes.count > 1 {
      let name = Self.unescaped(String(part).removingPercentEncoding ?? String(part))
      let next =
        target[name]
        ?? target.array.flatMap { array in Int(name).flatMap { array.indices.contains($0) ? array[$0] : nil } }
      guard let next else { throw SchemaError(path: path, keyword: "$ref", reason: "has no target in the schema") }
      target = next
      location += ".\(name)"
    }
    return (target, location)
  }

  /// Unescapes a token of a JSON pointer: `~1` means `/` and `~0` means `~` (RFC 6901, 4).
  private static func unescaped(_ token: String) -> String {
    var bytes: [UInt8] = []
    for byte in token.utf8 {
      switch (bytes.last, byte) {
      case (UInt8(ascii: "~"), UInt8(ascii: "1")): bytes[bytes.count - 1] = UInt8(ascii: "/")
      // An unescaped tilde must not begin another escape. It is marked as 0xFF, which no text contains.
      case (UInt8(ascii: "~"), UInt8(ascii: "0")): bytes[bytes.count - 1] = 0xFF
      default: bytes.append(byte)
      }
    }
    return String(decoding: bytes.map { $0 == 0xFF ? UInt8(ascii: "~") : $0 }, as: UTF8.self)
  }

  /// Returns `schema` or the schema that it refers to.
  func resolved(_ schema: JSONValue, _ path: String) throws(SchemaError) -> (JSONValue, String) {
    var (schema, path) = (schema, path)
    for _ in 0..<16 {
      guard let object = schema.object, let reference = object["$ref"] else { return (schema, path) }
      let others = object.names.filter { !SchemaKeywords.annotations.contains($0.exact) }
      if others.count > 1 { return (try conjunction(of: object, path), path) }
      (schema, path) = try target(of: reference, path + ".$ref")
    }
    throw SchemaError(path: path, keyword: "$ref", reason: "refers to itself, or through more than 16 other references")
  }

  private mutating func choice(
    of object: JSONObject, _ keyword: String, isExclusive: Bool, _ path: String
  ) throws(SchemaError) -> NodeID {
    let location = "\(path).\(keyword)"
    guard let parts = object[keyword]?.array, !parts.isEmpty else {
      throw SchemaError(path: location, keyword: keyword, reason: "must be a non-empty array of schemas")
    }
    if parts.count > SchemaLimits.alternatives {
      throw SchemaError(
        path: location, keyword: keyword,
        reason: "must have at most \(SchemaLimits.alternatives) elements, got \(parts.count)")
    }
    // Keywords beside the alternatives apply to each of them.
    var rest = JSONObject()
    for (name, value) in object.members where name != keyword && !SchemaKeywords.annotations.contains(name.exact) {
      rest[name] = value
    }
    if isExclusive {
      let disjointness = SchemaDisjointness(root: root)
      let name = object["discriminator"]?["propertyName"]?.string
      if let tag = try disjointness.tag(of: parts, named: name, budget, location) {
        rest["required"] = .array((rest["required"]?.array ?? []) + [.string(tag)])
      } else if !(try disjointness.holds(parts, budget, location)) {
        throw SchemaError(
          path: location, keyword: keyword,
          reason: "has elements that cannot be distinguished by their type or a constant member; use anyOf")
      }
    }
    var nodes: [NodeID] = []
    for (index, part) in parts.enumerated() {
      let location = "\(location)[\(index)]"
      let isWhole = rest.isEmpty || rest.count == 1 && rest["required"] != nil && disjointRequired(rest, part, location)
      nodes.append(
        try compile(isWhole ? part : try conjunction(of: [(.object(rest), path), (part, location)], path), location))
    }
    return builder.add(.choice(nodes))
  }

  /// Whether `part` requires what `rest` requires.
  private func disjointRequired(_ rest: JSONObject, _ part: JSONValue, _ path: String) -> Bool {
    guard let (schema, _) = try? resolved(part, path), let names = schema["required"]?.array else { return false }
    return rest["required"]?.array?.allSatisfy { wanted in names.contains { $0.encoded == wanted.encoded } } == true
  }

  // MARK: Constants

  func spend(_ steps: Int, _ path: String) throws(SchemaError) {
    do {
      try budget.spend(steps)
    } catch {
      throw SchemaError(error, path: path)
    }
  }

  /// Returns the text before the value of a declared member, as the first member and as a later one.
  mutating func leads(_ name: String, _ path: String) throws(SchemaError) -> (first: NodeID, next: NodeID) {
    literalBytes += name.utf8.count
    if literalBytes > SchemaLimits.literalBytes {
      throw SchemaError(
        path: path, keyword: "properties",
        reason: "makes the names and constants exceed \(SchemaLimits.literalBytes) bytes in total")
    }
    try spend(1000 + 100 * name.utf8.count, path)
    return (builder.lead(name, isFirst: true), builder.lead(name, isFirst: false))
  }

  private mutating func literals(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    var values: [JSONValue] = []
    if let list = object["enum"] {
      guard let array = list.array, !array.isEmpty else {
        throw SchemaError(path: path + ".enum", keyword: "enum", reason: "must be a non-empty array")
      }
      if array.count > SchemaLimits.enumValues {
        throw SchemaError(
          path: path + ".enum", keyword: "enum",
          reason: "must have at most \(SchemaLimits.enumValues) values, got \(array.count)")
      }
      values = array
    }
    if let value = object["const"] {
      let bytes = value.encoded
      values = object["enum"] == nil || values.contains { $0.encoded == bytes } ? [value] : []
    }
    if object["type"] != nil {
      let types = try types(of: object, path)
      values = values.filter { value in types.contains { Self.isOf($0, value) } }
    }
    // All values become one automaton: a tree of their bytes.
    var tree = ByteAutomatonBuilder()
    var children: [[UInt8: Int32]] = [[:]]
    let start = tree.state()
    for value in values {
      let bytes = value.encoded
      try spend(bytes.count, path)
      literalBytes += bytes.count
      if literalBytes > SchemaLimits.literalBytes {
        throw SchemaError(
          path: path, keyword: "enum", reason: "makes the constants exceed \(SchemaLimits.literalBytes) bytes in total")
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

  /// Whether a value has a type, given by its name in JSON Schema.
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
