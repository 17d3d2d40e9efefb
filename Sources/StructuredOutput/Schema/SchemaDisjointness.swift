// Whether no value satisfies two elements of a `oneOf`, as far as it shows at once: by their types, or by a required member that is
// another constant in each.
import JSON

struct SchemaDisjointness {
  let root: JSONValue

  /// Whether the elements exclude each other.
  func holds(_ parts: [JSONValue]) -> Bool {
    let parts = parts.map { resolved($0, depth: 0) }
    for (index, one) in parts.enumerated() {
      for other in parts[(index + 1)...] where !exclude(one, other) { return false }
    }
    return true
  }

  private func exclude(_ one: JSONValue, _ other: JSONValue) -> Bool {
    if let a = constants(one), let b = constants(other) { return a.allSatisfy { !b.contains($0) } }
    if let a = types(one), let b = types(other), a.isDisjoint(with: b) { return true }
    guard types(one) == ["object"], types(other) == ["object"] else { return false }
    for name in required(one) where required(other).contains(name) {
      guard let a = one["properties"]?[name], let b = other["properties"]?[name] else { continue }
      if let a = constants(resolved(a, depth: 0)), let b = constants(resolved(b, depth: 0)),
        a.allSatisfy({ !b.contains($0) })
      {
        return true
      }
    }
    return false
  }

  private func constants(_ schema: JSONValue) -> [JSONValue]? {
    schema["const"].map { [$0] } ?? schema["enum"]?.array
  }

  private func required(_ schema: JSONValue) -> [String] { schema["required"]?.array?.compactMap(\.string) ?? [] }

  private func types(_ schema: JSONValue) -> Set<String>? {
    if let values = constants(schema) { return Set(values.map { $0.double == nil ? $0.typeName : "number" }) }
    guard let type = schema["type"] else { return nil }
    let names = type.string.map { [$0] } ?? type.array?.compactMap(\.string) ?? []
    return names.isEmpty ? nil : Set(names.map { $0 == "integer" ? "number" : $0 })
  }

  private func resolved(_ schema: JSONValue, depth: Int) -> JSONValue {
    guard depth < 16, let pointer = schema["$ref"]?.string, pointer.hasPrefix("#/") else { return schema }
    var target = root
    for part in pointer.dropFirst(2).split(separator: "/") {
      guard let next = target[String(part)] else { return schema }
      target = next
    }
    return resolved(target, depth: depth + 1)
  }
}
