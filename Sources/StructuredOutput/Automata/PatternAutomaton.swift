// Compiles a regular expression to a deterministic automaton over characters: Thompson's construction, then subsets.
// A lookahead is a separate automaton for the rest of the text. Each alternative tracks the states of the lookaheads
// it has passed, and ends only if they accept.

import Text

/// Builds the automaton of one expression.
struct PatternAutomaton {
  private enum EpsilonTransition {
    case always(Int32)
    case atStart(Int32)
    case atEnd(Int32)
    case lookahead(Int, Int32)
  }
  private struct State {
    /// The character sets (of `classes`) and the states they lead to.
    var moves: [(set: Int32, target: Int32)] = []
    var epsilons: [EpsilonTransition] = []
  }
  /// The automaton for the rest of a text that a lookahead requires.
  private struct LookaheadAutomaton {
    /// nil if no text satisfies the lookahead.
    var automaton: CharacterAutomaton?
    var isUniversal: [Bool] = []
  }
  /// The state of a passed lookahead: its number, whether it began at the start of the text, and its automaton's
  /// state.
  private struct Obligation: Hashable, Comparable {
    var rest, state: Int32
    static func < (a: Obligation, b: Obligation) -> Bool { (a.rest, a.state) < (b.rest, b.state) }
  }

  private let classes: CharacterClasses
  private let budget: CompilationBudget
  private var states: [State] = []
  private var lookaheads: [(expression: PatternExpression, isNegative: Bool)] = []
  /// For each lookahead, its automata at the start of the text and elsewhere.
  private var lookaheadAutomata: [LookaheadAutomaton] = []
  /// The sets of obligations; index 0 is the empty set.
  private var obligations: [[Obligation]] = [[]]
  private var obligationNumbers: [[Obligation]: Int32] = [[]: 0]
  private var moved: [Int64: Int32] = [:]

  /// Returns the automaton of the JSON strings, including quotes, whose value `expression` matches completely; nil if
  /// there are none.
  static func automaton(
    of expression: PatternExpression, encoding: TextEncoding = .json, budget: CompilationBudget = CompilationBudget()
  ) throws(PatternError) -> ByteAutomaton? {
    let classes = try CharacterClasses(of: [expression], budget: budget)
    return try characters(of: expression, classes, budget)?.bytes(encoding, budget)
  }

  /// Returns the automaton of the texts that `expression` matches completely; nil if there are none.
  static func characters(
    of expression: PatternExpression, _ classes: CharacterClasses, _ budget: CompilationBudget, isAtStart: Bool = true
  ) throws(PatternError) -> CharacterAutomaton? {
    var builder = PatternAutomaton(classes: classes, budget: budget)
    let start = try builder.state()
    let end = try builder.add(expression, from: start)
    for lookahead in builder.lookaheads {
      for atStart in [true, false] {
        builder.lookaheadAutomata.append(
          try builder.rest(lookahead.expression, lookahead.isNegative, atStart: atStart && isAtStart))
      }
    }
    return try builder.determinised(from: start, to: end, isAtStart: isAtStart)
  }

  private init(classes: CharacterClasses, budget: CompilationBudget) { (self.classes, self.budget) = (classes, budget) }

  private func rest(
    _ expression: PatternExpression, _ isNegative: Bool, atStart: Bool
  ) throws(PatternError) -> LookaheadAutomaton {
    try budget.spend(1000)
    var automaton = try Self.characters(of: .sequence([expression, .anything]), classes, budget, isAtStart: atStart)
    if isNegative {
      if let positive = automaton {
        automaton = try positive.complement(budget)
      } else {
        var all = CharacterAutomaton(classes: classes)
        let state = try all.add(accepting: true)
        for letter in 0..<classes.count { all.connect(state, letter, state) }
        automaton = all
      }
    }
    return LookaheadAutomaton(automaton: automaton, isUniversal: try automaton?.universal(budget) ?? [])
  }

  // MARK: States

  private mutating func state() throws(PatternError) -> Int32 {
    if states.count >= SchemaLimits.patternNodes {
      throw PatternError(reason: "needs more than \(SchemaLimits.patternNodes) states")
    }
    states.append(State())
    return Int32(states.count - 1)
  }

  /// Adds `expression` after `source`. Returns the state after it.
  private mutating func add(_ expression: PatternExpression, from source: Int32) throws(PatternError) -> Int32 {
    try budget.spend(8)
    switch expression {
    case .empty: return source
    case .set(let ranges):
      let target = try state()
      if let number = classes.number(of: ranges) { states[Int(source)].moves.append((number, target)) }
      return target
    case .start:
      let target = try state()
      states[Int(source)].epsilons.append(.atStart(target))
      return target
    case .end:
      let target = try state()
      states[Int(source)].epsilons.append(.atEnd(target))
      return target
    case .lookahead(let part, let isNegative):
      let target = try state()
      states[Int(source)].epsilons.append(.lookahead(lookaheads.count, target))
      if lookaheads.count >= 64 { throw PatternError(reason: "has more than 64 lookaheads") }
      lookaheads.append((part, isNegative))
      return target
    case .sequence(let parts):
      var at = source
      for part in parts { at = try add(part, from: at) }
      return at
    case .alternatives(let parts):
      let target = try state()
      for part in parts {
        let begin = try state()
        states[Int(source)].epsilons.append(.always(begin))
        states[Int(try add(part, from: begin))].epsilons.append(.always(target))
      }
      return target
    case .repeated(let part, let least, let most):
      var at = source
      for _ in 0..<least { at = try add(part, from: at) }
      let target = try state()
      if let most {
        for _ in least..<max(least, most) {
          states[Int(at)].epsilons.append(.always(target))
          at = try add(part, from: at)
        }
      } else {
        let loop = try state()
        states[Int(at)].epsilons.append(.always(loop))
        states[Int(try add(part, from: loop))].epsilons.append(.always(loop))
        at = loop
      }
      states[Int(at)].epsilons.append(.always(target))
      return target
    }
  }

  // MARK: Obligations

  private mutating func number(of set: [Obligation]) throws(PatternError) -> Int32 {
    try budget.spend(16 + 32 * set.count)
    if let known = obligationNumbers[set] { return known }
    if set.count > 16 || obligations.count > SchemaLimits.patternStates {
      throw PatternError(reason: "has lookaheads that are too complex")
    }
    obligations.append(set)
    obligationNumbers[set] = Int32(obligations.count - 1)
    return Int32(obligations.count - 1)
  }

  /// Returns the obligations `set` plus a lookahead that begins here; nil if no text satisfies it.
  private mutating func adding(_ lookahead: Int, isAtStart: Bool, to set: Int32) throws(PatternError) -> Int32? {
    let number = 2 * lookahead + (isAtStart ? 0 : 1)
    guard lookaheadAutomata[number].automaton != nil else { return nil }
    if lookaheadAutomata[number].isUniversal[0] { return set }
    let new = Obligation(rest: Int32(number), state: 0)
    let old = obligations[Int(set)]
    return old.contains(new) ? set : try self.number(of: (old + [new]).sorted())
  }

  /// Returns the obligations after a character; nil if one can no longer be met.
  private mutating func moved(_ set: Int32, by letter: Int32) throws(PatternError) -> Int32? {
    if set == 0 { return 0 }
    let key = Int64(set) << 32 | Int64(letter)
    try budget.spend(8)
    if let known = moved[key] { return known < 0 ? nil : known }
    var next: [Obligation] = []
    try budget.spend(8 * obligations[Int(set)].count)
    for obligation in obligations[Int(set)] {
      let lookahead = lookaheadAutomata[Int(obligation.rest)]
      let state = lookahead.automaton?.next(obligation.state, Int(letter)) ?? -1
      if state < 0 {
        moved[key] = -1
        return nil
      }
      let new = Obligation(rest: obligation.rest, state: state)
      if !lookahead.isUniversal[Int(state)], !next.contains(new) { next.append(new) }
    }
    let number = try number(of: next.sorted())
    moved[key] = number
    return number
  }

  /// Whether a text may end with the obligations `set`.
  private func areMet(_ set: Int32) -> Bool {
    obligations[Int(set)].allSatisfy { lookaheadAutomata[Int($0.rest)].automaton?.accepting[Int($0.state)] == true }
  }

  // MARK: Subsets

  /// A state with its obligations.
  private struct Configuration: Hashable, Comparable {
    var state, obligations: Int32
    static func < (a: Configuration, b: Configuration) -> Bool { (a.state, a.obligations) < (b.state, b.obligations) }
  }

  /// Returns what `kernel` reaches without consuming a character, and whether the text may end.
  private mutating func closure(
    _ kernel: [Configuration], isAtStart: Bool, end: Int32
  ) throws(PatternError) -> (configurations: [Configuration], isAccepting: Bool) {
    var isAccepting = false
    var configurations: [Configuration] = []
    var visited = Set<Configuration>(), closed = Set<Configuration>()
    var waiting: [(configuration: Configuration, isClosed: Bool)] = []
    func visit(_ state: Int32, _ set: Int32, _ isClosed: Bool) {
      let configuration = Configuration(state: state, obligations: set)
      if isClosed
        ? !visited.contains(configuration) && closed.insert(configuration).inserted
        : visited.insert(configuration).inserted
      {
        waiting.append((configuration, isClosed))
      }
    }
    for configuration in kernel { visit(configuration.state, configuration.obligations, false) }
    while let (configuration, isClosed) = waiting.popLast() {
      let state = states[Int(configuration.state)]
      try budget.spend(16 + 8 * state.epsilons.count)
      if configuration.state == end, !isAccepting { isAccepting = areMet(configuration.obligations) }
      if !isClosed, !state.moves.isEmpty { configurations.append(configuration) }
      for epsilon in state.epsilons {
        switch epsilon {
        case .always(let target): visit(target, configuration.obligations, isClosed)
        case .atStart(let target): if isAtStart { visit(target, configuration.obligations, isClosed) }
        case .atEnd(let target): visit(target, configuration.obligations, true)
        case .lookahead(let number, let target):
          if let set = try adding(number, isAtStart: isAtStart, to: configuration.obligations) {
            visit(target, set, isClosed)
          }
        }
      }
    }
    return (configurations.sorted(), isAccepting)
  }

  private mutating func determinised(
    from start: Int32, to end: Int32, isAtStart: Bool
  ) throws(PatternError) -> CharacterAutomaton? {
    struct Subset: Hashable {
      var configurations: [Configuration]
      var isAccepting: Bool
    }
    var whole = CharacterAutomaton(classes: classes)
    let first = try closure([Configuration(state: start, obligations: 0)], isAtStart: isAtStart, end: end)
    let beginning = Subset(configurations: first.configurations, isAccepting: first.isAccepting)
    var numbers = [beginning: try whole.add(accepting: first.isAccepting)]
    var kernels: [[Configuration]: Int32] = [:]
    var waiting = [beginning]
    var buckets = [[Configuration]](repeating: [], count: classes.count)
    while let subset = waiting.popLast() {
      guard let number = numbers[subset] else { continue }
      for configuration in subset.configurations {
        for move in states[Int(configuration.state)].moves {
          let letters = classes.members[Int(move.set)]
          try budget.spend(4 + 4 * letters.count)
          for letter in letters {
            guard let set = try moved(configuration.obligations, by: letter) else { continue }
            buckets[Int(letter)].append(Configuration(state: move.target, obligations: set))
          }
        }
      }
      try budget.spend(classes.count)
      for letter in buckets.indices where !buckets[letter].isEmpty {
        let kernel = buckets[letter].count == 1 ? buckets[letter] : Array(Set(buckets[letter])).sorted()
        try budget.spend(16 * kernel.count)
        buckets[letter].removeAll(keepingCapacity: true)
        if let known = kernels[kernel] {
          whole.connect(number, letter, known)
          continue
        }
        let next = try closure(kernel, isAtStart: false, end: end)
        let target = Subset(configurations: next.configurations, isAccepting: next.isAccepting)
        var known = numbers[target]
        if known == nil {
          known = try whole.add(accepting: target.isAccepting)
          numbers[target] = known
          waiting.append(target)
        }
        if let known {
          kernels[kernel] = known
          whole.connect(number, letter, known)
        }
      }
    }
    return try whole.trimmed(budget)
  }
}
