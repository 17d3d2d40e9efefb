// Objects: declared members in their order, then others by the forms of their names.
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
    // Names from a list are members that may be left out.
    let isListed = names?.values.map { $0.count < SchemaLimits.threads - 28 } ?? false
    if isListed, let values = names?.values, other != false {
      for name in values where properties[name] == nil { try undeclared(name, "propertyNames") }
    }
    var form = Grammar.ObjectForm(members: [], nextRequired: [])
    form.least = try limit(object, "minProperties", path) ?? 0
    form.most = try limit(object, "maxProperties", path) ?? .max
    if form.least > form.most {
      throw SchemaError(path: path, reason: "has minProperties \(form.least) above maxProperties \(form.most)")
    }
    let isRequired = Set(required.map { Array($0.utf8) })
    for (name, schema, place) in members {
      let must = isRequired.contains(Array(name.utf8))
      if let names, !(try names.allows(name, budget)) {
        if !must { continue }
        throw SchemaError(
          path: path + ".required", keyword: "required", reason: "names a member that propertyNames forbids")
      }
      let leads = try leads(name, path + ".properties")
      let value = try compile(schema, place)
      form.members.append(
        Grammar.ObjectForm.Member(first: leads.first, next: leads.next, value: value, isRequired: must))
    }
    try order(&form, path)
    // Others are generated where they are asked for, or where nothing is declared.
    let taken = members.map(\.name)
    for (index, pattern) in patterns.enumerated() {
      var rules = names?.rules ?? StringRules()
      rules.add(pattern.expression, keyword: "patternProperties", path: pattern.path)
      for (other, rival) in patterns.enumerated() where other != index {
        rules.exclude(rival.widest, path: pattern.path)
      }
      try add(others: rules, taken, pattern.schema, pattern.path, to: &form)
    }
    let isAsked = other.map { $0 != false } ?? (object["properties"] == nil && required.isEmpty && patterns.isEmpty)
    if isAsked, !isListed {
      var rules = names?.rules ?? StringRules()
      for pattern in patterns { rules.exclude(pattern.widest, path: pattern.path) }
      try add(others: rules, taken, other ?? true, path + ".additionalProperties", to: &form)
    }
    if Int(form.least) > form.members.count, form.others.isEmpty {
      throw SchemaError(
        path: path + ".minProperties", keyword: "minProperties",
        reason: "asks for \(form.least) members, and \(form.members.count) are allowed")
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

  /// Finds for every member the next one that must come.
  private func order(_ form: inout Grammar.ObjectForm, _ path: String) throws(SchemaError) {
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
  }

  // MARK: Names that are not declared

  /// A form of names with the schema of their values.
  private struct PatternProperty {
    var expression: PatternExpression
    /// What some engine matches.
    var widest: PatternExpression
    /// Names that some engine matches; nil for none.
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
        path: path, keyword: "patternProperties", reason: "must be an object of at most 16 patterns")
    }
    var patterns: [PatternProperty] = []
    for (pattern, schema) in members.members {
      var rules = StringRules()
      try rules.add(pattern: pattern, keyword: "patternProperties", path: path)
      let expression = rules.expressions[0].expression
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

  /// What `propertyNames` says.
  private struct Names {
    var rules: StringRules
    /// The only names there may be; nil for any.
    var values: [String]?
    var automaton: CharacterAutomaton?

    func allows(_ name: String, _ budget: CompilationBudget) throws(SchemaError) -> Bool {
      if let values { return values.contains { $0.utf8.elementsEqual(name.utf8) } }
      let length = name.unicodeScalars.count
      return length >= Int(rules.least) && length <= Int(rules.most) && automaton?.accepts(name) != false
    }
  }

  private func propertyNames(_ object: JSONObject, _ path: String) throws(SchemaError) -> Names? {
    let path = path + ".propertyNames"
    guard let value = object["propertyNames"], value != true else { return nil }
    let (schema, place) = try resolved(value, path)
    guard let schema = schema.object else {
      if schema == false { return Names(rules: StringRules(), values: []) }
      throw SchemaError(path: place, keyword: "propertyNames", reason: "must be a schema of strings")
    }
    try checkNames(schema, place)
    let asked = schema.names.filter { !SchemaKeywords.annotations.contains($0.exact) && $0 != "type" }
    if schema["type"] != nil, !(try types(of: schema, place).contains("string")) {
      throw SchemaError(path: place + ".type", keyword: "type", reason: "must be string, as names are")
    }
    var rules = try stringRules(schema, place)
    if let list = schema["enum"]?.array ?? schema["const"].map({ [$0] }) {
      let values = list.compactMap(\.string)
      let texts = PatternExpression.alternatives(values.map { .text($0) })
      rules.add(texts, keyword: "propertyNames", path: place)
      if asked.count == 1 { return Names(rules: rules, values: values) }
    }
    for name in asked where !SchemaKeywords.string.contains(name.exact) && name != "enum" && name != "const" {
      throw SchemaError(path: "\(place).\(name)", keyword: name, reason: "cannot be held to for names")
    }
    return Names(rules: rules, automaton: rules.isFree ? nil : try rules.characters(budget, path: place))
  }

  /// Adds members whose names satisfy `rules` and are not `taken`.
  private mutating func add(
    others rules: StringRules, _ taken: [String], _ schema: JSONValue, _ path: String,
    to form: inout Grammar.ObjectForm
  ) throws(SchemaError) {
    // Names of others are told from declared ones by an automaton of all of them.
    if taken.reduce(0, { $0 + $1.utf8.count }) > SchemaLimits.takenBytes { return }
    var rules = rules
    rules.exclude(taken, path: path)
    let value = try compile(schema, path)
    if rules.isFree, rules.least == 0, rules.most == .max, form.least < 2 {
      return form.others.append(builder.anyMember(value: value))
    }
    let all: CharacterAutomaton
    do throws(SchemaError) {
      all = try rules.characters(budget, path: path)
    } catch {
      if error.isStopped { throw error }
      // No name is left, or too many are taken to tell others from them.
      return
    }
    do throws(PatternError) {
      guard let names = try all.ofLength(rules.least, rules.most, budget) else { return }
      if form.least < 2 {
        let first = try builder.lead(names, isFirst: true, budget)
        let next = try builder.lead(names, isFirst: false, budget)
        return form.others.append(Grammar.ObjectForm.Others(first: first, next: next, name: nil, value: value))
      }
      // The same name twice is one member.
      guard let automaton = try names.bytes(.json, budget) else { return }
      let texts = try automaton.texts(upTo: SchemaLimits.uniqueElements + 1, budget)
      let node = builder.add(.distinct(automaton, texts: texts))
      form.others.append(
        Grammar.ObjectForm.Others(
          first: Grammar.firstElement, next: Grammar.nextElement, name: (node, builder.colon()), value: value))
    } catch {
      throw SchemaError(error, path: path, keyword: "propertyNames")
    }
  }
}

extension StringRules {
  /// Texts that do not match `expression`.
  mutating func exclude(_ expression: PatternExpression, path: String) {
    let whole = PatternExpression.sequence([expression, .end])
    add(.sequence([.lookahead(whole, isNegative: true), .anything]), keyword: "patternProperties", path: path)
  }
}

extension CharacterAutomaton {
  /// Whether it accepts `text`.
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
