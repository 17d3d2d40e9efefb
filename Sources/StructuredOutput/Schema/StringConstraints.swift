// The constraints of a schema on a string: patterns, formats, lengths and excluded names. They form one automaton.
import JSON
import Text

/// Constraints that apply together to one string.
struct StringConstraints {
  /// Expressions that must match the whole text, with the keywords they come from.
  private(set) var expressions: [(expression: PatternExpression, keyword: String, path: String)] = []
  var least: Int32 = 0
  var most: Int32 = .max

  /// Whether there are no constraints except lengths.
  var isFree: Bool { expressions.isEmpty }

  mutating func add(_ expression: PatternExpression, keyword: String, path: String) {
    expressions.append((expression, keyword, path))
  }

  /// Adds a pattern of the schema.
  mutating func add(pattern: String, keyword: String, path: String) throws(SchemaError) {
    if pattern.utf8.count > SchemaLimits.patternBytes {
      throw SchemaError(
        path: path, keyword: keyword,
        reason: "must have at most \(SchemaLimits.patternBytes) bytes, got \(pattern.utf8.count)")
    }
    do {
      var expression = try PatternParser.parse(pattern)
      if let lengths = expression.takeLengths() {
        // zod writes host names this way. Counting characters needs no states.
        (least, most) = (max(least, Int32(lengths.lowerBound)), min(most, Int32(lengths.upperBound)))
      }
      add(expression, keyword: keyword, path: path)
    } catch {
      throw SchemaError(error, path: path, keyword: keyword)
    }
  }

  /// Excludes `names`.
  mutating func exclude(_ names: [String], path: String) {
    if names.isEmpty { return }
    let taken = PatternExpression.sequence([.alternatives(names.map { .text($0) }), .end])
    add(.sequence([.lookahead(taken, isNegative: true), .anything]), keyword: "properties", path: path)
  }

  /// Returns the automaton of the texts that satisfy all expressions, of any length. Throws if there are none.
  func characters(_ budget: CompilationBudget, path: String) throws(SchemaError) -> CharacterAutomaton {
    var location = (keyword: "pattern", path: path)
    do throws(PatternError) {
      let all = expressions.isEmpty ? [(expression: .anything, keyword: "", path: path)] : expressions
      let classes = try CharacterClasses(of: all.map(\.expression), budget: budget)
      var whole: CharacterAutomaton?
      for part in all {
        location = (part.keyword, part.path)
        guard let automaton = try PatternAutomaton.characters(of: part.expression, classes, budget) else {
          throw PatternError(reason: "matches no string")
        }
        if let before = whole {
          whole = try before.intersection(automaton, budget)
          if whole == nil { throw PatternError(reason: "matches no string that \(all[0].keyword) also allows") }
        } else {
          whole = automaton
        }
      }
      guard let whole else { throw PatternError(reason: "matches no string") }
      return whole
    } catch {
      throw SchemaError(error, path: location.path, keyword: location.keyword)
    }
  }
}

extension SchemaCompiler {
  /// Returns the constraints of `object` on strings.
  func stringConstraints(_ object: JSONObject, _ path: String) throws(SchemaError) -> StringConstraints {
    var constraints = StringConstraints()
    constraints.least = try limit(object, "minLength", path) ?? 0
    constraints.most = try limit(object, "maxLength", path) ?? .max
    if constraints.least > constraints.most {
      throw SchemaError(path: path, reason: "has minLength \(constraints.least) above maxLength \(constraints.most)")
    }
    if let value = object["pattern"] {
      guard let text = value.string else {
        throw SchemaError(path: path + ".pattern", keyword: "pattern", reason: "must be a string")
      }
      try constraints.add(pattern: text, keyword: "pattern", path: path + ".pattern")
    }
    for pattern in object[SchemaKeywords.patterns]?.array ?? [] {
      try constraints.add(pattern: pattern.string ?? "", keyword: "pattern", path: path + ".pattern")
    }
    if let value = object["format"] {
      guard let name = value.string else {
        throw SchemaError(path: path + ".format", keyword: "format", reason: "must be a string")
      }
      // Unknown formats do not constrain values (JSON Schema 2020-12, validation, section 7).
      if let known = StringFormats.pattern(of: name, isBounded: constraints.most < .max) {
        try constraints.add(pattern: "^(?:\(known))$", keyword: "format", path: path + ".format")
      }
    }
    return constraints
  }

  /// Adds the node of the strings that satisfy `constraints`.
  mutating func string(_ constraints: StringConstraints, _ path: String) throws(SchemaError) -> NodeID {
    if constraints.isFree, !isUnique { return builder.add(.text(least: constraints.least, most: constraints.most)) }
    let characters = try constraints.characters(budget, path: path)
    let location = constraints.expressions.first.map { ($0.path, $0.keyword) } ?? (path, "maxLength")
    do throws(PatternError) {
      if constraints.least == 0, constraints.most == .max {
        guard let automaton = try characters.bytes(.json, budget) else { throw Self.noString }
        return try add(automaton)
      }
      // A few lengths become states; many are counted.
      let most = constraints.most == .max ? constraints.least : constraints.most
      if isUnique || (Int(most) + 1) * characters.count <= SchemaLimits.unrolledStates {
        guard let automaton = try characters.ofLength(constraints.least, constraints.most, budget)?.bytes(.json, budget)
        else {
          throw Self.noString
        }
        return try add(automaton)
      }
      guard let (automaton, isBoundary) = try characters.counted(.json, budget) else { throw Self.noString }
      let counted = try CountedText(
        automaton, isBoundary: isBoundary, least: constraints.least, most: constraints.most, budget: budget)
      guard counted.canBegin else { throw Self.noString }
      return try add(counted)
    } catch {
      throw SchemaError(error, path: location.0, keyword: location.1)
    }
  }

  private static let noString = PatternError(reason: "matches no string of the required length")

  private mutating func add(_ automaton: ByteAutomaton) throws(PatternError) -> NodeID {
    try budget.spend(automaton.tableEntries)
    return builder.add(automaton)
  }

  private mutating func add(_ text: CountedText) throws(PatternError) -> NodeID {
    try budget.spend(text.automaton.tableEntries)
    return builder.add(.counted(text))
  }
}
