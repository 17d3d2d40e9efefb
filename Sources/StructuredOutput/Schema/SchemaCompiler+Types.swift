// The keywords of each type of value.
import JSON
import Text

extension SchemaCompiler {
  private static let allTypes = ["string", "number", "integer", "boolean", "null", "object", "array"]

  /// Returns the types that a schema allows. Without `type`, its keywords determine them.
  func types(of object: JSONObject, _ path: String) throws(SchemaError) -> [String] {
    if let value = object["type"] {
      let names = value.string.map { [$0] } ?? value.array?.compactMap(\.string) ?? []
      let isWhole = value.string != nil || value.array?.count == names.count
      guard isWhole, !names.isEmpty, names.allSatisfy({ name in Self.allTypes.contains { name.isEqual(exactly: $0) } })
      else {
        throw SchemaError(
          path: path + ".type", keyword: "type",
          reason: "must be one or more of \(Self.allTypes.joined(separator: ", "))")
      }
      // Integers are numbers.
      return names.contains("number") ? names.filter { $0 != "integer" } : names
    }
    let families: [(Set<ExactString>, String)] = [
      (SchemaKeywords.object, "object"), (SchemaKeywords.array, "array"), (SchemaKeywords.string, "string"),
      (SchemaKeywords.number, "number"),
    ]
    let meant = families.filter { family in object.names.contains { family.0.contains($0.exact) } }.map(\.1)
    return meant.isEmpty ? Self.allTypes.filter { $0 != "integer" } : meant
  }

  /// Adds the node for the values of one type.
  mutating func compile(_ type: String, _ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    switch type {
    case "boolean": return builder.add(.choice([builder.literal("true"), builder.literal("false")]))
    case "null": return builder.literal("null")
    case "number", "integer": return try number(object, path, isInteger: type == "integer")
    case "string":
      var said: JSONObject = ["unique": .bool(isUnique)]
      for name in object.names where SchemaKeywords.string.contains(name.exact) { said[name] = object[name] }
      if object["contentEncoding"] == "base64", object["pattern"] == nil, object["format"] == nil {
        said["format"] = "byte"
      }
      let key = JSONValue.object(said).encoded
      return try scalar(key) { compiler throws(SchemaError) in
        try compiler.string(try compiler.stringConstraints(said, path), path)
      }
    case "array": return try array(object, path)
    default:
      return object.names.contains { SchemaKeywords.object.contains($0.exact) }
        || isUnique ? try self.object(object, path) : builder.anyObject()
    }
  }

  func limit(_ object: JSONObject, _ name: String, _ path: String) throws(SchemaError) -> Int32? {
    guard let value = object[name] else { return nil }
    guard let count = value.int ?? value.double.flatMap({ Int(exactly: $0) }), count >= 0 else {
      throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "must be a non-negative integer")
    }
    return Int32(clamping: min(count, Int(Int32.max) - 1))
  }

  // MARK: Numbers

  private mutating func number(_ object: JSONObject, _ path: String, isInteger: Bool) throws(SchemaError) -> NodeID {
    func bound(_ name: String) throws(SchemaError) -> Double? {
      guard let value = object[name] else { return nil }
      guard let number = value.double, number.isFinite else {
        throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "must be a number")
      }
      return number
    }
    var bounds = NumberBounds(isInteger: isInteger)
    bounds.isUnique = isUnique
    if let value = try bound("minimum") { bounds.minimum = (value, false) }
    if let value = try bound("maximum") { bounds.maximum = (value, false) }
    // In draft 4 the exclusive bounds are booleans.
    let isOpenBelow = object["exclusiveMinimum"] == true, isOpenAbove = object["exclusiveMaximum"] == true
    if isOpenBelow { bounds.minimum?.isExclusive = true }
    if isOpenAbove { bounds.maximum?.isExclusive = true }
    if !isOpenBelow, let value = try bound("exclusiveMinimum"), bounds.minimum.map({ $0.value <= value }) ?? true {
      bounds.minimum = (value, true)
    }
    if !isOpenAbove, let value = try bound("exclusiveMaximum"), bounds.maximum.map({ $0.value >= value }) ?? true {
      bounds.maximum = (value, true)
    }
    if let factor = try bound("multipleOf") { try setFactor(factor, &bounds, path) }
    return try scalar(Array(bounds.description.utf8)) { [bounds] compiler throws(SchemaError) in
      let automaton: ByteAutomaton?
      do throws(PatternError) {
        automaton = try bounds.automaton(compiler.budget)
      } catch {
        throw SchemaError(error, path: path + ".multipleOf", keyword: "multipleOf")
      }
      guard let automaton else {
        throw SchemaError(
          path: path, reason: "has bounds that no number with at most \(NumberBounds.digits) digits satisfies")
      }
      return compiler.builder.add(automaton)
    }
  }

  /// Returns the node of the scalars identified by `key`: from this grammar, from the request's cache, or new.
  private mutating func scalar(
    _ key: [UInt8], _ make: (inout SchemaCompiler) throws(SchemaError) -> NodeID
  ) throws(SchemaError) -> NodeID {
    if let id = scalars[key] { return id }
    let id: NodeID
    if let node = budget.known.nodes[key] {
      id = builder.add(node)
    } else {
      id = try make(&self)
      budget.known.nodes[key] = builder.nodes[Int(id)]
    }
    scalars[key] = id
    return id
  }

  /// Sets the divisor, which must have few digits.
  private func setFactor(_ factor: Double, _ bounds: inout NumberBounds, _ path: String) throws(SchemaError) {
    let decimal = Decimal(factor)
    let scale = decimal.fraction.count
    let digits = (decimal.whole + decimal.fraction).reduce(0) { min($0 * 10 + Int($1), 1_000_000) }
    guard factor > 0, scale <= NumberBounds.fractionDigits, digits <= NumberBounds.greatestFactor else {
      throw SchemaError(
        path: path + ".multipleOf", keyword: "multipleOf",
        reason:
          "can be enforced only for numbers above 0 with at most \(NumberBounds.fractionDigits) decimal places "
          + "whose digits form a number of at most \(NumberBounds.greatestFactor)")
    }
    if scale == 0 { bounds.isInteger = true }
    (bounds.multipleOf, bounds.scale) = (scale == 0 && digits == 1 ? 0 : digits, scale)
  }

  // MARK: Arrays

  private mutating func array(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    if isUnique { throw Self.notDistinct(path) }
    var form = Grammar.ArrayNode(
      prefix: [], items: nil, least: try limit(object, "minItems", path) ?? 0,
      most: try limit(object, "maxItems", path) ?? .max)
    if let unique = object["uniqueItems"], unique != false, unique != true {
      throw SchemaError(path: path + ".uniqueItems", keyword: "uniqueItems", reason: "must be true or false")
    }
    // A single element is always unique.
    let isDistinct = object["uniqueItems"] == true && form.most > 1
    if let prefix = object["prefixItems"] {
      guard let parts = prefix.array, parts.count <= SchemaLimits.alternatives else {
        throw SchemaError(path: path + ".prefixItems", keyword: "prefixItems", reason: "must be an array of schemas")
      }
      if isDistinct, !parts.isEmpty {
        throw SchemaError(
          path: path + ".uniqueItems", keyword: "uniqueItems",
          reason: "cannot be enforced together with prefixItems; remove it")
      }
      for (index, part) in parts.enumerated() {
        form.prefix.append(try compile(part, "\(path).prefixItems[\(index)]"))
      }
    }
    switch object["items"] {
    case .bool(false)?: form.most = min(form.most, Int32(form.prefix.count))
    case let items:
      let items = items ?? true
      if isDistinct {
        try setDistinct(items, &form, path)
      } else {
        form.items = items == true ? builder.anyValue() : try compile(items, path + ".items")
      }
    }
    if form.least > form.most {
      throw SchemaError(path: path, reason: "has minItems \(form.least) above maxItems \(form.most)")
    }
    return builder.add(.array(form))
  }

  /// Makes elements unique: all of them share one automaton, which knows its number of texts.
  private mutating func setDistinct(
    _ items: JSONValue, _ form: inout Grammar.ArrayNode, _ path: String
  ) throws(SchemaError) {
    if items == true || items.object?.isEmpty == true { throw Self.notDistinct(path + ".items") }
    isUnique = true
    defer { isUnique = false }
    let node = try compile(items, path + ".items")
    let texts: Int32
    do throws(PatternError) {
      guard let whole = try ByteAutomaton.union(try builder.automata(of: node), budget) else {
        form.most = 0
        return
      }
      let counts = try whole.texts(upTo: SchemaLimits.uniqueElements + 1, budget)
      texts = counts[0]
      form.items = builder.add(.distinct(whole, texts: counts))
    } catch {
      throw SchemaError(error, path: path + ".uniqueItems", keyword: "uniqueItems")
    }
    form.texts = texts
    form.most = min(form.most, texts, Int32(SchemaLimits.uniqueElements))
    if form.least > form.most {
      throw SchemaError(
        path: path + ".uniqueItems", keyword: "uniqueItems",
        reason: "requires at least \(form.least) different elements, but only \(form.most) are possible")
    }
  }

  static func notDistinct(_ path: String) -> SchemaError {
    SchemaError(
      path: path, keyword: "uniqueItems",
      reason: "allows arrays, objects or any value; uniqueItems is supported only for scalars; "
        + "remove uniqueItems")
  }
}
