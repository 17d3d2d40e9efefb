// Strings of a pattern and of so many characters, without a state for every length: characters are counted while they are read, and for
// each state it is known which numbers of characters may still follow.

import Text

/// The JSON strings of an automaton that have `least` to `most` code points.
final class CountedText: Sendable {
  let automaton: ByteAutomaton
  let least, most: Int32
  /// Whether a character begins behind a state.
  private let isBoundary: [Bool]
  /// The least number of characters behind each state.
  private let shortest: [Int32]
  /// `[states, least + 1]`: the least number of characters behind a state that is no less than the column's; `never` for none.
  private let reachable: [Int32]
  private static let never = Int32.max
  /// The greatest entry of `shortest`: with more room than that a bound does not matter.
  let reach: Int32

  init(
    _ automaton: ByteAutomaton, isBoundary: [Bool], least: Int32, most: Int32, budget: CompilationBudget
  ) throws(PatternError) {
    (self.automaton, self.isBoundary, self.least, self.most) = (automaton, isBoundary, least, most)
    let count = automaton.count
    // Who leads to a state, with a character that begins or without.
    var sources = [[(state: Int32, isCharacter: Bool)]](repeating: [], count: count)
    for state in 0..<Int32(count) {
      try budget.spend(256)
      var known: Set<Int64> = []
      for byte in UInt8.min...UInt8.max {
        let target = automaton.next(state, byte)
        if target < 0 { continue }
        let isCharacter = isBoundary[Int(state)] && byte != 0x22
        if known.insert(Int64(target) << 1 | (isCharacter ? 1 : 0)).inserted {
          sources[Int(target)].append((state, isCharacter))
        }
      }
    }
    let edges = sources.reduce(0) { $0 + $1.count }
    // The smallest number at or above `least` is found within as many characters as there are states.
    let columns = Int(least) + 1
    if columns > SchemaLimits.tableEntries / max(count, 1) {
      throw PatternError(reason: "takes too many states with minLength \(least)")
    }
    let last = min(Int(most), Int(least) + count)
    // States from which exactly so many characters can follow, from none upwards.
    var shortest = [Int32](repeating: Self.never, count: count)
    var reachable = [Int32](repeating: Self.never, count: count * columns)
    var level = [Bool](repeating: false, count: count)
    var waiting = (0..<Int32(count)).filter { automaton.isAccepting($0) }
    for state in waiting { level[Int(state)] = true }
    for length in 0...last {
      // What leads here without a character.
      var place = 0
      while place < waiting.count {
        for source in sources[Int(waiting[place])] where !source.isCharacter && !level[Int(source.state)] {
          level[Int(source.state)] = true
          waiting.append(source.state)
        }
        place += 1
      }
      var next: [Int32] = []
      var isNext = [Bool](repeating: false, count: count)
      for state in waiting {
        shortest[Int(state)] = min(shortest[Int(state)], Int32(length))
        // The columns up to this length that have no entry yet are the last ones.
        var column = min(length, columns - 1)
        while column >= 0, reachable[Int(state) * columns + column] == Self.never {
          reachable[Int(state) * columns + column] = Int32(length)
          column -= 1
        }
        for source in sources[Int(state)] where source.isCharacter && !isNext[Int(source.state)] {
          isNext[Int(source.state)] = true
          next.append(source.state)
        }
      }
      try budget.spend(count + edges)
      if next.isEmpty { break }
      (waiting, level) = (next, isNext)
    }
    (self.shortest, self.reachable) = (shortest, reachable)
    reach = shortest.reduce(0) { $1 == Self.never ? $0 : max($0, $1) }
  }

  /// Whether there is any text.
  var canBegin: Bool { isOpen(ByteAutomaton.start, 0) }

  /// Whether from `state`, behind `count` characters, the text can be ended within its lengths.
  @inline(__always) private func isOpen(_ state: Int32, _ count: Int32) -> Bool {
    let rest = count >= least ? shortest[Int(state)] : reachable[Int(state) * (Int(least) + 1) + Int(least - count)]
    return rest != Self.never && (most == .max || rest <= most - count)
  }

  /// Takes `byte`; false where it cannot follow. Without an upper bound only the lower one is counted to.
  @inline(__always) func step(_ state: inout Int32, _ count: inout Int32, _ byte: UInt8) -> Bool {
    let from = state
    state = automaton.next(from, byte)
    if state < 0 { return false }
    if isBoundary[Int(from)], byte != 0x22, most < .max || count < least { count += 1 }
    return isOpen(state, count)
  }

  /// `count` as far as texts of `longest` bytes can tell it from others.
  func key(_ count: Int32, longest: Int) -> Int32 {
    if count < least || most == .max { return min(count, least) }
    let room = min(most - count, Int32(clamping: longest) + reach + 1)
    return least + 1 + (Int32(clamping: longest) + reach + 1 - room)
  }
}
