// What a schema says about each type of value.
import JSON

extension SchemaCompiler {
  private static let allTypes = ["string", "number", "integer", "boolean", "null", "object", "array"]

  /// The types that a schema allows. Where it names none, its keywords tell which one it is about.
  func types(of object: JSONObject, _ path: String) throws(SchemaError) -> [String] {
    if let value = object["type"] {
      let names = value.string.map { [$0] } ?? value.array?.compactMap(\.string) ?? []
      let isWhole = value.string != nil || value.array?.count == names.count
      guard isWhole, !names.isEmpty, names.allSatisfy(Self.allTypes.contains) else {
        throw SchemaError(
          path: path + ".type", keyword: "type",
          reason: "must be one or several of \(Self.allTypes.joined(separator: ", "))")
      }
      // Integers are numbers.
      return names.contains("number") ? names.filter { $0 != "integer" } : names
    }
    let families: [(Set<String>, String)] = [
      (SchemaKeywords.object, "object"), (SchemaKeywords.array, "array"), (SchemaKeywords.string, "string"),
      (SchemaKeywords.number, "number"),
    ]
    let meant = families.filter { family in object.names.contains(where: family.0.contains) }.map(\.1)
    return meant.isEmpty ? Self.allTypes.filter { $0 != "integer" } : meant
  }

  /// The values of one type.
  mutating func compile(_ type: String, _ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    switch type {
    case "boolean": return builder.add(.choice([builder.literal("true"), builder.literal("false")]))
    case "null": return builder.literal("null")
    case "number", "integer": return try number(object, path, isInteger: type == "integer")
    case "string": return try string(object, path)
    case "array": return try array(object, path)
    default:
      return object.names.contains(where: SchemaKeywords.object.contains)
        ? try self.object(object, path) : builder.anyObject()
    }
  }

  private func limit(_ object: JSONObject, _ name: String, _ path: String) throws(SchemaError) -> Int32? {
    guard let value = object[name] else { return nil }
    guard let count = value.int ?? value.double.flatMap({ Int(exactly: $0) }), count >= 0 else {
      throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "must be an integer from 0")
    }
    return Int32(clamping: min(count, Int(Int32.max) - 1))
  }

  private mutating func number(_ object: JSONObject, _ path: String, isInteger: Bool) throws(SchemaError) -> NodeID {
    func bound(_ name: String) throws(SchemaError) -> Double? {
      guard let value = object[name] else { return nil }
      guard let number = value.double, number.isFinite else {
        throw SchemaError(path: "\(path).\(name)", keyword: name, reason: "must be a number")
      }
      return number
    }
    var bounds = NumberBounds(isInteger: isInteger)
    if let value = try bound("minimum") { bounds.minimum = (value, false) }
    if let value = try bound("maximum") { bounds.maximum = (value, false) }
    if let value = try bound("exclusiveMinimum"), bounds.minimum.map({ $0.value <= value }) ?? true {
      bounds.minimum = (value, true)
    }
    if let value = try bound("exclusiveMaximum"), bounds.maximum.map({ $0.value >= value }) ?? true {
      bounds.maximum = (value, true)
    }
    if let factor = try bound("multipleOf") {
      guard factor > 0, factor == factor.rounded(), factor <= 1000 else {
        throw SchemaError(
          path: path + ".multipleOf", keyword: "multipleOf", reason: "can be held to for integers from 1 to 1000 only")
      }
      (bounds.isInteger, bounds.multipleOf) = (true, factor == 1 ? 0 : Int(factor))
    }
    let automaton: ByteAutomaton?
    do {
      automaton = try bounds.automaton()
    } catch {
      throw SchemaError(
        path: path + ".multipleOf", keyword: "multipleOf", reason: "takes too many states with these bounds")
    }
    guard let automaton else {
      throw SchemaError(path: path, reason: "has bounds that no number of \(NumberBounds.digits) digits satisfies")
    }
    return builder.add(automaton)
  }

  private mutating func string(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    let least = try limit(object, "minLength", path) ?? 0, most = try limit(object, "maxLength", path) ?? .max
    if least > most { throw SchemaError(path: path, reason: "has minLength \(least) above maxLength \(most)") }
    var keyword = "pattern"
    var pattern: String?
    if let value = object["pattern"] {
      guard let text = value.string else {
        throw SchemaError(path: path + ".pattern", keyword: "pattern", reason: "must be a string")
      }
      pattern = text
    }
    if let format = object["format"] {
      if pattern != nil {
        throw SchemaError(path: path + ".format", keyword: "format", reason: "cannot be held to beside pattern")
      }
      guard let name = format.string, let known = SchemaKeywords.formats[name] else {
        let names = SchemaKeywords.formats.keys.sorted().joined(separator: ", ")
        throw SchemaError(path: path + ".format", keyword: "format", reason: "can be held to for \(names) only")
      }
      (keyword, pattern) = ("format", "^(?:\(known))$")
    }
    guard let pattern else { return builder.add(.text(least: least, most: most)) }
    let place = "\(path).\(keyword)"
    if pattern.utf8.count > 4096 {
      throw SchemaError(
        path: place, keyword: keyword, reason: "has \(pattern.utf8.count) bytes; at most 4096 are allowed")
    }
    do {
      let automaton = try PatternAutomaton.automaton(of: try PatternParser.parse(pattern))
      guard let automaton, let bounded = try Self.bounded(automaton, least, most) else {
        throw SchemaError(path: place, keyword: keyword, reason: "matches no string of the length that is asked for")
      }
      return builder.add(bounded)
    } catch let error as PatternError {
      throw SchemaError(path: place, keyword: keyword, reason: error.reason)
    } catch let error as SchemaError {
      throw error
    } catch {
      throw SchemaError(path: place, keyword: keyword, reason: "takes too many states with these lengths")
    }
  }

  /// The texts of a pattern that have so many characters.
  private static func bounded(
    _ automaton: ByteAutomaton, _ least: Int32, _ most: Int32
  ) throws(AutomatonTooLarge) -> ByteAutomaton? {
    if least == 0, most == .max { return automaton }
    struct State: Hashable {
      var state: Int32
      var count: Int32
      var isOpen = false, isEscaped = false
    }
    return try ByteAutomaton.explored(
      from: State(state: ByteAutomaton.start, count: 0), bytes: Array(0...255), limit: SchemaLimits.patternStates,
      step: { from, byte in
        var next = from
        next.state = automaton.next(from.state, byte)
        if next.state < 0 { return nil }
        if !from.isOpen {
          next.isOpen = true
        } else if from.isEscaped {
          next.isEscaped = false
        } else if byte == 0x22 {
          return from.count >= least ? next : nil
        } else if !(0x80...0xBF).contains(byte) {
          if from.count >= most { return nil }
          next.count = most == .max ? min(from.count + 1, least) : from.count + 1
          next.isEscaped = byte == 0x5C
        }
        return next
      }, isAccepting: { automaton.isAccepting($0.state) })
  }

  private mutating func array(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    if let unique = object["uniqueItems"], unique != false {
      throw SchemaError(
        path: path + ".uniqueItems", keyword: "uniqueItems", reason: "is a keyword that this server cannot hold to")
    }
    var form = Grammar.ArrayForm(
      prefix: [], items: nil, least: try limit(object, "minItems", path) ?? 0,
      most: try limit(object, "maxItems", path) ?? .max)
    if let prefix = object["prefixItems"] {
      guard let parts = prefix.array, parts.count <= SchemaLimits.alternatives else {
        throw SchemaError(path: path + ".prefixItems", keyword: "prefixItems", reason: "must be an array of schemas")
      }
      for (index, part) in parts.enumerated() {
        form.prefix.append(try compile(part, "\(path).prefixItems[\(index)]"))
      }
    }
    switch object["items"] {
    case nil: form.items = builder.anyValue()
    case .bool(false)?: form.most = min(form.most, Int32(form.prefix.count))
    case let items?: form.items = try compile(items, path + ".items")
    }
    if form.least > form.most {
      throw SchemaError(path: path, reason: "asks for \(form.least) elements at least and \(form.most) at most")
    }
    return builder.add(.array(form))
  }

  private mutating func object(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    var required: [String] = []
    if let value = object["required"] {
      guard let names = value.array, names.allSatisfy({ $0.string != nil }) else {
        throw SchemaError(path: path + ".required", keyword: "required", reason: "must be an array of strings")
      }
      required = names.compactMap(\.string)
    }
    var properties = JSONObject()
    if let value = object["properties"] {
      guard let members = value.object else {
        throw SchemaError(path: path + ".properties", keyword: "properties", reason: "must be an object")
      }
      properties = members
    }
    // Others are generated where they are asked for, or where nothing is declared.
    let other = object["additionalProperties"]
    for name in required where properties[name] == nil {
      guard other != false else {
        throw SchemaError(
          path: path + ".required", keyword: "required", reason: "names a member that additionalProperties forbids")
      }
      _ = properties.insert(name, other ?? true)
    }
    var form = Grammar.ObjectForm(members: [], nextRequired: [], others: nil)
    for (name, schema) in properties.members {
      let value = try compile(schema, "\(path).properties.\(name)")
      form.members.append(
        Grammar.ObjectForm.Member(
          first: builder.lead(name, isFirst: true), next: builder.lead(name, isFirst: false), value: value,
          isRequired: required.contains(name)))
    }
    var next = Int32(form.members.count)
    form.nextRequired = Array(repeating: next, count: form.members.count + 1)
    var run = 0
    for index in form.members.indices.reversed() {
      if form.members[index].isRequired { next = Int32(index) }
      run = form.members[index].isRequired ? 0 : run + 1
      if run >= SchemaLimits.threads - 8 {
        throw SchemaError(
          path: path + ".properties", keyword: "properties",
          reason: "has more than \(SchemaLimits.threads - 8) members in a row that may be left out")
      }
      form.nextRequired[index] = next
    }
    if let other, other != false {
      let value = try compile(other, path + ".additionalProperties")
      form.others = builder.otherMembers(except: properties.names, value: value)
    } else if other == nil, object["properties"] == nil, required.isEmpty {
      form.others = builder.otherMembers(except: [], value: builder.anyValue())
    }
    return builder.add(.object(form))
  }
}
