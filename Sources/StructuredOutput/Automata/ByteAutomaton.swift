// Deterministic automata over bytes for the scalars of JSON: strings, numbers and patterns. Bytes with identical
// transitions share a column of the table. Every state is reachable and can reach acceptance, so an allowed byte
// never leads to a dead end.

import Text

/// A deterministic automaton without dead states.
struct ByteAutomaton: Sendable {
  /// The column of each byte.
  private let columns: [UInt8]
  private let width: Int
  /// The transition table `[states, width]`; -1 means no transition.
  private let targets: [Int32]
  private let accepting: [Bool]
  private let final: [Bool]
  /// The initial state.
  static let start: Int32 = 0

  /// The number of states.
  var count: Int { accepting.count }
  /// The number of entries in the transition table.
  var tableEntries: Int { targets.count }

  /// Returns the state after `byte`, or -1.
  @inline(__always) func next(_ state: Int32, _ byte: UInt8) -> Int32 {
    targets[Int(state) * width + Int(columns[Int(byte)])]
  }

  /// Whether the text may end in `state`.
  @inline(__always) func isAccepting(_ state: Int32) -> Bool { accepting[Int(state)] }
  /// Whether the text must end in `state`.
  @inline(__always) func isFinal(_ state: Int32) -> Bool { final[Int(state)] }

  /// Returns the number of texts that can follow each state, capped at `limit`.
  func texts(upTo limit: Int, _ budget: CompilationBudget) throws(PatternError) -> [Int32] {
    try budget.spend(300 * count)
    // Processes states whose targets are all known. States on a cycle are never processed.
    var sums = [Int](repeating: 0, count: count), open = [Int](repeating: 0, count: count)
    var sources = [[(state: Int32, bytes: Int)]](repeating: [], count: count)
    for state in 0..<Int32(count) {
      var bytes: [Int32: Int] = [:]
      for byte in UInt8.min...UInt8.max where next(state, byte) >= 0 { bytes[next(state, byte), default: 0] += 1 }
      open[Int(state)] = bytes.count
      if isAccepting(state) { sums[Int(state)] = 1 }
      for (target, number) in bytes { sources[Int(target)].append((state, number)) }
    }
    var waiting = open.indices.filter { open[$0] == 0 }
    var isKnown = [Bool](repeating: false, count: count)
    while let state = waiting.popLast() {
      isKnown[state] = true
      for (source, bytes) in sources[state] {
        sums[Int(source)] = min(sums[Int(source)] + min(sums[state], limit) * bytes, limit)
        open[Int(source)] -= 1
        if open[Int(source)] == 0 { waiting.append(Int(source)) }
      }
    }
    return sums.indices.map { Int32(isKnown[$0] ? min(sums[$0], limit) : limit) }
  }

  /// Returns the union of `automata`; nil if there are none.
  static func union(
    _ automata: [ByteAutomaton], _ budget: CompilationBudget
  ) throws(PatternError) -> ByteAutomaton? {
    if automata.count < 2 { return automata.first }
    var builder = ByteAutomatonBuilder()
    func isAccepting(_ states: [Int32]) -> Bool {
      states.indices.contains { states[$0] >= 0 && automata[$0].isAccepting(states[$0]) }
    }
    let first = [Int32](repeating: start, count: automata.count)
    var numbers = [first: builder.state(accepting: isAccepting(first))]
    var waiting = [first]
    while let states = waiting.popLast() {
      guard let number = numbers[states] else { continue }
      try budget.spend(256 * automata.count * 4)
      for byte in UInt8.min...UInt8.max {
        let next = states.indices.map { states[$0] < 0 ? -1 : automata[$0].next(states[$0], byte) }
        if next.allSatisfy({ $0 < 0 }) { continue }
        if numbers[next] == nil {
          if builder.count >= SchemaLimits.patternStates {
            throw PatternError(reason: "needs more than \(SchemaLimits.patternStates) states")
          }
          numbers[next] = builder.state(accepting: isAccepting(next))
          waiting.append(next)
        }
        if let target = numbers[next] { builder.connect(number, byte...byte, target) }
      }
    }
    guard case .automaton(let automaton) = builder.build(entries: SchemaLimits.tableEntries) else { return nil }
    return automaton
  }

  fileprivate init(columns: [UInt8], width: Int, targets: [Int32], accepting: [Bool]) {
    self.columns = columns
    self.width = width
    self.targets = targets
    self.accepting = accepting
    final = accepting.indices.map { state in
      accepting[state] && !targets[state * width..<(state + 1) * width].contains { $0 >= 0 }
    }
  }
}

/// Collects states and transitions. State 0 is the initial state.
struct ByteAutomatonBuilder {
  private struct Edge {
    var low, high: UInt8
    var target: Int32
  }
  private var edges: [[Edge]] = []
  private var accepting: [Bool] = []
  /// The state numbers in the built automaton; -1 for states that were removed.
  private var numbers: [Int32] = []

  /// The number of states so far.
  var count: Int { edges.count }

  /// Returns the number of `state` in the built automaton; nil if it was removed.
  func number(of state: Int32) -> Int32? { numbers[Int(state)] < 0 ? nil : numbers[Int(state)] }

  /// Adds a state.
  mutating func state(accepting isAccepting: Bool = false) -> Int32 {
    edges.append([])
    accepting.append(isAccepting)
    return Int32(edges.count - 1)
  }

  /// Makes `state` accepting.
  mutating func accept(_ state: Int32) { accepting[Int(state)] = true }

  /// Adds a transition on `bytes`, which must not overlap another transition of `source`.
  mutating func connect(_ source: Int32, _ bytes: ClosedRange<UInt8>, _ target: Int32) {
    edges[Int(source)].append(Edge(low: bytes.lowerBound, high: bytes.upperBound, target: target))
  }

  /// Adds a transition on one byte.
  mutating func connect(_ source: Int32, _ byte: Unicode.Scalar, _ target: Int32) {
    connect(source, UInt8(ascii: byte)...UInt8(ascii: byte), target)
  }

  /// Builds the automaton without dead states, keeping their order. `entries` limits the size of the table.
  mutating func build(entries: Int) -> BuildResult {
    let live = zip(coreachable(), reachable()).map { $0 && $1 }
    numbers = [Int32](repeating: -1, count: edges.count)
    guard live.first == true else { return .empty }
    var count: Int32 = 0
    for state in edges.indices where live[state] {
      numbers[state] = count
      count += 1
    }
    var cuts = [Bool](repeating: false, count: 257)
    for state in edges.indices where live[state] {
      for edge in edges[state] where live[Int(edge.target)] {
        cuts[Int(edge.low)] = true
        cuts[Int(edge.high) + 1] = true
      }
    }
    var columns = [UInt8](repeating: 0, count: 256)
    var column = 0
    for byte in 1..<256 {
      if cuts[byte] { column += 1 }
      columns[byte] = UInt8(column)
    }
    let width = column + 1
    guard Int(count) * width <= entries else { return .tooLarge }
    var targets = [Int32](repeating: -1, count: Int(count) * width)
    var ends: [Bool] = []
    for state in edges.indices where live[state] {
      let row = Int(numbers[state]) * width
      ends.append(accepting[state])
      for edge in edges[state] where live[Int(edge.target)] {
        for column in columns[Int(edge.low)]...columns[Int(edge.high)] {
          targets[row + Int(column)] = numbers[Int(edge.target)]
        }
      }
    }
    return .automaton(ByteAutomaton(columns: columns, width: width, targets: targets, accepting: ends))
  }

  /// The result of building.
  enum BuildResult {
    case automaton(ByteAutomaton)
    /// No text is accepted.
    case empty
    /// The table would exceed the limit.
    case tooLarge
  }

  /// Returns which states are reachable from the initial state.
  private func reachable() -> [Bool] {
    var visited = [Bool](repeating: false, count: edges.count)
    guard !edges.isEmpty else { return visited }
    var waiting = [0]
    visited[0] = true
    while let state = waiting.popLast() {
      for edge in edges[state] where !visited[Int(edge.target)] {
        visited[Int(edge.target)] = true
        waiting.append(Int(edge.target))
      }
    }
    return visited
  }

  /// Returns which states can reach acceptance.
  private func coreachable() -> [Bool] {
    var sources = [[Int32]](repeating: [], count: edges.count)
    for (state, list) in edges.enumerated() {
      for edge in list { sources[Int(edge.target)].append(Int32(state)) }
    }
    var visited = accepting
    var waiting = accepting.indices.filter { accepting[$0] }
    while let state = waiting.popLast() {
      for source in sources[state] where !visited[Int(source)] {
        visited[Int(source)] = true
        waiting.append(Int(source))
      }
    }
    return visited
  }
}
