// Deterministic automata over characters. Every transition is one code point, which keeps lengths, intersections and
// complements simple. `CharacterAutomaton+Bytes.swift` encodes them as bytes.

import Text

/// A deterministic automaton over character classes. State 0 is the initial state.
struct CharacterAutomaton: Sendable {
  let classes: CharacterClasses
  /// The transition table `[states, classes]`; -1 means no transition.
  private(set) var targets: [Int32] = []
  private(set) var accepting: [Bool] = []

  init(classes: CharacterClasses) { self.classes = classes }

  var count: Int { accepting.count }

  @inline(__always) func next(_ state: Int32, _ number: Int) -> Int32 { targets[Int(state) * classes.count + number] }

  /// Adds a state without transitions. Throws beyond `limit` states.
  mutating func add(accepting isAccepting: Bool, limit: Int = SchemaLimits.patternStates) throws(PatternError) -> Int32
  {
    if count >= limit { throw PatternError(reason: "needs more than \(limit) states") }
    if targets.count > SchemaLimits.tableEntries { throw PatternError(reason: "is too complex to compile") }
    accepting.append(isAccepting)
    targets.append(contentsOf: repeatElement(-1, count: classes.count))
    return Int32(count - 1)
  }

  mutating func accept(_ state: Int32) { accepting[Int(state)] = true }

  mutating func connect(_ state: Int32, _ number: Int, _ target: Int32) {
    targets[Int(state) * classes.count + number] = target
  }

  /// Returns the automaton of all states reachable from `start` by `step`.
  private static func explored<State: Hashable>(
    _ classes: CharacterClasses, from start: State, budget: CompilationBudget, step: (State, Int) -> State?,
    isAccepting: (State) -> Bool
  ) throws(PatternError) -> CharacterAutomaton? {
    var whole = CharacterAutomaton(classes: classes)
    var numbers = [start: try whole.add(accepting: isAccepting(start))]
    var waiting = [start]
    while let state = waiting.popLast() {
      guard let number = numbers[state] else { continue }
      try budget.spend(16 * classes.count)
      for letter in 0..<classes.count {
        guard let next = step(state, letter) else { continue }
        var target = numbers[next]
        if target == nil {
          target = try whole.add(accepting: isAccepting(next))
          numbers[next] = target
          waiting.append(next)
        }
        if let target { whole.connect(number, letter, target) }
      }
    }
    return try whole.trimmed(budget)
  }

  /// Returns the intersection with `other`, which must have the same classes; nil if it is empty.
  func intersection(
    _ other: CharacterAutomaton, _ budget: CompilationBudget
  ) throws(PatternError) -> CharacterAutomaton? {
    struct Pair: Hashable {
      var one, other: Int32
    }
    return try Self.explored(
      classes, from: Pair(one: 0, other: 0), budget: budget,
      step: { pair, letter in
        let pair = Pair(one: next(pair.one, letter), other: other.next(pair.other, letter))
        return pair.one < 0 || pair.other < 0 ? nil : pair
      }, isAccepting: { accepting[Int($0.one)] && other.accepting[Int($0.other)] })
  }

  /// Returns the texts of `least` to `most` characters; nil if there are none.
  func ofLength(
    _ least: Int32, _ most: Int32, _ budget: CompilationBudget
  ) throws(PatternError) -> CharacterAutomaton? {
    struct Counted: Hashable {
      var state, length: Int32
    }
    return try Self.explored(
      classes, from: Counted(state: 0, length: 0), budget: budget,
      step: { from, letter in
        let target = next(from.state, letter)
        if target < 0 || from.length >= most { return nil }
        // Without a maximum, counting stops at the minimum.
        return Counted(state: target, length: most == .max ? min(from.length + 1, least) : from.length + 1)
      }, isAccepting: { accepting[Int($0.state)] && $0.length >= least })
  }

  /// Returns the complement; nil if it is empty.
  func complement(_ budget: CompilationBudget) throws(PatternError) -> CharacterAutomaton? {
    var whole = self
    let sink = try whole.add(accepting: false, limit: .max)
    try budget.spend(whole.targets.count)
    for index in whole.targets.indices where whole.targets[index] < 0 { whole.targets[index] = sink }
    whole.accepting = whole.accepting.map { !$0 }
    return try whole.trimmed(budget)
  }

  /// Returns the states from which every text is accepted.
  func universal(_ budget: CompilationBudget) throws(PatternError) -> [Bool] {
    var seeds = accepting.map { !$0 }
    try budget.spend(targets.count)
    for state in accepting.indices
    where targets[state * classes.count..<(state + 1) * classes.count].contains(where: { $0 < 0 }) {
      seeds[state] = true
    }
    return try reaching(seeds, budget).map { !$0 }
  }

  /// Returns the automaton without dead states; nil if it accepts no text.
  func trimmed(_ budget: CompilationBudget) throws(PatternError) -> CharacterAutomaton? {
    let live = try reaching(accepting, budget)
    guard live.first == true else { return nil }
    if !live.contains(false) { return self }
    var numbers = [Int32](repeating: -1, count: count)
    var trimmed = CharacterAutomaton(classes: classes)
    for state in live.indices where live[state] {
      numbers[state] = try trimmed.add(accepting: accepting[state], limit: .max)
    }
    for state in live.indices where live[state] {
      for letter in 0..<classes.count {
        let target = next(Int32(state), letter)
        if target >= 0 { trimmed.connect(numbers[state], letter, numbers[Int(target)]) }
      }
    }
    return trimmed
  }

  /// Returns the states from which one of `seeds` can be reached.
  private func reaching(_ seeds: [Bool], _ budget: CompilationBudget) throws(PatternError) -> [Bool] {
    try budget.spend(2 * targets.count)
    var sources = [[Int32]](repeating: [], count: count)
    for state in 0..<Int32(count) {
      var last: Int32 = -1
      for letter in 0..<classes.count {
        let target = next(state, letter)
        if target >= 0, target != last { sources[Int(target)].append(state) }
        last = target
      }
    }
    var visited = seeds
    var waiting = seeds.indices.filter { seeds[$0] }
    while let state = waiting.popLast() {
      for source in sources[state] where !visited[Int(source)] {
        visited[Int(source)] = true
        waiting.append(Int(source))
      }
    }
    return visited
  }
}
