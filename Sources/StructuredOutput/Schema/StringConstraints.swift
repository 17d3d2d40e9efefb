// What a schema says about a string: patterns, formats, lengths, names that are taken. All of it together is one automaton.
import JSON
import Text

/// Conditions on one string, which hold together.
struct StringRules {
  /// Expressions that the whole text matches, with the keywords that they come from.
  private(set) var expressions: [(expression: PatternExpression, keyword: String, path: String)] = []
  var least: Int32 = 0
  var most: Int32 = .max

  /// Whether there is nothing but lengths.
  var isFree: Bool { expressions.isEmpty }

  mutating func add(_ expression: PatternExpression, keyword: String, path: String) {
    expressions.append((expression, keyword, path))
  }

  /// Adds a pattern of the schema.
  mutating func add(pattern: String, keyword: String, path: String) throws(SchemaError) {
    if pattern.utf8.count > SchemaLimits.patternBytes {
      throw SchemaError(
        path: path, keyword: keyword,
        reason: "has \(pattern.utf8.count) bytes; at most \(SchemaLimits.patternBytes) are allowed")
    }
    do {
      var expression = try PatternParser.parse(pattern)
      if let lengths = expression.takeLengths() {
        // zod writes host names so; counted, they take no states.
        (least, most) = (max(least, Int32(lengths.lowerBound)), min(most, Int32(lengths.upperBound)))
      }
      add(expression, keyword: keyword, path: path)
    } catch {
      throw SchemaError(error, path: path, keyword: keyword)
    }
  }

  /// Texts other than `names`.
  mutating func exclude(_ names: [String], path: String) {
    if names.isEmpty { return }
    let taken = PatternExpression.sequence([.alternatives(names.map { .text($0) }), .end])
    add(.sequence([.lookahead(taken, isNegative: true), .anything]), keyword: "properties", path: path)
  }

  /// The automaton of the texts for which all expressions hold, whatever their lengths. Throws where there are none.
  func characters(_ budget: CompilationBudget, path: String) throws(SchemaError) -> CharacterAutomaton {
    var place = (keyword: "pattern", path: path)
    do throws(PatternError) {
      let all = expressions.isEmpty ? [(expression: .anything, keyword: "", path: path)] : expressions
      let classes = try CharacterClasses(of: all.map(\.expression), budget: budget)
      var whole: CharacterAutomaton?
      for part in all {
        place = (part.keyword, part.path)
        guard let automaton = try PatternAutomaton.characters(of: part.expression, classes, budget) else {
          throw PatternError(reason: "matches no string")
        }
        if let before = whole {
          whole = try before.intersection(automaton, budget)
          if whole == nil { throw PatternError(reason: "matches no string that \(all[0].keyword) allows too") }
        } else {
          whole = automaton
        }
      }
      guard let whole else { throw PatternError(reason: "matches no string") }
      return whole
    } catch {
      throw SchemaError(error, path: place.path, keyword: place.keyword)
    }
  }
}

extension SchemaCompiler {
  /// What `object` says about strings.
  func stringRules(_ object: JSONObject, _ path: String) throws(SchemaError) -> StringRules {
    var rules = StringRules()
    rules.least = try limit(object, "minLength", path) ?? 0
    rules.most = try limit(object, "maxLength", path) ?? .max
    if rules.least > rules.most {
      throw SchemaError(path: path, reason: "has minLength \(rules.least) above maxLength \(rules.most)")
    }
    if let value = object["pattern"] {
      guard let text = value.string else {
        throw SchemaError(path: path + ".pattern", keyword: "pattern", reason: "must be a string")
      }
      try rules.add(pattern: text, keyword: "pattern", path: path + ".pattern")
    }
    for pattern in object[SchemaKeywords.patterns]?.array ?? [] {
      try rules.add(pattern: pattern.string ?? "", keyword: "pattern", path: path + ".pattern")
    }
    if let value = object["format"] {
      guard let name = value.string else {
        throw SchemaError(path: path + ".format", keyword: "format", reason: "must be a string")
      }
      // Formats that are not known say nothing about values (JSON Schema 2020-12, validation, section 7).
      if let known = StringFormats.pattern(of: name, isBounded: rules.most < .max) {
        try rules.add(pattern: "^(?:\(known))$", keyword: "format", path: path + ".format")
      }
    }
    return rules
  }

  /// The node of the strings that `rules` allow.
  mutating func string(_ rules: StringRules, _ path: String) throws(SchemaError) -> NodeID {
    if rules.isFree, !isUnique { return builder.add(.text(least: rules.least, most: rules.most)) }
    let characters = try rules.characters(budget, path: path)
    let place = rules.expressions.first.map { ($0.path, $0.keyword) } ?? (path, "maxLength")
    do throws(PatternError) {
      if rules.least == 0, rules.most == .max {
        guard let automaton = try characters.bytes(.json, budget) else { throw Self.noString }
        return try add(automaton)
      }
      // Few lengths make states of their own; many are counted.
      let most = rules.most == .max ? rules.least : rules.most
      if isUnique || (Int(most) + 1) * characters.count <= SchemaLimits.unrolledStates {
        guard let automaton = try characters.ofLength(rules.least, rules.most, budget)?.bytes(.json, budget) else {
          throw Self.noString
        }
        return try add(automaton)
      }
      guard let (automaton, isBoundary) = try characters.counted(.json, budget) else { throw Self.noString }
      let counted = try CountedText(
        automaton, isBoundary: isBoundary, least: rules.least, most: rules.most, budget: budget)
      guard counted.canBegin else { throw Self.noString }
      return try add(counted)
    } catch {
      throw SchemaError(error, path: place.0, keyword: place.1)
    }
  }

  private static let noString = PatternError(reason: "matches no string of the length that is asked for")

  private mutating func add(_ automaton: ByteAutomaton) throws(PatternError) -> NodeID {
    try budget.spend(automaton.tableEntries)
    return builder.add(automaton)
  }

  private mutating func add(_ text: CountedText) throws(PatternError) -> NodeID {
    try budget.spend(text.automaton.tableEntries)
    return builder.add(.counted(text))
  }
}
