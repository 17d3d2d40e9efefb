// Decides whether the elements of a `oneOf` obviously exclude each other: by their types, or by a required member
// that is a different constant in each.
import JSON
import Text

struct SchemaDisjointness {
  let root: JSONValue

  /// Whether the elements exclude each other.
  func holds(_ parts: [JSONValue], _ budget: CompilationBudget, _ path: String) throws(SchemaError) -> Bool {
    let facts = parts.map { Facts(self, resolved($0, depth: 0)) }
    do {
      for (index, one) in facts.enumerated() {
        for other in facts[(index + 1)...] {
          try budget.spend(64 + 16 * (one.cost + other.cost))
          if !one.excludes(other) { return false }
        }
      }
    } catch {
      throw SchemaError(error, path: path)
    }
    return true
  }

  /// Returns a member that is a different constant in each of `parts`, required or not: the one `named`, or the
  /// first.
  func tag(
    of parts: [JSONValue], named name: String?, _ budget: CompilationBudget, _ path: String
  ) throws(SchemaError) -> String? {
    let facts = parts.map { Facts(self, resolved($0, depth: 0)) }
    guard let first = facts.first, facts.allSatisfy({ $0.types == ["object"] }) else { return nil }
    let wanted = name.map { Array($0.utf8) }
    do {
      for (name, _) in first.constantMembers where wanted == nil || name == wanted {
        var used: Set<[UInt8]> = []
        var isTag = true
        for fact in facts {
          try budget.spend(64 + 16 * fact.cost)
          guard let values = fact.constantMembers[name], used.isDisjoint(with: values) else {
            isTag = false
            break
          }
          used.formUnion(values)
        }
        if isTag { return String(decoding: name, as: UTF8.self) }
      }
    } catch {
      throw SchemaError(error, path: path)
    }
    return nil
  }

  /// The properties that distinguish a schema from others.
  private struct Facts {
    var constants: Set<[UInt8]>?
    var types: Set<ExactString>?
    /// The declared members that are constants; below, those of them that are required.
    var constantMembers: [[UInt8]: Set<[UInt8]>] = [:]
    var required: Set<[UInt8]>
    var cost: Int

    init(_ disjointness: SchemaDisjointness, _ schema: JSONValue) {
      constants = Self.constants(schema)
      types = Self.types(schema)
      required = Set(schema["required"]?.array?.compactMap { $0.string.map { Array($0.utf8) } } ?? [])
      for (name, member) in schema["properties"]?.object?.members.map({ $0 }) ?? [] {
        constantMembers[Array(name.utf8)] = Self.constants(disjointness.resolved(member, depth: 0))
      }
      cost = constantMembers.values.reduce((constants?.count ?? 0) + constantMembers.count) { $0 + $1.count }
    }

    func excludes(_ other: Facts) -> Bool {
      if let a = constants, let b = other.constants { return a.isDisjoint(with: b) }
      if let a = types, let b = other.types, a.isDisjoint(with: b) { return true }
      guard types == ["object"], other.types == ["object"] else { return false }
      for (name, values) in constantMembers where required.contains(name) || other.required.contains(name) {
        if let others = other.constantMembers[name], values.isDisjoint(with: others) { return true }
      }
      return false
    }

    private static func constants(_ schema: JSONValue) -> Set<[UInt8]>? {
      (schema["const"].map { [$0] } ?? schema["enum"]?.array).map { Set($0.map(key)) }
    }

    /// Returns a value's text, which is the same for equal numbers.
    private static func key(_ value: JSONValue) -> [UInt8] { value.double.map { Array("\($0)".utf8) } ?? value.encoded }

    private static func types(_ schema: JSONValue) -> Set<ExactString>? {
      if let values = schema["const"].map({ [$0] }) ?? schema["enum"]?.array {
        return Set(values.map { $0.double == nil ? $0.typeName.exact : "number" })
      }
      guard let type = schema["type"] else { return schema["properties"] == nil ? nil : ["object"] }
      let names = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
      return names.isEmpty ? nil : Set(names.map { $0.exact == "integer" ? "number" : $0.exact })
    }
  }

  fileprivate func resolved(_ schema: JSONValue, depth: Int) -> JSONValue {
    guard depth < 16, let pointer = schema["$ref"]?.string, pointer.utf8.count <= 4096,
      pointer.utf8.starts(with: "#/".utf8)
    else { return schema }
    var target = root
    for part in Substring(pointer.utf8.dropFirst(2)).split(at: "/") {
      guard let next = target[String(part)] else { return schema }
      target = next
    }
    return resolved(target, depth: depth + 1)
  }
}
