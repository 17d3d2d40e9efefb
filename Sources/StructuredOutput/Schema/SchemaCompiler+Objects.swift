// Objects: declared members in order, then additional ones by the form of their names.
import JSON
import Text

extension SchemaCompiler {
  mutating func object(_ object: JSONObject, _ path: String) throws(SchemaError) -> NodeID {
    if isUnique { throw Self.notDistinct(path) }
    let required = try requiredNames(object, path)
    var properties = JSONObject()
    if let value = object["properties"] {
      guard let members = value.object else {
        throw SchemaError(path: path + ".properties", keyword: "properties", reason: "must be an object")
      }
      properties = members
    }
    let names = try propertyNames(object, path)
    let patterns = try patternProperties(object, path)
    let other = object["additionalProperties"]
    var members: [(name: String, schema: JSONValue, path: String)] = []
    for (name, schema) in properties.members {
      let parts = [schema] + patterns.filter { $0.matches(name) }.map(\.schema)
      members.append((name, parts.count == 1 ? schema : ["allOf": .array(parts)], "\(path).properties.\(name)"))
    }
    var known = Set(members.map { Array($0.name.utf8) })
    func undeclared(_ name: String, _ keyword: String) throws(SchemaError) {
      try spend(500 + 16 * name.utf8.count * (patterns.count + 1), path)
      let matching = patterns.filter { $0.matches(name) }
      if matching.isEmpty, other == false {
        throw SchemaError(
          path: "\(path).\(keyword)", keyword: keyword, reason: "names a member that additionalProperties forbids")
      }
      let schema =
        matching.isEmpty
        ? other ?? true : matching.count == 1 ? matching[0].schema : ["allOf": .array(matching.map(\.schema))]
      if known.insert(Array(name.utf8)).inserted { members.append((name, schema, path + ".additionalProperties")) }
    }
    for name in required where properties[name] == nil { try undeclared(name, "required") }
    // The names of an enum become optional members.
    let isListed = names?.values.map { $0.count < SchemaLimits.parseStates - 28 } ?? false
    if isListed, let values = names?.values, other != false {
      for name in values where properties[name] == nil { try undeclared(name, "propertyNames") }
    }
    var form = Grammar.ObjectNode(members: [], nextRequired: [])
    form.least = try limit(object, "minProperties", path) ?? 0
    form.most = try limit(object, "maxProperties", path) ?? .max
    if form.least > form.most {
      throw SchemaError(path: path, reason: "has minProperties \(form.least) above maxProperties \(form.most)")
    }
    let isRequired = Set(required.map { Array($0.utf8) })
    for (name, schema, location) in members {
      let must = isRequired.contains(Array(name.utf8))
      if let names, !(try names.allows(name, budget)) {
        if !must { continue }
        throw SchemaError(
          path: path + ".required", keyword: "required", reason: "names a member that propertyNames forbids")
      }
      let leads = try leads(name, path + ".properties")
      let value = try compile(schema, location)
      form.members.append(
        Grammar.ObjectNode.Member(first: leads.first, next: leads.next, value: value, isRequired: must))
    }
    try order(&form, path)
    // Additional members are generated only if requested or if none are declared.
    let taken = members.map(\.name)
    for (index, pattern) in patterns.enumerated() {
      var constraints = names?.constraints ?? StringConstraints()
      constraints.add(pattern.expression, keyword: "patternProperties", path: pattern.path)
      for (other, rival) in patterns.enumerated() where other != index {
        constraints.exclude(rival.widest, path: pattern.path)
      }
      try add(others: constraints, taken, pattern.schema, pattern.path, to: &form)
    }
    let isAsked = other.map { $0 != false } ?? (object["properties"] == nil && required.isEmpty && patterns.isEmpty)
    if isAsked, !isListed {
      var constraints = names?.constraints ?? StringConstraints()
      for pattern in patterns { constraints.exclude(pattern.widest, path: pattern.path) }
      try add(others: constraints, taken, other ?? true, path + ".additionalProperties", to: &form)
    }
    if Int(form.least) > form.members.count, form.others.isEmpty {
      throw SchemaError(
        path: path + ".minProperties", keyword: "minProperties",
        reason: "requires \(form.least) members, but only \(form.members.count) are allowed")
    }
    return builder.add(.object(form))
  }

  private func requiredNames(_ object: JSONObject, _ path: String) throws(SchemaError) -> [String] {
    guard let value = object["required"] else { return [] }
    guard let names = value.array, names.allSatisfy({ $0.string != nil }) else {
      throw SchemaError(path: path + ".required", keyword: "required", reason: "must be an array of strings")
    }
    return names.compactMap(\.string)
  }

  /// Sets the next required member for every index.
  private func order(_ form: inout Grammar.ObjectNode, _ path: String) throws(SchemaError) {
    var next = Int32(form.members.count)
    form.nextRequired = Array(repeating: next, count: form.members.count + 1)
    var run = 0
    for index in form.members.indices.reversed() {
      if form.members[index].isRequired { next = Int32(index) }
      run = form.members[index].isRequired ? 0 : run + 1
      if run >= SchemaLimits.parseStates - 8 {
        throw SchemaError(
          path: path + ".properties", keyword: "properties",
          reason: "has more than \(SchemaLimits.parseStates - 8) optional members in a row")
      }
      form.nextRequired[index] = next
    }
  }

  // MARK: Additional names

  /// A pattern of names and the schema of their values.
  private struct PatternProperty {
    var expression: PatternExpression
    /// The names that some engine matches, as an expression.
    var widest: PatternExpression
    /// The names that some engine matches, as an automaton; nil if there are none.
    var automaton: CharacterAutomaton?
    var schema: JSONValue
    var path: String

    func matches(_ name: String) -> Bool { automaton?.accepts(name) == true }
  }

  private func patternProperties(_ object: JSONObject, _ path: String) throws(SchemaError) -> [PatternProperty] {
    let path = path + ".patternProperties"
    guard let value = object["patternProperties"] else { return [] }
    guard let members = value.object, members.count <= 16 else {
      throw SchemaError(
        path: path, keyword: "patternProperties", reason: "must be an object with at most 16 patterns")
    }
    var patterns: [PatternProperty] = []
    for (pattern, schema) in members.members {
      var constraints = StringConstraints()
      try constraints.add(pattern: pattern, keyword: "patternProperties", path: path)
      let expression = constraints.expressions[0].expression
      do throws(PatternError) {
        let widest = try PatternParser.parse(pattern, isNegated: true)
        let classes = try CharacterClasses(of: [widest], budget: budget)
        patterns.append(
          PatternProperty(
            expression: expression, widest: widest,
            automaton: try PatternAutomaton.characters(of: widest, classes, budget), schema: schema, path: path))
      } catch {
        throw SchemaError(error, path: path, keyword: "patternProperties")
      }
    }
    return patterns
  }

  /// The constraints of `propertyNames`.
  private struct Names {
    var constraints: StringConstraints
    /// The allowed names; nil if any name may be allowed.
    var values: [String]?
    var automaton: CharacterAutomaton?

    func allows(_ name: String, _ budget: CompilationBudget) throws(SchemaError) -> Bool {
      if let values { return values.contains { $0.utf8.elementsEqual(name.utf8) } }
      let length = name.unicodeScalars.count
      return length >= Int(constraints.least) && length <= Int(constraints.most) && automaton?.accepts(name) != false
    }
  }

  private func propertyNames(_ object: JSONObject, _ path: String) throws(SchemaError) -> Names? {
    let path = path + ".propertyNames"
    guard let value = object["propertyNames"], value != true else { return nil }
    let (schema, location) = try resolved(value, path)
    guard let schema = schema.object else {
      if schema == false { return Names(constraints: StringConstraints(), values: []) }
      throw SchemaError(path: location, keyword: "propertyNames", reason: "must be a schema of strings")
    }
    try checkNames(schema, location)
    let asked = schema.names.filter { !SchemaKeywords.annotations.contains($0.exact) && $0 != "type" }
    if schema["type"] != nil, !(try types(of: schema, location).contains("string")) {
      throw SchemaError(path: location + ".type", keyword: "type", reason: "must be string, because names are strings")
    }
    var constraints = try stringConstraints(schema, location)
    if let list = schema["enum"]?.array ?? schema["const"].map({ [$0] }) {
      let values = list.compactMap(\.string)
      let texts = PatternExpression.alternatives(values.map { .text($0) })
      constraints.add(texts, keyword: "propertyNames", path: location)
      if asked.count == 1 { return Names(constraints: constraints, values: values) }
    }
    for name in asked where !SchemaKeywords.string.contains(name.exact) && name != "enum" && name != "const" {
      throw SchemaError(path: "\(location).\(name)", keyword: name, reason: "cannot be enforced for names")
    }
    return Names(
      constraints: constraints, automaton: constraints.isFree ? nil : try constraints.characters(budget, path: location)
    )
  }

  /// Adds members whose names satisfy `constraints` and are not `taken`.
  private mutating func add(
    others constraints: StringConstraints, _ taken: [String], _ schema: JSONValue, _ path: String,
    to form: inout Grammar.ObjectNode
  ) throws(SchemaError) {
    // An automaton of all declared names distinguishes additional ones from them.
    if taken.reduce(0, { $0 + $1.utf8.count }) > SchemaLimits.takenBytes { return }
    var constraints = constraints
    constraints.exclude(taken, path: path)
    let value = try compile(schema, path)
    if constraints.isFree, constraints.least == 0, constraints.most == .max, form.least < 2 {
      return form.others.append(builder.anyMember(value: value))
    }
    let all: CharacterAutomaton
    do throws(SchemaError) {
      all = try constraints.characters(budget, path: path)
    } catch {
      if error.isStopped { throw error }
      // No names remain, or there are too many declared names to exclude.
      return
    }
    do throws(PatternError) {
      guard let names = try all.ofLength(constraints.least, constraints.most, budget) else { return }
      if form.least < 2 {
        let first = try builder.lead(names, isFirst: true, budget)
        let next = try builder.lead(names, isFirst: false, budget)
        return form.others.append(
          Grammar.ObjectNode.AdditionalMembers(first: first, next: next, name: nil, value: value))
      }
      // The same name twice is one member.
      guard let automaton = try names.bytes(.json, budget) else { return }
      let texts = try automaton.texts(upTo: SchemaLimits.uniqueElements + 1, budget)
      let node = builder.add(.distinct(automaton, texts: texts))
      form.others.append(
        Grammar.ObjectNode.AdditionalMembers(
          first: Grammar.firstElement, next: Grammar.nextElement, name: (node, builder.colon()), value: value))
    } catch {
      throw SchemaError(error, path: path, keyword: "propertyNames")
    }
  }
}

extension StringConstraints {
  /// Excludes the texts that `expression` matches.
  mutating func exclude(_ expression: PatternExpression, path: String) {
    let whole = PatternExpression.sequence([expression, .end])
    add(.sequence([.lookahead(whole, isNegative: true), .anything]), keyword: "patternProperties", path: path)
  }
}

extension CharacterAutomaton {
  /// Whether the automaton accepts `text`.
  func accepts(_ text: String) -> Bool {
    var state: Int32 = 0
    for scalar in text.unicodeScalars {
      guard let number = classes.number(of: scalar.value) else { return false }
      state = next(state, number)
      if state < 0 { return false }
    }
    return accepting[Int(state)]
  }
}
