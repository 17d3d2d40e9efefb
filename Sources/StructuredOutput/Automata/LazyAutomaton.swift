// Automata from a rule instead of a table: states are values, a function says what follows, and every state that the start
// reaches becomes a row.

extension ByteAutomaton {
  /// The automaton whose states are what `step` leads to from `start`; nil where nothing is accepted. Throws `tooLarge` beyond
  /// `limit` states.
  static func explored<State: Hashable>(
    from start: State, bytes: [UInt8], limit: Int, step: (State, UInt8) -> State?, isAccepting: (State) -> Bool
  ) throws(AutomatonTooLarge) -> ByteAutomaton? {
    var builder = ByteAutomatonBuilder()
    var numbers: [State: Int32] = [start: builder.state(accepting: isAccepting(start))]
    var waiting = [start]
    while let state = waiting.popLast() {
      guard let number = numbers[state] else { continue }
      for byte in bytes {
        guard let next = step(state, byte) else { continue }
        if numbers[next] == nil {
          if builder.count >= limit { throw AutomatonTooLarge() }
          numbers[next] = builder.state(accepting: isAccepting(next))
          waiting.append(next)
        }
        if let target = numbers[next] { builder.connect(number, byte...byte, target) }
      }
    }
    switch builder.build(entries: SchemaLimits.tableEntries) {
    case .automaton(let automaton): return automaton
    case .empty: return nil
    case .tooLarge: throw AutomatonTooLarge()
    }
  }
}

/// An automaton has more states than allowed.
struct AutomatonTooLarge: Error {}
